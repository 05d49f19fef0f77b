"""Columns of the mean cell that show as no maximum of their own: shoulders and unresolved pairs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from logstar._validation import FloatArray

#: The mean cell is compared with Gaussians by its Fourier coefficients up to this order: that many
#: waves along each edge.
_ORDERS = 5
#: Where Gaussians at the maxima leave less than this share of the power, all columns are
#: resolved, and nothing more is tried. It is 0.0001 to 0.003 on most simulated images of resolved
#: columns, 0.01 to 0.05 on real ones, whose columns are no Gaussians, and 0.04 to 0.15 where a pair
#: or a shoulder is hidden.
_EXPLAINED = 0.003
#: One more column must take at least this share of what is left, even if the columns without it
#: may be elliptical: an astigmatic or blurred column is no pair. Hidden columns took 0.85 of it (a
#: real MoS2) to 0.999, and what was tried on 27 images without such took 0.43 at most.
_LEAST_GAIN = 0.7
#: Before all columns may move, one more must leave less than this share.
_WORTH_WHILE = 0.6
#: A hidden column has at least this share of the brightest one's height; less may be the tail of a
#: column that is no Gaussian.
_LEAST_HEIGHT = 0.15
#: Gaussians closer than this many sigmas cannot be told from one broader column, and columns that
#: are further than the second number from all others would show as maxima.
_CLOSEST, _FARTHEST = 1.4, 4.0
#: Columns are looked for in cells with this many maxima at most: pairs that no image resolves are
#: of simple crystals, and the fit of a large cell takes long.
_MOST_MAXIMA = 4
#: A column is looked for in the middle of squares of this many along each edge of the cell.
_SEARCHED = 24
#: Steps of a fit, at most, for each of its parameters, and the relative change of what is left, or
#: of the parameters, at which it ends.
_MOST_STEPS = 8
_CONVERGED = 1e-8


class Overlap(NamedTuple):
    """Gaussian columns that overlap in the mean cell.

    Attributes
    ----------
    places : ndarray of shape (n, 2)
        Fractional coordinates.
    heights : ndarray of shape (n,)
        The brightest is 1.
    sigma : float
        In pixels.
    """

    places: FloatArray
    heights: FloatArray
    sigma: float


class _Fit(NamedTuple):
    places: FloatArray
    heights: FloatArray
    spread: FloatArray
    rest: float


class _Waves:
    """Fourier coefficients of a mean cell, and the Gaussians that explain them."""

    def __init__(self, mean: FloatArray, vectors: FloatArray) -> None:
        orders = [min(_ORDERS, (n - 1) // 2) for n in mean.shape]
        first, second = np.meshgrid(
            np.arange(-orders[0], orders[0] + 1), np.arange(orders[1] + 1), indexing="ij"
        )
        # One of two opposite waves tells both; the constant tells nothing of columns.
        half = (second > 0) | (first > 0)
        self.indices = np.column_stack([first[half], second[half]])
        waves = np.fft.fft2(mean) / mean.size
        self.values = waves[self.indices[:, 0], self.indices[:, 1]]
        q = 2 * np.pi * self.indices @ np.linalg.inv(vectors).T
        self.squares = np.column_stack([q[:, 0] ** 2, q[:, 1] ** 2, 2 * q[:, 0] * q[:, 1]])
        self.power = float((np.abs(self.values) ** 2).sum())

    def columns(self, places: FloatArray, spread: FloatArray) -> NDArray[np.complex128]:
        """Waves (n_waves, n_columns) of Gaussians of height 1."""
        phases = np.exp(-2j * np.pi * (self.indices @ places.T))
        return np.asarray(phases * np.exp(-0.5 * self.squares @ spread)[:, None])

    def heights(self, waves: NDArray[np.complex128]) -> tuple[FloatArray, FloatArray]:
        """Heights that fit best, and what they leave of each wave, real and imaginary parts."""
        table = np.concatenate([waves.real, waves.imag])
        values = np.concatenate([self.values.real, self.values.imag])
        heights = np.linalg.lstsq(table, values, rcond=None)[0]
        return heights, values - table @ heights

    def fit(self, places: FloatArray, spread: FloatArray, *, n_moved: int, is_round: bool) -> _Fit:
        """Fit shape, heights, and the places of the last columns."""
        n_shape = 1 if is_round else 3
        n_fixed = len(places) - n_moved

        def unpacked(values: FloatArray) -> tuple[FloatArray, FloatArray]:
            shape = np.exp(values[0]) * np.array([1.0, 1.0, 0.0])
            if not is_round:
                shape = shape + np.exp(values[0]) * np.array([values[1], -values[1], values[2]])
            moved = places[n_fixed:] + values[n_shape:].reshape(-1, 2)
            return np.concatenate([places[:n_fixed], moved]), shape

        def rest(values: FloatArray) -> FloatArray:
            return self.heights(self.columns(*unpacked(values)))[1]

        start = np.zeros(n_shape + 2 * n_moved)
        start[0] = math.log(spread[:2].mean())
        # A step asks for the derivatives, each of which takes another evaluation. Not by
        # `least_squares`, which takes twice as long around the same code of MINPACK.
        found = optimize.leastsq(
            rest,
            start,
            full_output=True,
            ftol=_CONVERGED,
            xtol=_CONVERGED,
            gtol=_CONVERGED,
            maxfev=_MOST_STEPS * len(start) * (len(start) + 1),
        )
        moved, shape = unpacked(found[0])
        heights, left = self.heights(self.columns(moved, shape))
        return _Fit(moved, heights, shape, float((left**2).sum()) / self.power)


def find_overlap(mean: FloatArray, vectors: FloatArray, places: FloatArray) -> Overlap | None:
    """Look for columns that are hidden beside others.

    Gaussians of one shape are fitted to the mean cell, one at each of its maxima. Where they leave
    too much, one more is tried where it explains most, or one is divided in two, as long as that
    explains most of what was left.

    Parameters
    ----------
    mean : ndarray of shape (n_bins_0, n_bins_1)
        The mean cell.
    vectors : ndarray of shape (2, 2)
        Its edges as rows (row, col), in pixels.
    places : ndarray of shape (n, 2)
        Fractional coordinates of its maxima.

    Returns
    -------
    overlap : Overlap or None
        All columns, the brightest first; None if all of them are maxima.
    """
    if len(places) > _MOST_MAXIMA:
        return None
    waves = _Waves(mean, vectors)
    area = abs(float(np.linalg.det(vectors)))
    start = np.array([1.0, 1.0, 0.0]) * area / len(places) / 25
    known = waves.fit(places, start, n_moved=0, is_round=True)
    if known.rest < _EXPLAINED:
        return None
    found = None
    for _ in range(len(places)):
        more = _one_more(waves, vectors, known)
        if more is None:
            break
        found = known = more
    if found is None:
        return None
    order = np.argsort(-found.heights, kind="stable")
    heights = found.heights[order]
    sigma = math.sqrt(float(found.spread[:2].mean()))
    return Overlap(found.places[order] % 1.0, heights / heights[0], sigma)


def _one_more(waves: _Waves, vectors: FloatArray, known: _Fit) -> _Fit | None:
    """Add a column, if it explains most of what is left and can be one."""
    usual = waves.fit(known.places, known.spread, n_moved=0, is_round=False)
    if usual.rest < _EXPLAINED:
        return None
    # At first the new columns alone may move, which is quick and tells where it is worth while.
    tried = [
        waves.fit(places, 0.7 * known.spread, n_moved=n_new, is_round=True)
        for places, n_new in _starts(waves, vectors, usual)
    ]
    # A hole can explain as much as a column: what is negative is none.
    tried = [fit for fit in tried if fit.heights.min() > 0]
    best = min(tried, key=lambda fit: fit.rest, default=usual)
    if best.rest > _WORTH_WHILE * usual.rest:
        return None
    n_all = len(best.places)
    best = waves.fit(best.places, best.spread, n_moved=n_all, is_round=True)
    usual = waves.fit(known.places, known.spread, n_moved=n_all - 1, is_round=False)
    return best if best.rest < (1 - _LEAST_GAIN) * usual.rest and _can_be(best, vectors) else None


def _starts(waves: _Waves, vectors: FloatArray, usual: _Fit) -> list[tuple[FloatArray, int]]:
    """Places of columns with one more, the new ones last, and how many are new.

    One is where it would explain most, or the brightest one is two.
    """
    axis = (np.arange(_SEARCHED) + 0.5) / _SEARCHED
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    round_spread = np.array([1.0, 1.0, 0.0]) * 0.7 * usual.spread[:2].mean()
    left = waves.values - waves.columns(usual.places, usual.spread) @ usual.heights
    shown = (waves.columns(grid, round_spread).conj() * left[:, None]).real.sum(axis=0)
    beside = np.concatenate([usual.places, grid[shown.argmax()][None]])
    a, b, c = usual.spread
    squares, axes = np.linalg.eigh(np.array([[a, c], [c, b]]))
    half = 0.8 * math.sqrt(max(float(squares[0]), 1e-6)) * axes[:, 1] @ np.linalg.inv(vectors)
    brightest = int(usual.heights.argmax())
    pair = usual.places[brightest] + np.array([half, -half])
    divided = np.concatenate([np.delete(usual.places, brightest, axis=0), pair])
    return [(beside, 1), (divided, 2)]


def _can_be(fit: _Fit, vectors: FloatArray) -> bool:
    """Tell whether Gaussians are columns: high enough, and far enough from one another."""
    if fit.heights.min() < _LEAST_HEIGHT * fit.heights.max():
        return False
    apart = fit.places[:, None] - fit.places
    first, second = np.triu_indices(len(fit.places), 1)
    steps = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    wrapped = (apart - np.round(apart))[first, second]
    distances = np.linalg.norm((wrapped[:, None] + steps) @ vectors, axis=2).min(axis=1)
    sigma = math.sqrt(float(fit.spread[:2].mean()))
    return bool(distances.min() > _CLOSEST * sigma and distances.min() < _FARTHEST * sigma)
