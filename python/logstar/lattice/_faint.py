"""A lattice of which no three Bragg peaks stand out of noise, but all of them together.

Two strong maxima of the spectrum foretell where others are. There a peak needs not be the strongest
of all frequencies, only of the few around the place that was foretold, so that much weaker ones
tell. How probable it is that noise alone has as much is counted over everything that is tried.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from logstar._validation import FloatArray

from ._bragg import BraggLattice, index_peaks
from ._peaks import HIGHEST, LOWEST_BIN, NoisySpectrum, Pixels

#: So many of the strongest maxima are tried by pairs.
_N_STRONGEST = 8
#: The strongest maxima exceed noise by this factor; those of noise do by the logarithm of the
#: number of frequencies.
_LEAST_HEIGHT = 6.0
#: A pair at a smaller angle, by its sine, foretells nothing: the two are of one row.
_LEAST_SINE = 0.3
#: What a pair foretells: sums, differences and second orders.
_FORETOLD = ((1, 1), (1, -1), (2, 0), (0, 2))
#: Finer lattices that contain the pair: with a peak in the middle of both, or of one.
_FINER = ((0.5, 0.5), (0.5, 0), (0, 0.5))
#: A place that is foretold is right within one bin.
_AROUND = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
#: What a frequency is uncertain by, in bins, where too few peaks tell.
_OFF_BINS = 0.2
#: Noise that runs along the rows is not the same in all directions: it is told by the median of
#: this square around each place as well, less its middle where the peak itself is.
_NEARBY, _MIDDLE = 8, 2
#: Greatest probability that noise alone has such a lattice, and such a peak at a single place.
_BY_CHANCE, _PEAK_BY_CHANCE = 1e-4, 1e-3


def find_faint(flat: Pixels) -> BraggLattice | None:
    """Find a lattice by all its peaks together.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image, columns bright.

    Returns
    -------
    lattice : BraggLattice or None
        None if noise might have as much by chance.
    """
    known = NoisySpectrum.of(flat)
    bins = known.strongest(_LEAST_HEIGHT)
    heights = _heights(known, bins[:, None])[:, 0]
    bins = bins[np.argsort(-heights, kind="stable")[:_N_STRONGEST]]
    if len(bins) < 2:
        return None
    strongest = known.peaks(bins)
    # Each of them was the strongest of all frequencies that there are.
    heights = _heights(known, bins[:, None])[:, 0]
    surprises = np.maximum(heights - math.log(known.spectrum.size), 0.0)
    pairs = list(itertools.combinations(range(len(bins)), 2))
    chances = [_chance(known, strongest.frequencies[[i, j]], surprises[[i, j]]) for i, j in pairs]
    best = int(np.argmin(chances))
    by_chance = max(chances[best] * len(pairs), np.finfo(float).tiny)
    if by_chance > _BY_CHANCE:
        return None
    edges = _finest(known, strongest.frequencies[list(pairs[best])])
    lattice = index_peaks(
        known.peaks(_bins_of(known, edges)),
        np.asarray(np.linalg.inv(edges).T, dtype=float),
        flat.shape,
    )
    if lattice is None:
        return None
    error = lattice.error
    if not math.isfinite(error):
        error = float((_OFF_BINS / np.linalg.norm(edges * known.shape, axis=1)).max())
    return lattice._replace(odds=-math.log(by_chance), error=error)


def _chance(known: NoisySpectrum, edges: FloatArray, surprises: FloatArray) -> float:
    """How probable it is that noise has two such peaks and what they foretell."""
    lengths = np.linalg.norm(edges, axis=1)
    if abs(np.linalg.det(edges)) < _LEAST_SINE * lengths.prod():
        return 1.0
    places = _inside(known, np.array(_FORETOLD) @ edges)
    total = float(surprises.sum() - np.log(_noise_has(known, places)).sum())
    # Minus the logarithm of a probability is exponentially distributed.
    return float(gammaincc(2 + len(places), total))


def _heights(known: NoisySpectrum, bins: NDArray[np.int_]) -> FloatArray:
    """Powers of bins (n, m, 2) by those of noise, m of them around each of n places."""
    steps = np.arange(-_NEARBY, _NEARBY + 1)
    around = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    around = around[np.abs(around).max(axis=1) > _MIDDLE]
    middle = bins[:, bins.shape[1] // 2]
    nearby = np.median(known.heights(middle[:, None] + around), axis=1) / math.log(2)
    return np.asarray(known.heights(bins) / np.maximum(nearby, 1.0)[:, None])


def _noise_has(known: NoisySpectrum, places: FloatArray) -> FloatArray:
    """How probable it is that noise has as high a maximum around each place (n, 2)."""
    bins = np.round(places * known.shape).astype(int)[:, None] + _AROUND
    highest = _heights(known, bins).max(axis=1)
    # The bins around a place are at most as many independent ones.
    chance = -np.expm1(len(_AROUND) * np.log1p(-np.exp(-highest)))
    return np.asarray(np.maximum(chance, np.finfo(float).tiny))


def _inside(known: NoisySpectrum, frequencies: FloatArray) -> FloatArray:
    """Those at which peaks are sought."""
    radius = np.linalg.norm(frequencies, axis=1)
    return np.asarray(frequencies[(radius < HIGHEST) & (radius * min(known.shape) > LOWEST_BIN)])


def _finest(known: NoisySpectrum, edges: FloatArray) -> FloatArray:
    """The reciprocal cell with the peaks in the middle of its edges or faces, where there are."""
    for u, v in _FINER:
        middle = np.array([[u, v]]) @ edges
        if len(_inside(known, middle)) and _noise_has(known, middle)[0] < _PEAK_BY_CHANCE:
            kept = edges[1] if u else edges[0]
            return np.array([middle[0], kept])
    return edges


def _bins_of(known: NoisySpectrum, edges: FloatArray) -> NDArray[np.int_]:
    """Bins (n, 2) of the maxima at low orders of a reciprocal lattice that are not noise."""
    orders = np.array([[h, k] for h in range(-2, 3) for k in range(-2, 3)])
    places = _inside(
        known, orders[(orders[:, 1] > 0) | ((orders[:, 1] == 0) & (orders[:, 0] > 0))] @ edges
    )
    places = places[_noise_has(known, places) < _PEAK_BY_CHANCE]
    around = np.round(places * known.shape).astype(int)[:, None] + _AROUND
    bins = around[np.arange(len(around)), known.heights(around).argmax(axis=1)]
    # The transform of a real image holds one half plane.
    bins[(bins[:, 1] < 0) | ((bins[:, 1] == 0) & (bins[:, 0] < 0))] *= -1
    return np.unique(bins, axis=0)
