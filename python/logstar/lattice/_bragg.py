"""The reciprocal lattice of an image: its Bragg peaks, and the vectors that index them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from logstar._numerics import parabola_vertex
from logstar._validation import FloatArray, Image

from ._periodic import reduced_cell

#: Degree of the polynomial along rows and along columns that is fitted to an uneven background.
_BACKGROUND_DEGREE = 3
#: Intensities are clipped to the range between the percentiles 0.1 and 99.9, widened by this share
#: of itself at both ends: single hot pixels would put power at all frequencies.
_OUTLIERS = 0.5
#: The power of white noise at a frequency is exponentially distributed. The largest of N powers
#: exceeds its mean (ln N + 6) times in one of 400 images, so a peak has to exceed that.
_ABOVE_NOISE = 6.0
#: Peaks with less than this share of the strongest one's power, and those beyond the 48 strongest,
#: are left out: the stronger ones tell the lattice already, and weak ones are often artefacts.
_LEAST_POWER, _MOST_PEAKS = 1.5e-3, 48
#: Peaks are sought from 3 periods along the shorter side of the image, below which lies the uneven
#: background, to 0.45 cycles per pixel, above which aliases lie.
_LOWEST_BIN, _HIGHEST = 3.0, 0.45
#: Two maxima less than 3 bins apart are one peak. Within 6 bins of a peak, a maximum with less than
#: 3 % of its power is no peak of its own: it is a side lobe of the window, or comes from a slow
#: distortion of the scan.
_PEAK_BINS, _FOOT_BINS, _FOOT_POWER = 3, 6, 0.03
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
#: Edges at an angle with a smaller sine are not tried: every lattice has a pair with 0.86 or more.
_LEAST_SINE = 0.3


class Peaks(NamedTuple):
    """Bragg peaks of one half plane, strongest first.

    Attributes
    ----------
    frequencies : ndarray of shape (n, 2)
        Cycles per pixel along rows and columns, to about 0.01 bins.
    powers : ndarray of shape (n,)
        Squared magnitudes.
    heights : ndarray of shape (n,)
        Powers, relative to the mean power of noise at their frequency.
    """

    frequencies: FloatArray
    powers: FloatArray
    heights: FloatArray


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


def flatten(image: Image, mask: NDArray[np.bool_] | None = None) -> FloatArray:
    """Clip outliers and subtract the uneven background; outside of the mask the result is 0."""
    pixels = np.asarray(image, dtype=np.float64)
    low, high = np.percentile(pixels if mask is None else pixels[mask], [0.1, 99.9])
    margin = _OUTLIERS * (high - low)
    pixels = np.clip(pixels, low - margin, high + margin)
    if mask is not None:
        pixels = np.where(mask, pixels, pixels[mask].mean())
    across, along = (
        np.linalg.qr(np.vander(np.linspace(-1, 1, size), min(_BACKGROUND_DEGREE + 1, size)))[0]
        for size in pixels.shape
    )
    flat = pixels - across @ (across.T @ pixels @ along) @ along.T
    if mask is not None:
        # A sharp edge of the mask would make streaks in the spectrum.
        flat = (flat - flat[mask].mean()) * ndimage.gaussian_filter(mask.astype(float), 2.0) * mask
    return np.asarray(flat)


def find_peaks(flat: FloatArray) -> Peaks:
    """Find the maxima that stand out of the power spectrum of a flattened image."""
    n_rows, n_cols = flat.shape
    shorter = min(flat.shape)
    window = np.outer(*(np.hanning(size + 2)[1:-1] for size in flat.shape))
    windowed = flat * window
    power = np.abs(fft.rfft2(windowed)) ** 2
    rows, cols = fft.fftfreq(n_rows)[:, None], fft.rfftfreq(n_cols)[None, :]
    radius = np.hypot(rows, cols)
    height = power / _mean_of_ring(power, (radius * shorter / 2).astype(int))
    # The transform of a real image holds one half plane, but of the axis without column frequency
    # both halves: one of them is dropped.
    found = ndimage.maximum_filter(power, 5, mode=("wrap", "mirror")) == power
    found &= (radius * shorter > _LOWEST_BIN) & (radius < _HIGHEST)
    found &= height > math.log(power.size) + _ABOVE_NOISE
    found[rows[:, 0] < 0, 0] = False
    places = np.argwhere(found)
    places = places[np.argsort(-power[found], kind="stable")]
    bins = np.column_stack([rows[places[:, 0], 0] * n_rows, cols[0, places[:, 1]] * n_cols])
    kept = _without_feet(bins, power[tuple(places.T)])
    places = places[kept]
    frequencies = _refine(windowed, bins[kept] / flat.shape)
    return Peaks(frequencies, power[tuple(places.T)], height[tuple(places.T)])


def _mean_of_ring(power: FloatArray, ring: NDArray[np.int_]) -> FloatArray:
    """Mean power of noise at each frequency, by the median of a ring: peaks hardly shift it."""
    order = np.argsort(ring, axis=None, kind="stable")
    sorted_power = power.ravel()[order]
    edges = np.searchsorted(ring.ravel()[order], np.arange(ring.max() + 2))
    medians = np.array(
        [
            np.median(sorted_power[start:stop]) if stop > start else 0.0
            for start, stop in pairwise(edges)
        ]
    )
    # The median of an exponential distribution is its mean times ln 2.
    means = ndimage.median_filter(medians, 3) / math.log(2)
    return np.asarray(np.maximum(means, np.finfo(float).tiny)[ring])


def _without_feet(bins: FloatArray, powers: FloatArray) -> NDArray[np.int_]:
    """Indices of maxima that are peaks of their own, the strongest first."""
    kept: list[int] = []
    for index, power in enumerate(powers):
        if power < _LEAST_POWER * powers[0] or len(kept) == _MOST_PEAKS:
            break
        apart, opposite = (np.abs(bins[kept] - sign * bins[index]).max(axis=1) for sign in (1, -1))
        distance = np.minimum(apart, opposite)
        near = distance < _FOOT_BINS
        if (distance < _PEAK_BINS).any() or (power < _FOOT_POWER * powers[kept][near]).any():
            continue
        kept.append(index)
    return np.array(kept, dtype=int)


def _refine(windowed: FloatArray, frequencies: FloatArray) -> FloatArray:
    """Find the maxima of the transform between its bins."""
    rows, cols = (np.arange(size) - size / 2 for size in windowed.shape)
    steps = np.arange(-1, 2)
    refined = frequencies.copy()
    for index in range(len(refined)):
        frequency = refined[index]
        for size in (0.4, 0.2, 0.1):
            step = size / np.array(windowed.shape)
            phase_r = 2 * np.pi * np.outer(frequency[0] + steps * step[0], rows)
            phase_c = 2 * np.pi * np.outer(cols, frequency[1] + steps * step[1])
            across = np.cos(phase_r) @ windowed - 1j * (np.sin(phase_r) @ windowed)
            power = np.abs(across @ np.exp(-1j * phase_c)) ** 2
            logs = np.log(np.maximum(power, np.finfo(float).tiny))
            frequency += step * (
                float(parabola_vertex(*logs[:, 1])),
                float(parabola_vertex(*logs[1])),
            )
    return refined


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
    fractional = frequencies @ np.linalg.inv(pairs)
    off = np.linalg.norm((fractional - np.round(fractional)) @ pairs, axis=-1) * shorter
    areas = np.abs(np.linalg.det(pairs))[:, None] * shorter**2
    fits = off < tolerance
    worth = (weights * _surprise(tolerance, areas) * fits).sum(axis=1)
    shares = fits @ peaks.powers / peaks.powers.sum()
    # The edges of a pair are a little off, so peaks with high indices fit only after the edges are
    # fitted to those with low ones. That is done for the most promising pairs.
    promising = {*np.argsort(-worth)[:_N_FITTED], *np.argsort(-worth * shares)[:_N_FITTED]}
    fitted = [
        lattice
        for index in sorted(promising)
        if (lattice := index_peaks(peaks, np.linalg.inv(pairs[index]).T, shape, len(pairs)))
    ]
    return max(fitted, key=lambda lattice: lattice.worth, default=None)


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
    shorter = min(shape)
    frequencies, weights = peaks.frequencies, np.log(peaks.heights)
    tolerance = _tolerance(frequencies, shorter)
    basis = np.linalg.inv(vectors).T
    for _ in range(4):
        indices = np.round(frequencies @ np.linalg.inv(basis))
        residuals = frequencies - indices @ basis
        fit = np.linalg.norm(residuals, axis=1) * shorter < tolerance
        if np.linalg.matrix_rank(indices[fit]) < 2:
            return None
        root = np.sqrt(weights * fit)[:, None]
        basis = np.linalg.lstsq(indices * root, frequencies * root, rcond=None)[0]
    surprise = _surprise(tolerance, abs(float(np.linalg.det(basis))) * shorter**2)
    # Two peaks fit any lattice that is made of them, so they tell nothing.
    odds = float(np.sort(surprise[fit])[2:].sum() - math.log(n_tried))
    share = float(peaks.powers[fit].sum() / peaks.powers.sum())
    reduced = _facing_right(reduced_cell(np.linalg.inv(basis).T))
    return BraggLattice(
        reduced,
        np.round(frequencies[fit] @ reduced.T).astype(int),
        peaks.powers[fit],
        share,
        float((weights * surprise)[fit].sum()) * share**_SHARE_POWER,
        odds,
        _error(indices[fit], residuals[fit], weights[fit], np.asarray(basis)),
    )


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
    vectors = vectors[np.linalg.norm(vectors, axis=1) * shorter > _LOWEST_BIN]
    vectors[(vectors[:, 0] < 0) | ((vectors[:, 0] == 0) & (vectors[:, 1] < 0))] *= -1
    distinct: list[FloatArray] = []
    for vector in vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]:
        if all(np.linalg.norm(vector - other) * shorter > 2 * _OFF_BINS for other in distinct):
            distinct.append(vector)
        if len(distinct) == _MOST_VECTORS:
            break
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
