"""The places of a quality report, enlarged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from logstar.rewards import QualityReport

from ._style import ATOM, FLAGGED

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

_CONTRAST = (0.1, 99.8)
_MOST_COLUMNS = 3
_INCHES = 2.6


class QualityReportDisplay:
    """Zooms on the places of a quality report, worst first.

    Parameters
    ----------
    report : QualityReport
        From `logstar.rewards.quality_report`.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure drawn on.
    axes_ : ndarray of matplotlib Axes
        One for each place.

    See Also
    --------
    logstar.rewards.quality_report : Makes the report.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from logstar.datasets import make_scene
    >>> from logstar.rewards import quality_report
    >>> from logstar.inspection import QualityReportDisplay
    >>> from logstar.lattice import Lattice
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(120, 120), random_state=0)
    >>> report = quality_report(scene.image, scene.positions[:-5], crystal)
    >>> display = QualityReportDisplay(report).plot()
    >>> len(display.axes_) == len(report.places)
    True
    """

    def __init__(self, report: QualityReport) -> None:
        self.report = report

    def plot(
        self,
        figure: Figure | SubFigure | None = None,
        *,
        atom_color: str = ATOM,
        place_color: str = FLAGGED,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new figure.
        atom_color, place_color : str
            Matplotlib colours of the atoms, and of the cross at the place.

        Returns
        -------
        self : QualityReportDisplay
        """
        report = self.report
        n = len(report.places)
        n_cols = max(1, min(n, _MOST_COLUMNS))
        n_rows = max(1, math.ceil(n / n_cols))
        if figure is None:
            import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing pays for it

            size = (_INCHES * n_cols, (_INCHES + 0.3) * n_rows + 0.5)
            figure = plt.figure(figsize=size, layout="constrained")
        axes: Any = figure.subplots(n_rows, n_cols, squeeze=False)
        low, high = np.percentile(report.image, _CONTRAST)
        for ax, place in zip(axes.flat, report.places, strict=False):
            ax.imshow(report.image, cmap="gray", vmin=low, vmax=high)
            ax.plot(*report.detections[:, ::-1].T, "o", mfc="none", mec=atom_color, ms=9, mew=1.2)
            ax.plot(place.col, place.row, "+", color=place_color, ms=14, mew=1.4)
            # Around the place, shifted into the image at its edges.
            for size, middle, limits in (
                (report.image.shape[1], place.col, ax.set_xlim),
                (report.image.shape[0], place.row, lambda a, b, ax=ax: ax.set_ylim(b, a)),
            ):
                half = min(report.radius, size / 2)
                start = min(max(middle - half, -0.5), size - 0.5 - 2 * half)
                limits(start, start + 2 * half)
            ax.set_title(f"{place.what} at ({place.row:.0f}, {place.col:.0f})", fontsize=9)
        for ax in axes.flat:
            ax.set_axis_off()
        self.figure_, self.axes_ = figure, axes.ravel()[:n]
        return self
