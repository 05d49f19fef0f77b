"""The picture of the main job: the atoms, what decided their number, and the verdict."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import numpy as np
from sklearn.utils.validation import check_is_fitted

from logstar._validation import as_image
from logstar.lattice import Lattice

from ._count_curve import CountCurveDisplay
from ._detections import DetectionDisplay
from ._pareto_front import ParetoFrontDisplay
from ._saving import DPI, new_figure, save_figure
from ._style import figure_or_new

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

#: Colours of the verdicts, of the palette of Okabe and Ito; the word stands beside them.
_VERDICTS = {"ok": "#009e73", "check": "#d55e00", "failed": "#cc0000"}
#: Labels of the objectives that finders tune on.
LABELS = {
    "qc": "|QC| beyond its uncertainty",
    "er": "ER: share of atoms too close",
    "stability": "stability: log of the plateau's width",
}
#: All lengths are in inches. The image has this width, unless that makes it higher than allowed.
_IMAGE, _HIGHEST = 6.5, 9.0
#: Width of the column of the image at least: its legend needs it.
_NARROWEST = 4.2
#: Each panel beside the image has this width, and this height at least, ...
_PANEL_WIDTH, _PANEL_HEIGHT = 4.2, 2.5
#: ... and the lower one is this far from the upper one, whose label and its own legend are between.
_BETWEEN = 1.15
#: Room above for title and legend, and around the panels for their labels.
_ABOVE, _BELOW, _LEFT, _RIGHT, _EDGE = 0.85, 0.5, 0.75, 0.15, 0.1
#: Middle of the title's line below the upper edge, and from there to each line of the reasons.
_TITLE, _LINE = 0.18, 0.18
#: Letters that a line of the title holds, by the figure's width in inches; the small ones of the
#: reasons, of which there are a few lines at most.
_TITLE_LETTERS, _REASON_LETTERS = 9, 15
_MOST_LINES = 4

_Place: TypeAlias = tuple[float, float, float, float]


class _Layout(NamedTuple):
    """Width and height of the figure in inches; places in it by left, bottom, width, height."""

    width: float
    height: float
    image: _Place
    panels: list[_Place]


class AtomFinderDisplay:
    """Atoms on their image, the number of atoms against the threshold, the front, the verdict.

    The front is drawn only if it has more than one point: one point alone decides nothing.

    Parameters
    ----------
    detections : DetectionDisplay
        The atoms on their image.
    counts : CountCurveDisplay
        What decided how many there are.
    front : ParetoFrontDisplay, default=None
        The front that the setting was chosen from; None draws none.
    source, crystal : str, default=""
        The file, of which the title tells the name, and the crystal.
    verdict : {"ok", "check", "failed"}, default=None
        The verdict, for the title; None writes none.
    reasons : sequence of str, default=()
        The reasons of the verdict, written below it.

    Attributes
    ----------
    figure_ : matplotlib Figure or SubFigure
        The figure drawn on.
    axes_ : ndarray of matplotlib Axes
        The image, the counts and, if there is one, the front.

    See Also
    --------
    DetectionDisplay : The left panel.
    CountCurveDisplay : The right panel.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from logstar.inspection import AtomFinderDisplay, CountCurveDisplay, DetectionDisplay
    >>> display = AtomFinderDisplay(
    ...     DetectionDisplay(np.eye(32), [[8, 8], [24, 24]]),
    ...     CountCurveDisplay([0.01, 0.1, 0.3], [5, 2, 1], n_expected=2, chosen=(0.1, 2)),
    ...     source="film.tif",
    ...     crystal="SrTiO3",
    ...     verdict="ok",
    ... ).plot()
    >>> len(display.axes_)
    2
    """

    def __init__(
        self,
        detections: DetectionDisplay,
        counts: CountCurveDisplay,
        front: ParetoFrontDisplay | None = None,
        *,
        source: str = "",
        crystal: str = "",
        verdict: str | None = None,
        reasons: Sequence[str] = (),
    ) -> None:
        self.detections = detections
        self.counts = counts
        self.front = front
        self.source = source
        self.crystal = crystal
        self.verdict = verdict
        self.reasons = reasons

    @classmethod
    def of(cls, finder: Any, *, source: str = "", crystal: str | None = None) -> Self:
        """Collect from a fitted finder what is to be drawn, and draw nothing yet.

        Parameters
        ----------
        finder : AtomFinder
            Fitted.
        source : str, default=""
            The file, for the title.
        crystal : str, default=None
            Name of the crystal, for the title. None tells its cell, or that the lattice is the
            image's own.

        Returns
        -------
        display : AtomFinderDisplay
            Not drawn: `plot` and `save` do that.

        Raises
        ------
        NotFittedError
            If the finder is not fitted.
        """
        check_is_fitted(finder, "atoms_")
        atoms, verdict, opinion = finder.atoms_, finder.verdict_, finder.second_opinion_
        unlike = {} if opinion is None else opinion.disagreements(atoms.positions)
        detections = DetectionDisplay(
            finder.image_,
            atoms.positions,
            # Where no distances are expected, none is too close.
            flagged=atoms["flagged"] if math.isfinite(finder.expectation_.distance_sum) else None,
            pixel_size=finder.pixel_size_,
            **unlike,
        )
        return cls(
            detections,
            CountCurveDisplay.of(finder),
            _front_of_several(finder.search_),
            source=source,
            crystal=_crystal_of(finder.lattice) if crystal is None else crystal,
            verdict=verdict.status,
            reasons=verdict.reasons,
        )

    @classmethod
    def from_estimator(
        cls,
        finder: Any,
        *,
        source: str = "",
        crystal: str | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> Self:
        """Draw what a fitted finder found, and what decided how many atoms that is.

        Parameters
        ----------
        finder : AtomFinder
            Fitted.
        source : str, default=""
            The file, for the title.
        crystal : str, default=None
            Name of the crystal, for the title; see `of`.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.

        Returns
        -------
        display : AtomFinderDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the finder is not fitted.
        """
        return cls.of(finder, source=source, crystal=crystal).plot(figure)

    def plot(self, figure: Figure | SubFigure | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.

        Returns
        -------
        self : AtomFinderDisplay
            With the figure and its axes as attributes.
        """
        layout = self._layout()
        figure = figure_or_new(figure, (layout.width, layout.height), layout=None)
        self._draw(figure, layout)
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
        layout = self._layout()
        figure = new_figure(layout.width, layout.height)
        self._draw(figure, layout, for_file=True)
        return save_figure(figure, path)

    def _layout(self) -> _Layout:
        n_rows, n_cols = as_image(self.detections.image).shape
        height = min(_IMAGE * n_rows / n_cols, _HIGHEST)
        width = height * n_cols / n_rows
        n_panels = 1 if self.front is None else 2
        column = max(width, _NARROWEST)
        body = max(height, n_panels * _PANEL_HEIGHT + (n_panels - 1) * _BETWEEN)
        total_width = _EDGE + column + _LEFT + _PANEL_WIDTH + _RIGHT
        reasons = self._wrapped(total_width)
        total_height = _ABOVE + _LINE * len(reasons) + body + _BELOW

        def place(left: float, top: float, wide: float, high: float) -> _Place:
            """From inches below the upper left corner of the body to shares of the figure."""
            bottom = _BELOW + body - top - high
            return (
                left / total_width, bottom / total_height, wide / total_width, high / total_height
            )  # fmt: skip

        panel = (body - (n_panels - 1) * _BETWEEN) / n_panels
        panels = [
            place(_EDGE + column + _LEFT, i * (panel + _BETWEEN), _PANEL_WIDTH, panel)
            for i in range(n_panels)
        ]
        return _Layout(total_width, total_height, place(_EDGE, 0.0, width, height), panels)

    def _draw(self, figure: Figure | SubFigure, layout: _Layout, *, for_file: bool = False) -> None:
        axes = [figure.add_axes(place) for place in (layout.image, *layout.panels)]
        longest = round(DPI * max(layout.width * layout.image[2], layout.height * layout.image[3]))
        self.detections.plot(axes[0], longest=longest if for_file else None)
        self.counts.plot(axes[1])
        if self.front is not None:
            labels = [LABELS.get(name, name) for name in self.front.objective_names]
            self.front.plot(axes[2], xlabel=labels[0], ylabel=labels[1])
        self._write_title(figure, layout)
        self.figure_, self.axes_ = figure, np.array(axes, dtype=object)

    def _write_title(self, figure: Figure | SubFigure, layout: _Layout) -> None:
        left, right = _EDGE / layout.width, 1 - _RIGHT / layout.width
        line = 1 - _TITLE / layout.height
        names = (PurePath(self.source).name, self.crystal)
        title = textwrap.shorten(
            " | ".join(filter(None, names)),
            round(_TITLE_LETTERS * layout.width),
            placeholder=" …",
        )
        # A file's name may hold dollar signs, which are no formula.
        figure.text(left, line, title, va="center", weight="bold", parse_math=False)
        if self.verdict is None:
            return
        color = _VERDICTS.get(self.verdict, "black")
        figure.text(right, line, self.verdict, ha="right", va="center", color=color, weight="bold")
        for i, text in enumerate(self._wrapped(layout.width), start=1):
            below = 1 - (_TITLE + i * _LINE) / layout.height
            figure.text(left, below, text, va="center", color=color, size="small")

    def _wrapped(self, width: float) -> list[str]:
        """Lines of the reasons."""
        return textwrap.wrap(
            "; ".join(self.reasons),
            round(_REASON_LETTERS * width),
            max_lines=_MOST_LINES,
            placeholder=" …",
        )


def _crystal_of(lattice: object) -> str:
    """What a finder was told about the crystal, in a few words."""
    if isinstance(lattice, Lattice):
        return f"{lattice.a:.4g} x {lattice.b:.4g} {lattice.unit}"
    return "" if lattice is None else "the image's own lattice"


def _front_of_several(search: Any) -> ParetoFrontDisplay | None:
    """The front that a setting was chosen from, if there is anything to choose between.

    Objectives in which all points of the front are equal are left out: where the count is known
    within its uncertainty, QC is met by all of them.
    """
    front = np.asarray(search.pareto_front_, dtype=np.float64)
    if len(np.unique(front, axis=0)) < 2:
        return None
    names = [
        name
        for name, values in zip(search.objective_names_, front.T, strict=True)
        if len(np.unique(values)) > 1
    ]
    display = ParetoFrontDisplay.of(search, objectives=names[:3])
    # Where the hypervolume ends matters to those who compare searches.
    display.ref_point = None
    return display
