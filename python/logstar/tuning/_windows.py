"""A threshold for each place: windows that follow their own plateaus, smoothed as one field.

One threshold for a whole image has to suit its noisiest and its thinnest part. Windows with ladders
of their own gain nothing over that: they tune on few atoms, and where they meet, atoms are found
twice. Here ladder and overlap are the image's, each window only says over which thresholds its own
number of atoms is right, and candidates are pruned once for the whole image.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse.linalg import spsolve

from logstar._validation import FloatArray, check_integer
from logstar.detection import ScaleSpaceCandidates
from logstar.detection._plateaus import plateau_thresholds

from ._choice import N_NEIGHBORS, THRESHOLDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ._finder import AtomFinder

_Box: TypeAlias = tuple[slice, slice]

#: Least side of a window in pixels, and least number of atoms that are expected in one by itself.
_LEAST_SIDE, _LEAST_ATOMS = 64, 4.0
#: Side of a window by the side of a square with `_LEAST_ATOMS`: about 40 atoms.
_SIDES = 3.3
#: Uncertainty of a window's number of atoms: this much by the root of the number, as of a crystal
#: along whose edges whole rows of atoms are inside or outside, but at least `_LEAST_UNCERTAIN`.
_EDGE_SPREAD, _LEAST_UNCERTAIN = 0.41, 0.005
#: Added to half the logarithmic width of a plateau: how far its middle is uncertain at best.
_SPREAD = 0.15
#: How much neighbouring windows draw on each other, by the median weight of windows.
_STIFFNESS = 1.0
#: A window that is expected to hold less than this share of a full one is empty: its threshold is
#: this many times its strongest response.
_EMPTY, _ABOVE_ALL = 0.15, 1.1
#: Losses that are taken for equal: a tenth of an atom in a window of twenty.
_SAME_LOSS = 0.005
#: QC that is odd, by its uncertainty; and shares of a window's atoms that are worth a look.
_ODD, _MANY = 2.0, 0.05
#: Weight of a window that says nothing.
_NOTHING = 1e-6
#: Least side of windows that can be asked for.
_LEAST_GIVEN = 16
_NAMES = ("threshold", "qc", "er", "significance", "verdict")


class WindowMaps(NamedTuple):
    """What windows say of an image, on the grid of their centres.

    Parameters
    ----------
    side : int
        Side of a window, in pixels; windows overlap by half.
    rows, cols : ndarray of shape (n_rows,) and (n_cols,)
        Their centres, in pixels.
    threshold : ndarray of shape (n_rows, n_cols)
        The field at the centres.
    expected : ndarray of shape (n_rows, n_cols)
        Expected number of atoms.
    qc, er : ndarray of shape (n_rows, n_cols)
        QC and ER of the atoms that were found; NaN in empty windows.
    significance : ndarray of shape (n_rows, n_cols)
        Share of the atoms that noise could explain; NaN where there is none.
    verdict : ndarray of shape (n_rows, n_cols), str
        "ok"; "check" where QC is beyond twice its uncertainty, or ER or the significance beyond
        .05; "empty" where hardly an atom is expected.

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
    expected: FloatArray
    qc: FloatArray
    er: FloatArray
    significance: FloatArray
    verdict: NDArray[np.str_]

    def plot(
        self, what: Literal["threshold", "qc", "er", "significance", "verdict"] = "threshold"
    ) -> Figure:
        """Draw a map.

        Parameters
        ----------
        what : {"threshold", "qc", "er", "significance", "verdict"}, default="threshold"
            Which.

        Returns
        -------
        figure : matplotlib Figure
            Of pyplot.
        """
        # Only drawing pays for matplotlib.
        from logstar.inspection import WindowMapDisplay  # noqa: PLC0415

        if what not in _NAMES:
            raise ValueError(f"what={what!r} must be one of {_NAMES}.")
        display = WindowMapDisplay(getattr(self, what), self.rows, self.cols, name=what)
        # It was given no part of a figure to draw on.
        return cast("Figure", display.plot().figure_)


def check_window(window: int | Literal["auto"]) -> None:
    """Check the side of windows.

    Raises
    ------
    TypeError, ValueError
        If it is none.
    """
    if not isinstance(window, str):
        check_integer(window, name="window", low=_LEAST_GIVEN)
    elif window != "auto":
        raise ValueError(f"window must be a number of pixels, 'auto' or None, got {window!r}.")


def with_threshold(detector: Any, threshold: float | FloatArray) -> Any:
    """Give a fitted detector, or pipeline with one at its end, another threshold.

    Nothing that a detector learns depends on its threshold.
    """
    other = copy.copy(detector)
    if hasattr(detector, "steps"):
        name, last = detector.steps[-1]
        other.steps = [*detector.steps[:-1], (name, with_threshold(last, threshold))]
    else:
        other.threshold = threshold
    return other


class Windows:
    """Windows over an image, half overlapping.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the image.
    side : int
        Side of a window; that of the image where it is smaller.
    """

    def __init__(self, shape: tuple[int, int], side: int) -> None:
        self.shape = shape
        self.sides = tuple(min(side, length) for length in shape)
        self.starts = [
            _starts(length, part) for length, part in zip(shape, self.sides, strict=True)
        ]
        self.centres: list[FloatArray] = [
            start.astype(np.float64) + (part - 1) / 2
            for start, part in zip(self.starts, self.sides, strict=True)
        ]
        self.grid = (len(self.starts[0]), len(self.starts[1]))

    def __iter__(self) -> Iterator[tuple[tuple[int, int], _Box]]:
        """Yield the place in the grid and the slices of each window."""
        for i, row in enumerate(self.starts[0]):
            for j, col in enumerate(self.starts[1]):
                yield (i, j), (slice(row, row + self.sides[0]), slice(col, col + self.sides[1]))

    def spread(self, logs: FloatArray) -> FloatArray:
        """Interpolate values at centres between them, and go on with the outermost beyond."""
        axes = [np.arange(float(length)) for length in self.shape]
        at = [np.clip(axis, c[0], c[-1]) for axis, c in zip(axes, self.centres, strict=True)]
        # A single row or column of windows has nothing to interpolate between.
        centres, values = list(self.centres), logs
        for axis in (0, 1):
            if len(centres[axis]) == 1:
                centres[axis] = np.array([centres[axis][0], centres[axis][0] + 1])
                values = np.repeat(values, 2, axis=axis)
        field = RegularGridInterpolator(tuple(centres), values)
        return np.asarray(field(tuple(np.meshgrid(*at, indexing="ij"))))


def _starts(length: int, part: int) -> NDArray[np.int64]:
    n = 1 + math.ceil((length - part) / (part / 2)) if length > part else 1
    return np.round(np.linspace(0, length - part, n)).astype(np.int64)


class ThresholdField(NamedTuple):
    """A threshold for each place.

    Parameters
    ----------
    windows : Windows
        Over the image.
    side : int
        Their side, in pixels.
    expected : ndarray of shape `windows.grid`
        Expected number of atoms in each.
    at_centres : ndarray of shape `windows.grid`
        The field at their centres.
    pixels : ndarray of shape (n_rows, n_cols)
        The field at each pixel.
    """

    windows: Windows
    side: int
    expected: FloatArray
    at_centres: FloatArray
    pixels: FloatArray

    @classmethod
    def of(cls, finder: AtomFinder, window: int | Literal["auto"]) -> Self:
        """Find the field of an image whose one threshold is tuned.

        Parameters
        ----------
        finder : AtomFinder
            With the tuned detector and its parameters.
        window : int or "auto"
            Side of a window, in pixels.
        """
        shape = finder.image_.shape
        field, n = finder.field_, finder.expectation_.n_expected
        area = math.prod(shape) if field is None else int(np.count_nonzero(field))
        side = window
        if isinstance(side, str):
            side = round(max(_LEAST_SIDE, _SIDES * math.sqrt(_LEAST_ATOMS * area / n)))
        windows = Windows((shape[0], shape[1]), int(side))
        expected = _expected_in(windows, field, n / area)
        middles, weights = _middles(finder, windows, expected)
        smooth = _smoothed(middles, weights)
        return cls(windows, int(side), expected, np.exp(smooth), np.exp(windows.spread(smooth)))

    def maps_of(self, finder: AtomFinder) -> WindowMaps:
        """Say of each window how well its atoms agree with what is expected."""
        windows, expected = self.windows, self.expected
        atoms = finder.atoms_
        positions = atoms.positions
        flagged, explained = atoms["flagged"].astype(bool), atoms["significance"] <= 0
        qc, er, share = (np.full(windows.grid, np.nan) for _ in range(3))
        verdict = np.full(windows.grid, "empty", dtype="<U5")
        for place, box in windows:
            inside = _within(positions, box)
            n = np.count_nonzero(inside)
            if n:
                share[place] = np.mean(explained[inside])
            if expected[place] < _EMPTY * expected.max():
                continue
            qc[place] = (n - expected[place]) / expected[place]
            er[place] = np.count_nonzero(flagged[inside]) / expected[place]
            odd = abs(qc[place]) > _ODD * _uncertainty(expected[place])
            many = er[place] > _MANY or share[place] > _MANY
            verdict[place] = "check" if odd or many else "ok"
        rows, cols = windows.centres
        return WindowMaps(self.side, rows, cols, self.at_centres, expected, qc, er, share, verdict)


def _expected_in(windows: Windows, field: NDArray[np.bool_] | None, density: float) -> FloatArray:
    """Number of atoms that are expected in each window: alike dense wherever atoms can be."""
    expected = np.empty(windows.grid)
    for place, box in windows:
        area = math.prod(windows.sides) if field is None else int(np.count_nonzero(field[box]))
        expected[place] = density * area
    return expected


def _middles(
    finder: AtomFinder, windows: Windows, expected: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Logarithm of the threshold that suits each window, and how much that says."""
    candidates = finder.detector_.find_candidates(finder.image_, THRESHOLDS[0])
    table, overlap = candidates.table, float(finder.params_["overlap"])
    thresholds = plateau_thresholds(*THRESHOLDS)
    middles = np.full(windows.grid, math.log(float(finder.params_["threshold"])))
    weights = np.full(windows.grid, _NOTHING)
    for place, box in windows:
        inside = table[_within(table, box)]
        if len(inside) == 0:
            continue
        if expected[place] < _EMPTY * expected.max():
            middles[place] = math.log(min(_ABOVE_ALL * inside[0, 3], THRESHOLDS[1]))
            weights[place] = _SPREAD**-2
            continue
        own = ScaleSpaceCandidates(inside, threshold=THRESHOLDS[0])
        low, high = _plateau(own, overlap, thresholds, expected[place], finder)
        middles[place] = (math.log(low) + math.log(high)) / 2
        weights[place] = ((math.log(high) - math.log(low)) / 2 + _SPREAD) ** -2
    return middles, weights


def _within(places: FloatArray, box: _Box) -> NDArray[np.bool_]:
    inside = np.ones(len(places), dtype=np.bool_)
    for column, part in enumerate(box):
        inside &= (places[:, column] >= part.start) & (places[:, column] < part.stop)
    return inside


def _uncertainty(expected: float) -> float:
    return max(_LEAST_UNCERTAIN, _EDGE_SPREAD / math.sqrt(expected))


def _plateau(
    candidates: ScaleSpaceCandidates,
    overlap: float,
    thresholds: FloatArray,
    expected: float,
    finder: AtomFinder,
) -> tuple[float, float]:
    """Find the widest range of thresholds whose one number of atoms is as good as any.

    A number within its uncertainty is right; beyond it, and for atoms that are too close, losses
    add up as in the distance from the ideal by which a whole image is tuned.
    """
    qc, er = (
        values[:, 0]
        for values in candidates.objective_grid(
            thresholds,
            [overlap],
            n_expected=expected,
            distance_sum=finder.expectation_.distance_sum,
            n_neighbors=N_NEIGHBORS,
        )
    )
    loss = np.hypot(np.maximum(np.abs(qc) - _uncertainty(expected), 0.0), er)
    is_best = loss <= loss.min() + _SAME_LOSS
    # Runs of one number of atoms.
    starts = np.flatnonzero(np.r_[True, np.diff(qc) != 0])
    stops = np.r_[starts[1:], len(qc)]
    runs = [(a, b) for a, b in zip(starts, stops, strict=True) if is_best[a]]
    first, last = max(runs, key=lambda run: run[1] - run[0])
    return float(thresholds[first]), float(thresholds[last - 1])


def _smoothed(middles: FloatArray, weights: FloatArray) -> FloatArray:
    """Minimise the weighted squares from the middles, and those between neighbours."""
    n_rows, n_cols = middles.shape
    steps = [
        sparse.kron(_differences(n_rows), sparse.identity(n_cols)),
        sparse.kron(sparse.identity(n_rows), _differences(n_cols)),
    ]
    known = weights[weights > weights.max() * 1e-3]
    stiffness = _STIFFNESS * float(np.median(known))
    matrix = sparse.diags(weights.ravel()) + stiffness * sum(step.T @ step for step in steps)
    smooth = spsolve(sparse.csc_matrix(matrix), (weights * middles).ravel())
    return np.asarray(smooth).reshape(middles.shape)


def _differences(n: int) -> Any:
    identity = sparse.identity(n, format="csr")
    return identity[1:] - identity[:-1]
