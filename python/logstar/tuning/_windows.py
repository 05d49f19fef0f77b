"""Windows over an image, and over which thresholds each has its own number of atoms."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from logstar._validation import FloatArray, check_integer
from logstar.detection import ScaleSpaceCandidates
from logstar.detection._plateaus import plateau_thresholds

from ._choice import N_NEIGHBORS, THRESHOLDS

if TYPE_CHECKING:
    from ._finder import AtomFinder

Box: TypeAlias = tuple[slice, slice]

#: Least side of a window in pixels, and least number of atoms that are expected in one by itself.
_LEAST_SIDE, _LEAST_ATOMS = 64, 4.0
#: Side of a window by the side of a square with `_LEAST_ATOMS`: about 40 atoms.
_SIDES = 3.3
#: Uncertainty of a window's number of atoms: this much by the root of the number, as of a crystal
#: along whose edges whole rows of atoms are inside or outside, but at least `_LEAST_UNCERTAIN`.
_EDGE_SPREAD, _LEAST_UNCERTAIN = 0.41, 0.005
#: A window that is expected to hold less than this share of what the fullest does is empty.
_EMPTY = 0.15
#: The threshold of an empty window by its strongest response.
ABOVE_ALL = 1.1
#: Losses that are taken for equal: a tenth of an atom in a window of twenty.
SAME_LOSS = 0.005
#: Least side of windows that can be asked for.
_LEAST_GIVEN = 16


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

    def __iter__(self) -> Iterator[tuple[tuple[int, int], Box]]:
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


class Plateau(NamedTuple):
    """A range of thresholds over which a window has one number of atoms.

    Attributes
    ----------
    low, high : float
        The least and the greatest threshold.
    loss : float
        How far that number, and the distances of the atoms, are from what is expected.
    """

    low: float
    high: float
    loss: float

    @property
    def middle(self) -> float:
        """Logarithm of the threshold in its middle."""
        return (math.log(self.low) + math.log(self.high)) / 2

    @property
    def half_width(self) -> float:
        """Half the distance of its ends, in their logarithm."""
        return (math.log(self.high) - math.log(self.low)) / 2


class WindowsOfFinder(NamedTuple):
    """Windows over the image of a finder whose one setting is tuned.

    Attributes
    ----------
    windows : Windows
        Over the image.
    side : int
        Their side, in pixels.
    expected : ndarray of shape `windows.grid`
        Expected number of atoms in each.
    overlap, distance_sum : float
        The setting's overlap, and DS.
    """

    windows: Windows
    side: int
    expected: FloatArray
    overlap: float
    distance_sum: float

    @classmethod
    def of(cls, finder: AtomFinder, window: int | Literal["auto"]) -> WindowsOfFinder:
        """Lay windows of a given side, or of about 40 atoms."""
        n_rows, n_cols = finder.image_.shape
        field, n = finder.field_, finder.expectation_.n_expected
        area = n_rows * n_cols if field is None else int(np.count_nonzero(field))
        side = window
        if isinstance(side, str):
            side = round(max(_LEAST_SIDE, _SIDES * math.sqrt(_LEAST_ATOMS * area / n)))
        windows = Windows((n_rows, n_cols), int(side))
        expected = _expected_in(windows, field, n / area)
        overlap = float(finder.params_["overlap"])
        return cls(windows, int(side), expected, overlap, finder.expectation_.distance_sum)

    def is_empty(self, place: tuple[int, int]) -> bool:
        """Whether hardly an atom is expected in a window."""
        return bool(self.expected[place] < _EMPTY * self.expected.max())

    def plateau(self, table: FloatArray, place: tuple[int, int]) -> Plateau:
        """Find the widest range of thresholds whose one number of atoms is as good as any.

        Parameters
        ----------
        table : ndarray of shape (n, 4)
            Candidates in the window: row, column, sigma, response, the strongest first.
        place : tuple of two int
            The window's place in the grid.
        """
        expected = float(self.expected[place])
        thresholds = plateau_thresholds(*THRESHOLDS)
        return widest_plateau(table, self.overlap, thresholds, expected, self.distance_sum)


def _expected_in(windows: Windows, field: NDArray[np.bool_] | None, density: float) -> FloatArray:
    """Number of atoms that are expected in each window: alike dense wherever atoms can be."""
    expected = np.empty(windows.grid)
    for place, box in windows:
        area = math.prod(windows.sides) if field is None else int(np.count_nonzero(field[box]))
        expected[place] = density * area
    return expected


def within(places: FloatArray, box: Box) -> NDArray[np.bool_]:
    inside = np.ones(len(places), dtype=np.bool_)
    for column, part in enumerate(box):
        inside &= (places[:, column] >= part.start) & (places[:, column] < part.stop)
    return inside


def uncertainty_of(expected: float) -> float:
    return max(_LEAST_UNCERTAIN, _EDGE_SPREAD / math.sqrt(expected))


def widest_plateau(
    table: FloatArray,
    overlap: float,
    thresholds: FloatArray,
    expected: float,
    distance_sum: float,
) -> Plateau:
    """Find the widest range of thresholds whose one number of atoms is as good as any.

    A number within its uncertainty is right; beyond it, and for atoms that are too close, losses
    add up as in the distance from the ideal by which a whole image is tuned.
    """
    candidates = ScaleSpaceCandidates(table, threshold=thresholds[0])
    qc, er = (
        values[:, 0]
        for values in candidates.objective_grid(
            thresholds,
            [overlap],
            n_expected=expected,
            distance_sum=distance_sum,
            n_neighbors=N_NEIGHBORS,
        )
    )
    loss = np.hypot(np.maximum(np.abs(qc) - uncertainty_of(expected), 0.0), er)
    is_best = loss <= loss.min() + SAME_LOSS
    # Runs of one number of atoms, among which others may be kept from one threshold to the next.
    starts = np.flatnonzero(np.r_[True, np.diff(qc) != 0])
    stops = np.r_[starts[1:], len(qc)]
    runs = [(a, b) for a, b in zip(starts, stops, strict=True) if is_best[a:b].any()]
    first, stop = max(runs, key=lambda run: run[1] - run[0])
    least = float(loss[first:stop].min())
    return Plateau(float(thresholds[first]), float(thresholds[stop - 1]), least)
