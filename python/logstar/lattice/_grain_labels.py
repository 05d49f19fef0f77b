"""Which of several lattices explains each place of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray

from ._bragg import BraggLattice
from ._peaks import Pixels
from ._phases import gaussian_averages, interpolated

#: Of each lattice the strongest peaks that are compared, as many of each.
_MOST_PEAKS = 6
#: Standard deviation of the Gaussian over which amplitudes are averaged, by the longest of the
#: planes' distances that are compared: nearly one period.
_SMOOTHING = 1.0
#: Averages are computed at points this many standard deviations of the Gaussian apart, and are
#: linear between them, which is off by less than 0.25 ** 2 / 8 = 1 % of the power.
_SAMPLING = 0.25
#: Points that are computed together, in one product of matrices.
_POINTS_AT_ONCE = 32
#: Regions with less than this number of squares of a distance of planes are no grains.
_LEAST_PERIODS = 16.0
#: At a straight edge of a crystal its amplitude is half of that inside. At a boundary of two grains
#: the two have half each, a little less where their atoms keep apart, and a third each where three
#: grains meet: there the second strongest exceeds the second number.
_LEVEL, _SECOND_LEVEL = 0.5, 0.25


def choose_waves(lattices: list[BraggLattice]) -> list[FloatArray]:
    """Choose the Bragg peaks by which lattices are told apart.

    Those count whose power in one lattice exceeds most what is there of any other: twins and other
    lattices that coincide in part have peaks in common, which tell nothing.

    Parameters
    ----------
    lattices : list of BraggLattice
        With the peaks that they were seen to have.

    Returns
    -------
    frequencies : list of ndarray of shape (n, 2)
        Cycles per pixel along rows and columns, as many for each lattice.
    """
    frequencies = [bragg.indices @ np.linalg.inv(bragg.vectors).T for bragg in lattices]
    powers = [bragg.powers / bragg.powers.sum() for bragg in lattices]
    strong = np.concatenate([one[:_MOST_PEAKS] for one in frequencies])
    width = _SMOOTHING / float(np.linalg.norm(strong, axis=1).min())
    chosen = []
    for i, (own, power) in enumerate(zip(frequencies, powers, strict=True)):
        others = [
            _seen_power(own, frequencies[j], powers[j], width)
            for j in range(len(lattices))
            if j != i
        ]
        gain = power - np.max([np.zeros(len(own)), *others], axis=0)
        chosen.append(own[np.argsort(-gain, kind="stable")[: max(2, (gain > 0).sum())]])
    n_peaks = min(_MOST_PEAKS, *(len(one) for one in chosen))
    return [one[:n_peaks] for one in chosen]


def _seen_power(
    at: FloatArray, frequencies: FloatArray, powers: FloatArray, width: float
) -> FloatArray:
    """Power of one lattice's peaks that averages over a Gaussian see at other frequencies."""
    # A real image has each peak on both sides.
    both = np.concatenate([frequencies, -frequencies])
    apart = np.linalg.norm(at[:, None] - both, axis=2)
    seen = np.exp(-((2 * np.pi * width * apart) ** 2)) * np.tile(powers, 2)
    return np.asarray(seen.max(axis=1))


def explained(flat: Pixels, waves: list[FloatArray]) -> FloatArray:
    """Measure how strong the waves of each lattice are around each place.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image.
    waves : list of ndarray of shape (n, 2)
        Frequencies of each lattice, from `choose_waves`.

    Returns
    -------
    amplitudes : ndarray of shape (n_lattices, n_rows, n_cols)
        Root of the sum of the squares of the waves' amplitudes.
    """
    width = _SMOOTHING / float(np.linalg.norm(np.concatenate(waves), axis=1).min())
    (across, spacing_r), (along, spacing_c) = (
        gaussian_averages(size, 1, width, _SAMPLING) for size in flat.shape
    )
    weight = np.outer(across.sum(axis=1), along.sum(axis=1))
    pixels = flat.astype(np.complex64)
    amplitudes = []
    for frequencies in waves:
        power = np.zeros(weight.shape)
        for frequency in frequencies:
            rows = _averaged_wave(across, frequency[0], pixels)
            local = _averaged_wave(along, frequency[1], rows.T).T / weight
            power += np.abs(local) ** 2
        amplitudes.append(np.sqrt(interpolated(power, (spacing_r, spacing_c), flat.shape)))
    return np.array(amplitudes, dtype=np.float64)


def _averaged_wave(
    weights: NDArray[np.float32], frequency: float, values: NDArray[np.complex64]
) -> NDArray[np.complex64]:
    """Average values times a wave along their first axis, around each point of a grid."""
    wave = np.exp(-2j * np.pi * frequency * np.arange(len(values)))
    result = np.empty((len(weights), values.shape[1]), dtype=np.complex64)
    # Points side by side weigh the same part of the image, and nothing farther away.
    for start in range(0, len(weights), _POINTS_AT_ONCE):
        rows = weights[start : start + _POINTS_AT_ONCE]
        used = np.flatnonzero(rows.any(axis=0))
        band = slice(used[0], used[-1] + 1)
        result[start : start + len(rows)] = (rows[:, band] * wave[band]).astype(
            np.complex64
        ) @ values[band]
    return result


def label(amplitudes: FloatArray, typical: FloatArray) -> NDArray[np.intp]:
    """Give each place the lattice that explains it best.

    Parameters
    ----------
    amplitudes : ndarray of shape (n_lattices, n_rows, n_cols)
        From `explained`.
    typical : ndarray of shape (n_lattices,)
        Those inside of each lattice's grain.

    Returns
    -------
    labels : ndarray of shape (n_rows, n_cols), int
        From 1 on; 0 where no lattice is.
    """
    relative = amplitudes / typical[:, None, None]
    ordered = np.sort(relative, axis=0)
    is_explained = ordered[-1] >= _LEVEL
    if len(relative) > 1:
        is_explained |= ordered[-2] >= _SECOND_LEVEL
    return np.where(is_explained, relative.argmax(axis=0) + 1, 0)


def clean(
    labels: NDArray[np.intp], period: float, field: NDArray[np.bool_] | None
) -> NDArray[np.intp]:
    """Take away what is too small to be a grain, and fill gaps that are too small to be vacuum.

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_cols), int
        From `label`.
    period : float
        Distance of planes in pixels.
    field : ndarray of shape (n_rows, n_cols), bool, or None
        Where there may be grains; None is everywhere.

    Returns
    -------
    labels : ndarray of shape (n_rows, n_cols), int
        Small regions have the label that is nearest.
    """
    least = _LEAST_PERIODS * period**2
    kept = np.zeros_like(labels)
    open_ = np.zeros(labels.shape, dtype=bool)
    for value in range(labels.max() + 1):
        regions, _ = ndimage.label(labels == value)
        sizes = np.bincount(regions.ravel())
        is_large = sizes >= least
        is_large[0] = False
        kept[is_large[regions]] = value
        is_small = ~is_large
        is_small[0] = False
        open_ |= is_small[regions]
    if open_.any() and kept.any():
        at = ndimage.distance_transform_edt(kept == 0, return_distances=False, return_indices=True)
        kept[open_] = kept[tuple(at)][open_]
    if field is not None:
        kept[~field] = 0
    return kept
