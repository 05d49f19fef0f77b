"""The places of a quality report, enlarged."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from logstar._validation import as_image
from logstar.rewards import Place, QualityReport
from logstar.units import PixelSize

from ._image import contrast_limits
from ._saving import new_figure, save_figure
from ._scale_bar import draw_scale_bar
from ._style import ATOM, FLAGGED, figure_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_MOST_COLUMNS = 3
#: Inches: side of a crop, room above each for its two lines of text, room between crops, and a
#: line of the concerns above all.
_SIDE, _TEXT, _GAP, _LINE = 2.6, 0.4, 0.12, 0.16
#: Width of the figure at least, for its line of concerns.
_NARROWEST = 5.2
#: Radius of the circles around atoms, by the radius of a crop, which is 2.5 nearest distances.
_CIRCLE = 0.12
#: Shares below this are not told apart.
_TOLD = 0.01
#: Why each kind of place is there; `badness` is what the report says of it, see `_reason`.
_REASONS = {
    "short pair": "two atoms {} closer than possible",
    "gap": "a gap {} wider than possible",
    "off lattice": "{} of a spacing off the lattice",
    "weakest atom": "among the weakest responses",
}


class QualityReportDisplay:
    """The places of a quality report that are worth a look, enlarged, and why each is there.

    Parameters
    ----------
    report : QualityReport
        From `logstar.rewards.quality_report`.
    pixel_size : PixelSize, str or float, default=None
        Side of a pixel: with its unit, such as "0.2 A", or in angstrom. None lets the scale bar
        measure pixels.

    Attributes
    ----------
    figure_ : matplotlib Figure or SubFigure
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
    >>> report = quality_report(scene.image, scene.positions[:-10], crystal)
    >>> display = QualityReportDisplay.from_report(report, pixel_size="0.2 A")
    >>> len(display.axes_) == len(report.places)
    True
    >>> display.has_doubts
    True
    """

    def __init__(
        self, report: QualityReport, *, pixel_size: PixelSize | str | float | None = None
    ) -> None:
        self.report = report
        self.pixel_size = None if pixel_size is None else PixelSize.of(pixel_size)

    @property
    def has_doubts(self) -> bool:
        """Whether the report doubts anything; if not, the places are only the likeliest errors.

        Returns
        -------
        has_doubts : bool
        """
        return bool(self.report.concerns and self.report.places)

    @classmethod
    def from_report(
        cls,
        report: QualityReport,
        *,
        pixel_size: PixelSize | str | float | None = None,
        figure: Figure | SubFigure | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the places of a report.

        Parameters
        ----------
        report : QualityReport
            From `logstar.rewards.quality_report`.
        pixel_size : PixelSize, str or float, default=None
            Side of a pixel: with its unit, or in angstrom. None lets the scale bar measure pixels.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : QualityReportDisplay
            Drawn.
        """
        return cls(report, pixel_size=pixel_size).plot(figure, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        finder: Any,
        *,
        figure: Figure | SubFigure | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the places that a fitted finder's report says are worth a look.

        Parameters
        ----------
        finder : AtomFinder
            Fitted.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : QualityReportDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the finder is not fitted.
        ValueError
            If it has no report, as without a lattice nothing can be judged.
        """
        check_is_fitted(finder, "atoms_")
        if finder.quality_ is None:
            raise ValueError(
                "quality_ is None: this finder knows no lattice to judge the atoms by; fit it "
                'with a crystal or with lattice="auto".'
            )
        return cls(finder.quality_, pixel_size=finder.pixel_size_).plot(figure, **kwargs)

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
            Where to draw; None makes a new one of the right size.
        atom_color, place_color : str
            Matplotlib colours of the atoms, and of the cross at the place.

        Returns
        -------
        self : QualityReportDisplay
            With the figure and its axes as attributes.
        """
        figure = figure_or_new(figure, self._size(), layout=None)
        self._draw(figure, atom_color, place_color)
        return self

    def save(self, path: str | Path) -> Path:
        """Draw into a PNG file; neither a display nor pyplot is needed.

        Parameters
        ----------
        path : str or Path
            Where to write.

        Returns
        -------
        path : Path
            The file.
        """
        figure = new_figure(*self._size())
        self._draw(figure, ATOM, FLAGGED)
        return save_figure(figure, path)

    @property
    def _grid(self) -> tuple[int, int]:
        """Rows and columns of crops."""
        n = max(1, len(self.report.places))
        n_cols = min(n, _MOST_COLUMNS)
        return math.ceil(n / n_cols), n_cols

    def _headline(self) -> list[str]:
        """Lines above the crops: what is doubted."""
        return self.report.concerns or ["nothing to doubt; these are the likeliest errors"]

    @property
    def _above(self) -> float:
        return 2 * _GAP + _LINE * len(self._headline())

    def _size(self) -> tuple[float, float]:
        """Width and height of the figure in inches."""
        n_rows, n_cols = self._grid
        width = _GAP + max(n_cols * (_SIDE + _GAP), _NARROWEST)
        return width, self._above + n_rows * (_SIDE + _TEXT) + _GAP

    def _draw(self, figure: Figure | SubFigure, atom_color: str, place_color: str) -> None:
        report = self.report
        width, height = self._size()
        limits = contrast_limits(as_image(report.image))
        panels: list[Axes] = []
        for i, place in enumerate(report.places):
            row, col = divmod(i, self._grid[1])
            left = _GAP + col * (_SIDE + _GAP)
            bottom = height - self._above - (row + 1) * (_SIDE + _TEXT)
            ax = figure.add_axes(
                (left / width, bottom / height, _SIDE / width, _SIDE / height), anchor="S"
            )
            self._draw_place(ax, place, limits, atom_color, place_color)
            if not panels:
                # All crops have one scale.
                draw_scale_bar(ax, abs(np.diff(ax.get_xlim()).item()), self.pixel_size)
            panels.append(ax)
        figure.text(_GAP / width, 1 - _GAP / height, "\n".join(self._headline()), va="top", size=9)
        self.figure_, self.axes_ = figure, np.array(panels, dtype=object)

    def _draw_place(
        self,
        ax: Axes,
        place: Place,
        limits: tuple[float, float],
        atom_color: str,
        place_color: str,
    ) -> None:
        from ._circles import draw_circles  # noqa: PLC0415 - only drawing pays for matplotlib

        report = self.report
        (top, bottom), (left, right) = (
            _around(middle, report.radius, size)
            for middle, size in zip((place.row, place.col), report.image.shape, strict=True)
        )
        rows, cols = slice(round(top), round(bottom) + 1), slice(round(left), round(right) + 1)
        crop = report.image[rows, cols]
        extent = (cols.start - 0.5, cols.stop - 0.5, rows.stop - 0.5, rows.start - 0.5)
        ax.imshow(crop, cmap="gray", vmin=limits[0], vmax=limits[1], extent=extent)
        ax.set(xlim=(left, right), ylim=(bottom, top))
        ax.set_axis_off()
        # Above the circles, which meet in the middle of a pair.
        ax.plot(place.col, place.row, "+", color=place_color, ms=14, mew=1.4, zorder=4)
        reach = _CIRCLE * report.radius
        low, high = np.array([top, left]) - reach, np.array([bottom, right]) + reach
        near = ((report.detections > low) & (report.detections < high)).all(axis=1)
        draw_circles(ax, report.detections[near], reach, atom_color, 1.2)
        at = f"row {place.row:.0f}, column {place.col:.0f}"
        # A title whose height is given costs no search for ticks that it might meet.
        ax.set_title(f"{_reason(place)}\n{at}", fontsize=8.5, y=1.0)


def _reason(place: Place) -> str:
    """Why a place is worth a look."""
    if place.what == "off lattice":
        much = f"{place.badness:.2f}"
    else:
        much = f"{place.badness:.0%}" if place.badness >= _TOLD else f"less than {_TOLD:.0%}"
    return _REASONS.get(place.what, place.what).format(much)


def _around(middle: float, radius: float, size: int) -> tuple[float, float]:
    """Ends of a crop along one axis, shifted into the image at its edges."""
    half = min(radius, size / 2)
    start = min(max(middle - half, -0.5), size - 0.5 - 2 * half)
    return start, start + 2 * half
