"""The reciprocal lattice of an image: the vectors that index its Bragg peaks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._peaks import LOWEST_BIN, Peaks
from ._periodic import reduced_cell

#: A peak fits a lattice if it is less than 0.45 bins, and 0.4 % of its frequency, from its place.
_OFF_BINS, _OFF_SHARE = 0.45, 0.004
#: The differences and sums of the 24 strongest peaks are candidates for edges of the reciprocal
#: cell, and so are the peaks; all pairs of the 60 shortest candidates are tried.
_MOST_COMBINED, _MOST_VECTORS = 24, 60
#: A lattice is preferred by its significance times this power of the share of the peaks' power that
#: it explains: leaving a tenth unexplained more than halves the preference. YBa2Cu3O7 with noise of
#: 0.3 shows its threefold cell in 15 % of the power, which a third of the cell leaves unexplained.
_SHARE_POWER = 8
#: By significance and by preference, the 60 best pairs of edges are fitted to the peaks.
_N_FITTED = 60
#: Each is fitted this many times, each time to the peaks that fit it by then.
_N_FITS = 4
#: Edges at an angle with a smaller sine are not tried: every lattice has a pair with 0.86 or more.
_LEAST_SINE = 0.3


class BraggLattice(NamedTuple):
    """A lattice that indexes peaks.

    Attributes
    ----------
    vectors : ndarray of shape (2, 2)
        Edges of the real cell as rows (row, col), in pixels, reduced.
    indices : ndarray of shape (n, 2), int
        Indices of the peaks that fit it.
    powers : ndarray of shape (n,)
        Powers of the same peaks.
    share : float
        Sum of these powers over that of all peaks.
    worth : float
        Of several lattices the one with the greatest worth is chosen.
    odds : float
        Minus the natural logarithm of the probability that peaks at random places fit as well.
    error : float
        Relative standard deviation of the vectors; NaN where too few peaks tell.
    """

    vectors: FloatArray
    indices: NDArray[np.int_]
    powers: FloatArray
    share: float
    worth: float
    odds: float
    error: float


def find_basis(peaks: Peaks, shape: tuple[int, ...]) -> BraggLattice | None:
    """Find the lattice that explains the peaks best, or None if there is no two-dimensional one.

    A lattice gains by each peak that fits it: the logarithm of the peak's height, times minus the
    logarithm of the probability that a peak at a random place fits. The finer the reciprocal
    lattice, the more probable that is, and the less is gained. So a few weak peaks between the
    strong ones do not double the cell, but more of them than chance explains do. The power that a
    lattice leaves unexplained counts against it.
    """
    shorter = min(shape)
    frequencies, weights = peaks.frequencies, np.log(peaks.heights)
    pairs = _pairs_of_vectors(frequencies, shorter)
    if len(pairs) == 0:
        return None
    tolerance = _tolerance(frequencies, shorter)
    fits = _residuals(frequencies, pairs)[1] * shorter < tolerance
    areas = np.abs(np.linalg.det(pairs))[:, None] * shorter**2
    worth = (weights * _surprise(tolerance, areas) * fits).sum(axis=1)
    shares = fits @ peaks.powers / peaks.powers.sum()
    # The edges of a pair are a little off, so peaks with high indices fit only after the edges are
    # fitted to those with low ones. That is done for the most promising pairs.
    promising = np.union1d(np.argsort(-worth)[:_N_FITTED], np.argsort(-worth * shares)[:_N_FITTED])
    return _best_fit(peaks, pairs[promising], shape, len(pairs))


def index_peaks(
    peaks: Peaks, vectors: FloatArray, shape: tuple[int, ...], n_tried: int = 1
) -> BraggLattice | None:
    """Index peaks by a lattice that is known roughly, and fit it to them.

    Parameters
    ----------
    peaks : Peaks
        From `find_peaks`.
    vectors : ndarray of shape (2, 2)
        Edges of the real cell as rows (row, col), in pixels.
    shape : tuple of two int
        Rows and columns of the image.
    n_tried : int, default=1
        How many lattices were tried, of which this is the best; the more, the likelier one fits
        by chance.

    Returns
    -------
    lattice : BraggLattice or None
        None if the peaks that it indexes span no lattice.
    """
    return _best_fit(peaks, np.asarray(np.linalg.inv(vectors).T[None], dtype=float), shape, n_tried)


def _best_fit(
    peaks: Peaks, bases: FloatArray, shape: tuple[int, ...], n_tried: int
) -> BraggLattice | None:
    """Fit bases (n, 2, 2) to the peaks that they index, all at once, and take the worthiest.

    Fitting is by least squares, with the normal equations: they are of two unknowns and far from
    singular, since the indices are whole numbers that span the plane.
    """
    shorter = min(shape)
    frequencies, weights = peaks.frequencies, np.log(peaks.heights)
    tolerance = _tolerance(frequencies, shorter)
    for _ in range(_N_FITS):
        indices, off = _residuals(frequencies, bases)
        fit = off * shorter < tolerance
        # The determinant is a whole number, 0 where the indices span no plane.
        fitting = np.swapaxes(indices * fit[..., None], 1, 2)
        spans = np.linalg.det(fitting @ indices) > 0.5
        if not spans.any():
            return None
        bases, indices, fit, fitting = bases[spans], indices[spans], fit[spans], fitting[spans]
        weighted = fitting * weights
        earlier, bases = bases, np.linalg.solve(weighted @ indices, weighted @ frequencies)
    surprise = _surprise(tolerance, np.abs(np.linalg.det(bases))[:, None] * shorter**2)
    shares = np.minimum(fit @ peaks.powers / peaks.powers.sum(), 1.0)
    worth = (weights * surprise * fit).sum(axis=1) * shares**_SHARE_POWER
    best = int(worth.argmax())
    chosen = fit[best]
    # Two peaks fit any lattice that is made of them, so they tell nothing.
    odds = float(np.sort(surprise[best][chosen])[2:].sum() - math.log(n_tried))
    reduced = _facing_right(reduced_cell(np.linalg.inv(bases[best]).T))
    residuals = frequencies - indices[best] @ earlier[best]
    return BraggLattice(
        reduced,
        np.round(frequencies[chosen] @ reduced.T).astype(int),
        peaks.powers[chosen],
        float(shares[best]),
        float(worth[best]),
        odds,
        _error(indices[best][chosen], residuals[chosen], weights[chosen], bases[best]),
    )


def _residuals(frequencies: FloatArray, bases: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Indices (n_bases, n_peaks, 2) of peaks, and how far each is from its place."""
    indices = np.asarray(np.round(frequencies @ np.linalg.inv(bases)), dtype=float)
    off = frequencies - indices @ bases
    return indices, np.hypot(off[..., 0], off[..., 1])


def _tolerance(frequencies: FloatArray, shorter: int) -> FloatArray:
    """How far each peak may be from its place, in bins."""
    return np.asarray(_OFF_BINS + _OFF_SHARE * np.linalg.norm(frequencies, axis=1) * shorter)


def _surprise(tolerance: FloatArray, area: FloatArray | float) -> FloatArray:
    """Minus the logarithm of the probability that a peak at a random place fits.

    That is the area within the tolerance of a point, over the `area` of the reciprocal cell in
    square bins.
    """
    return np.asarray(-np.log(np.minimum(np.pi * tolerance**2 / area, 1.0)))


def _pairs_of_vectors(frequencies: FloatArray, shorter: int) -> FloatArray:
    """Pairs (n, 2, 2) of candidates for the edges of the reciprocal cell."""
    first, second = np.triu_indices(min(len(frequencies), _MOST_COMBINED), 1)
    vectors = np.concatenate(
        [
            frequencies,
            frequencies[first] - frequencies[second],
            frequencies[first] + frequencies[second],
        ]
    )
    vectors = vectors[np.linalg.norm(vectors, axis=1) * shorter > LOWEST_BIN]
    vectors[(vectors[:, 0] < 0) | ((vectors[:, 0] == 0) & (vectors[:, 1] < 0))] *= -1
    vectors = vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]
    distinct: list[FloatArray] = []
    while len(vectors) and len(distinct) < _MOST_VECTORS:
        distinct.append(vectors[0])
        apart = np.hypot(*(vectors - vectors[0]).T) * shorter
        vectors = vectors[apart > 2 * _OFF_BINS]
    if len(distinct) < 2:
        return np.empty((0, 2, 2))
    table = np.array(distinct)
    first, second = np.triu_indices(len(table), 1)
    pairs = np.stack([table[first], table[second]], axis=1)
    lengths = np.linalg.norm(pairs, axis=2).prod(axis=1)
    return np.asarray(pairs[np.abs(np.linalg.det(pairs)) > _LEAST_SINE * lengths])


def _error(
    indices: FloatArray, residuals: FloatArray, weights: FloatArray, basis: FloatArray
) -> float:
    """Relative standard deviation of a basis by the residuals of the peaks that it indexes."""
    freedom = 2 * len(indices) - 4
    if freedom <= 0:
        return math.nan
    variance = float((weights[:, None] * residuals**2).sum()) / freedom
    covariance = variance * np.linalg.inv((indices * weights[:, None]).T @ indices)
    return float(np.sqrt((np.diag(covariance) / (basis**2).sum(axis=1)).max()))


def _facing_right(vectors: FloatArray) -> FloatArray:
    """The same cell, its first edge pointing right; of two equal edges the flatter is first."""
    first, second = vectors
    lengths = np.linalg.norm(vectors, axis=1)
    if abs(second[1]) > abs(first[1]) and lengths[1] < 1.02 * lengths[0]:
        first, second = second, -first
    sign = -1.0 if first[1] < 0 else 1.0
    return sign * np.array([first, second])
