"""What windows over an image found, as maps."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._windows import WindowsOfFinder, uncertainty_of, within

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from logstar.inspection import WindowMapsDisplay

    from ._finder import AtomFinder

#: QC that is odd, by its uncertainty; and the share of a window's atoms that is worth a look. Of
#: those that noise could explain it is the share beyond that of most windows: weak columns of a
#: crystal may be such everywhere, and are known by their places all the same.
_ODD, _MANY = 2.0, 0.05
#: What is known of each window, in the order of tables; the ends of the ladder among it.
WINDOW_COLUMNS = (
    "threshold", "min_sigma", "max_sigma", "expected", "qc", "er", "significance", "verdict",
)  # fmt: skip
_LADDER = ("min_sigma", "max_sigma")


class WindowMaps(NamedTuple):
    """What windows say of an image, on the grid of their centres.

    Parameters
    ----------
    side : int
        Side of a window, in pixels; windows overlap by half.
    rows, cols : ndarray of shape (n_rows,) and (n_cols,)
        Their centres, in pixels.
    threshold : ndarray of shape (n_rows, n_cols)
        The threshold at the centres.
    min_sigma, max_sigma : ndarray of shape (n_rows, n_cols)
        Ends of the ladder, in pixels: those of the image, unless windows have ladders of their own.
    expected : ndarray of shape (n_rows, n_cols)
        Expected number of atoms.
    qc, er : ndarray of shape (n_rows, n_cols)
        QC and ER of the atoms that were found; NaN in empty windows.
    significance : ndarray of shape (n_rows, n_cols)
        Share of the atoms that noise could explain; NaN where there is none.
    verdict : ndarray of shape (n_rows, n_cols), str
        "ok"; "check" where QC is beyond twice its uncertainty, ER beyond .05, or the significance
        as far beyond that of most windows, and twice what chance makes of it; "empty" where hardly
        an atom is expected.

    Examples
    --------
    >>> from logstar import Lattice, find_atoms
    >>> from logstar.datasets import make_scene
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, (160, 160), noise=0.05, random_state=0)
    >>> maps = find_atoms(scene.image, lattice=crystal, window=80).windows_
    >>> maps.threshold.shape, bool((maps.verdict == "ok").all())
    ((3, 3), True)
    """

    side: int
    rows: FloatArray
    cols: FloatArray
    threshold: FloatArray
    min_sigma: FloatArray
    max_sigma: FloatArray
    expected: FloatArray
    qc: FloatArray
    er: FloatArray
    significance: FloatArray
    verdict: NDArray[np.str_]

    def display(self) -> WindowMapsDisplay:
        """Put the maps beside one another, to be drawn.

        Returns
        -------
        display : WindowMapsDisplay
            Without the ends of the ladder, if that is the same everywhere.
        """
        # Only drawing pays for matplotlib.
        from logstar.inspection import WindowMapsDisplay  # noqa: PLC0415

        one_ladder = np.ptp(self.min_sigma) == np.ptp(self.max_sigma) == 0
        names = [name for name in WINDOW_COLUMNS if not (one_ladder and name in _LADDER)]
        maps = {name: getattr(self, name) for name in names if name != "expected"}
        return WindowMapsDisplay(maps, self.rows, self.cols)

    def plot(self, what: str | None = None) -> Figure:
        """Draw a map, or all of them.

        Parameters
        ----------
        what : str, default=None
            Which: "threshold", "min_sigma", "max_sigma", "expected", "qc", "er", "significance" or
            "verdict". None draws all that tell windows apart.

        Returns
        -------
        figure : matplotlib Figure
            Of pyplot.

        Raises
        ------
        ValueError
            If there is no such map.
        """
        if what is None:
            return cast("Figure", self.display().plot().figure_)
        from logstar.inspection import WindowMapDisplay  # noqa: PLC0415 - likewise

        if what not in WINDOW_COLUMNS:
            raise ValueError(f"what={what!r} must be None or one of {WINDOW_COLUMNS}.")
        display = WindowMapDisplay(getattr(self, what), self.rows, self.cols, name=what)
        # It was given no part of a figure to draw on.
        return cast("Figure", display.plot().figure_)


class WindowSettings(NamedTuple):
    """What windows say of the settings at each place.

    Attributes
    ----------
    told : WindowsOfFinder
        The windows, and what is expected in each.
    threshold, min_sigma, max_sigma : ndarray of shape (n_rows, n_cols)
        The settings at the windows' centres.
    detector : LoGStarDetector or DetectionPipeline
        Fitted, with these settings at their places.
    """

    told: WindowsOfFinder
    threshold: FloatArray
    min_sigma: FloatArray
    max_sigma: FloatArray
    detector: Any

    def maps_of(self, finder: AtomFinder) -> WindowMaps:
        """Say of each window how well its atoms agree with what is expected."""
        windows, expected = self.told.windows, self.told.expected
        atoms = finder.atoms_
        positions = atoms.positions
        flagged, explained = atoms["flagged"].astype(bool), atoms["significance"] <= 0
        qc, er, share = (np.full(windows.grid, np.nan) for _ in range(3))
        verdict = np.full(windows.grid, "empty", dtype="<U5")
        for place, box in windows:
            inside = within(positions, box)
            n = np.count_nonzero(inside)
            if n:
                share[place] = np.mean(explained[inside])
            if self.told.is_empty(place):
                continue
            qc[place] = (n - expected[place]) / expected[place]
            er[place] = np.count_nonzero(flagged[inside]) / expected[place]
            odd = abs(qc[place]) > _ODD * uncertainty_of(expected[place])
            verdict[place] = "check" if odd or er[place] > _MANY else "ok"
        usual = float(np.nanmedian(share)) if np.isfinite(share).any() else 0.0
        chance = np.sqrt(usual * (1 - usual) / np.maximum(expected, 1.0))
        verdict[(verdict == "ok") & (share > usual + _MANY + _ODD * chance)] = "check"
        rows, cols = windows.centres
        return WindowMaps(
            self.told.side, rows, cols, self.threshold, self.min_sigma, self.max_sigma,
            expected, qc, er, share, verdict,
        )  # fmt: skip


def with_detector(detector: Any, **attributes: Any) -> Any:
    """Give a fitted detector, or pipeline with one at its end, that is another in some parameters.

    It stays fitted: nothing that a detector learns depends on its threshold.
    """
    other = copy.copy(detector)
    if hasattr(detector, "steps"):
        name, last = detector.steps[-1]
        other.steps = [*detector.steps[:-1], (name, with_detector(last, **attributes))]
    else:
        for name, value in attributes.items():
            setattr(other, name, value)
    return other
