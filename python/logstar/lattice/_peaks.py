"""The Bragg peaks of an image: maxima of its power spectrum that no noise explains."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from logstar._numerics import parabola_vertex
from logstar._validation import FloatArray, Image

#: The spectrum is computed in single precision: its rounding is some 1e-7 of the strongest peak's
#: amplitude, the weakest peak that counts has 4e-2 of it.
Pixels: TypeAlias = NDArray[np.float32]
Spectrum: TypeAlias = NDArray[np.complex64]

#: Degree of the polynomial along rows and along columns that is fitted to an uneven background.
_BACKGROUND_DEGREE = 3
#: Intensities are clipped to the range between the percentiles 0.1 and 99.9, widened by this share
#: of itself at both ends: single hot pixels would put power at all frequencies.
_OUTLIERS = 0.5
#: Percentiles are those of this number of pixels, spread evenly over the image: between 0.06 and
#: 0.14 % of all pixels lie beyond them, at three standard deviations.
_N_SAMPLED = 2**16
#: Steps of the fractional part of i times this number, the golden ratio, fill [0, 1) evenly.
_GOLDEN = (math.sqrt(5) - 1) / 2
#: Pixels that are worked on together, so that they stay in the processor's cache.
_BATCH = 2**16
#: The power of white noise at a frequency is exponentially distributed. The largest of N powers
#: exceeds its mean (ln N + 6) times in one of 400 images, so a peak has to exceed that.
_ABOVE_NOISE = 6.0
#: The mean power of noise is told by the median of this number of frequencies in each ring around
#: frequency 0, and that of its two neighbours: it is right within 8 % (standard deviation).
_RING_SAMPLES = 192
#: Peaks have at least this share of the mean power of noise where that is strongest. The spectrum
#: of a smooth image falls by nine orders of magnitude; what is left there is how the image's edges
#: differ. A lattice with this power has an amplitude of 1e-4 of the image's rms.
_LEAST_OF_NOISE = 1e-6
#: Rows that are brighter or darker as a whole put power on the axis of zero frequency along the
#: columns, and by the window within two bins of it. How much is told by the median of this number
#: of bins along that axis, which Bragg peaks hardly shift.
_AXIS_BINS, _AXIS_SAMPLES = 2, 33
#: Rings of frequencies are this many bins of the shorter side wide.
_RING_WIDTH = 2.0
#: Peaks with less than this share of the strongest one's power, and those beyond the 48 strongest,
#: are left out: the stronger ones tell the lattice already, and weak ones are often artefacts.
_LEAST_POWER, _MOST_PEAKS = 1.5e-3, 48
#: Peaks are sought from 3 periods along the shorter side of the image, below which lies the uneven
#: background, to 0.45 cycles per pixel, above which aliases lie.
LOWEST_BIN, HIGHEST = 3.0, 0.45
#: A peak is the maximum of the bins around it to this distance along rows and columns.
_AROUND = 2
#: Two maxima less than 3 bins apart are one peak. Within 6 bins of a peak, a maximum with less than
#: 3 % of its power is no peak of its own: it is a side lobe of the window, or comes from a slow
#: distortion of the scan.
_PEAK_BINS, _FOOT_BINS, _FOOT_POWER = 3, 6, 0.03
#: Between bins the transform is interpolated from the bins to this distance along rows and columns.
_REACH = 16


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


def flatten(image: Image, mask: NDArray[np.bool_] | None = None) -> Pixels:
    """Clip outliers, subtract the uneven background, and scale the range to about 1.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        A checked image.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where in the image there is crystal.

    Returns
    -------
    flat : ndarray of shape (n_rows, n_cols), float32
        Outside of the mask it is 0.
    """
    low, high = np.percentile(_sample(image if mask is None else image[mask]), [0.1, 99.9])
    margin = _OUTLIERS * (high - low)
    scale = 1 / (high - low) if high > low else 1.0
    across, along = (
        np.linalg.qr(np.vander(np.linspace(-1, 1, size), min(_BACKGROUND_DEGREE + 1, size)))[0]
        for size in image.shape
    )
    flat = np.empty(image.shape, dtype=np.float32)
    fill = 0.0 if mask is None else float(np.clip(image[mask], low - margin, high + margin).mean())
    sums = np.zeros((across.shape[1], image.shape[1]))
    for rows in _batches(image.shape):
        # Before the lowest is subtracted a small contrast may be beyond single precision.
        pixels = np.clip(image[rows], low - margin, high + margin)
        if mask is not None:
            pixels = np.where(mask[rows], pixels, fill)
        flat[rows] = (pixels - low) * scale
        sums += across[rows].T.astype(np.float32) @ flat[rows]
    background = (sums @ along @ along.T).astype(np.float32)
    across = across.astype(np.float32)
    for rows in _batches(image.shape):
        flat[rows] -= across[rows] @ background
    if mask is not None:
        # A sharp edge of the mask would make streaks in the spectrum.
        flat -= flat[mask].mean()
        flat *= ndimage.gaussian_filter(mask.astype(np.float32), 2.0) * mask
    return flat


def _sample(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """All values, or of many so many as are enough, spread evenly."""
    if values.size <= _N_SAMPLED:
        return values
    places = (np.arange(_N_SAMPLED) * _GOLDEN % 1.0 * values.size).astype(np.intp)
    return np.asarray(values[np.unravel_index(places, values.shape)])


def _batches(shape: tuple[int, ...]) -> list[slice]:
    """Slices of rows of an image that fit into the processor's cache."""
    n_rows = max(1, _BATCH // shape[1])
    return [slice(start, start + n_rows) for start in range(0, shape[0], n_rows)]


class NoisySpectrum(NamedTuple):
    """The transform of a flattened image, and how strong noise is at each frequency.

    Attributes
    ----------
    spectrum : ndarray
        One half plane of the transform.
    shape : tuple of two int
        Of the whole one.
    noise : ndarray of shape (n_rings,)
        Mean power of noise in each ring around frequency 0.
    offsets : ndarray of shape (n_rows,)
        Mean power at column frequency 0 that offsets of whole rows make.
    """

    spectrum: Spectrum
    shape: tuple[int, ...]
    noise: NDArray[np.float32]
    offsets: FloatArray

    @classmethod
    def of(cls, flat: Pixels) -> NoisySpectrum:
        """Transform a flattened image."""
        # A side with a large prime factor is continued with zeros, by a few percent at most.
        shape = tuple(fft.next_fast_len(size, real=True) for size in flat.shape)
        windowed = np.empty_like(flat)
        across, along = (np.hanning(size + 2)[1:-1].astype(np.float32) for size in flat.shape)
        for rows in _batches(flat.shape):
            np.multiply(flat[rows], along, out=windowed[rows])
            windowed[rows] *= across[rows, None]
        spectrum = fft.rfft2(windowed, s=shape, overwrite_x=True)
        return cls(spectrum, shape, _noise_of_rings(spectrum, shape), _noise_of_rows(spectrum))

    def strongest(self, factor: float) -> NDArray[np.int_]:
        """Maxima (n, 2) that exceed noise by a factor, in bins, the strongest first."""
        spectrum, shape, noise = self.spectrum, self.shape, self.noise
        least = np.maximum(noise * np.float32(factor), _LEAST_OF_NOISE * noise.max())
        above = _above(spectrum, shape, least)
        on_axis = np.abs(above[:, 1]) <= _AXIS_BINS
        height = _power(spectrum, shape, above) / self.offsets[above[:, 0]]
        bins = _strongest_maxima(spectrum, shape, above[~on_axis | (height > np.float32(factor))])
        return bins[_without_feet(bins, _power(spectrum, shape, bins))]

    def heights(self, bins: NDArray[np.int_]) -> FloatArray:
        """Powers of bins (..., 2), relative to the mean power of noise there."""
        ring = np.minimum(_ring(bins, self.shape), len(self.noise) - 1)
        expected = self.noise[ring].astype(float)
        rows = self.offsets[bins[..., 0] % self.shape[0]]
        on_axis = np.abs(bins[..., 1]) <= _AXIS_BINS
        expected = np.where(on_axis, np.maximum(expected, rows), expected)
        return np.asarray(_power(self.spectrum, self.shape, bins) / expected)

    def peaks(self, bins: NDArray[np.int_]) -> Peaks:
        """Refine maxima (n, 2)."""
        frequencies = _refined(self.spectrum, self.shape, bins) / self.shape
        return Peaks(frequencies, _power(self.spectrum, self.shape, bins), self.heights(bins))


def find_peaks(flat: Pixels) -> Peaks:
    """Find the maxima that stand out of the power spectrum of a flattened image."""
    known = NoisySpectrum.of(flat)
    return known.peaks(known.strongest(math.log(known.spectrum.size) + _ABOVE_NOISE))


class Flattened:
    """An image that several questions are put to: flattened once, and its peaks found once.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        A checked image, its columns bright.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where in the image there is crystal.
    """

    def __init__(self, image: Image, mask: NDArray[np.bool_] | None = None) -> None:
        self.image = image
        self.mask = mask

    @cached_property
    def flat(self) -> Pixels:
        """The flattened image."""
        return flatten(self.image, self.mask)

    @cached_property
    def peaks(self) -> Peaks:
        """Its Bragg peaks."""
        return find_peaks(self.flat)

    @cached_property
    def has_contrast(self) -> bool:
        """Whether the crystal has more than one intensity."""
        seen = self.image if self.mask is None else self.image[self.mask]
        return bool(seen.min() < seen.max())


def _bins(
    spectrum: Spectrum, shape: tuple[int, ...], rows: NDArray[np.int_], cols: NDArray[np.int_]
) -> Spectrum:
    """Values of any bins of the whole spectrum, of which one half is kept."""
    n_rows, n_cols = shape
    cols = cols % n_cols
    mirrored = cols > n_cols // 2
    values = spectrum[
        np.where(mirrored, -rows, rows) % n_rows, np.where(mirrored, n_cols - cols, cols)
    ]
    return np.asarray(np.where(mirrored, values.conj(), values))


def _power(spectrum: Spectrum, shape: tuple[int, ...], bins: NDArray[np.int_]) -> FloatArray:
    """Squared magnitudes of bins (..., 2)."""
    values = _bins(spectrum, shape, bins[..., 0], bins[..., 1])
    return np.asarray(values.real.astype(float) ** 2 + values.imag.astype(float) ** 2)


def _ring(bins: NDArray[np.int_], shape: tuple[int, ...]) -> NDArray[np.int_]:
    """In which ring of frequencies bins (..., 2) are."""
    radius = np.hypot(bins[..., 0] / shape[0], bins[..., 1] / shape[1])
    return np.asarray((radius * (min(shape) / _RING_WIDTH)).astype(int))


def _noise_of_rings(spectrum: Spectrum, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Mean power of noise in each ring, by the median: peaks hardly shift it."""
    n_rings = int(HIGHEST * min(shape) / _RING_WIDTH) + 2
    steps = np.arange(_RING_SAMPLES)
    angles = np.pi * ((steps + 0.5) / _RING_SAMPLES - 0.5)
    radii = np.arange(n_rings)[:, None] + steps * _GOLDEN % 1.0
    # In the half with columns of positive frequency; negative rows count from the last one.
    rows, cols = (
        np.rint(radii * (wave * size * _RING_WIDTH / min(shape))).astype(np.intp)
        for wave, size in zip((np.sin(angles), np.cos(angles)), shape, strict=True)
    )
    found = spectrum[rows % shape[0], np.minimum(cols, spectrum.shape[1] - 1)]
    medians = np.median(found.real**2 + found.imag**2, axis=1)
    # The median of an exponential distribution is its mean times ln 2.
    means = ndimage.median_filter(medians, 3) / math.log(2)
    return np.maximum(means, np.finfo(np.float32).tiny).astype(np.float32)


def _noise_of_rows(spectrum: Spectrum) -> FloatArray:
    """Mean power at each row frequency that offsets of whole rows make at column frequency 0."""
    axis = spectrum[:, 0].real.astype(float) ** 2 + spectrum[:, 0].imag.astype(float) ** 2
    means = ndimage.median_filter(axis, _AXIS_SAMPLES, mode="wrap") / math.log(2)
    return np.maximum(means, np.finfo(np.float32).tiny)


def _above(
    spectrum: Spectrum, shape: tuple[int, ...], least: NDArray[np.float32]
) -> NDArray[np.int_]:
    """Bins (n, 2) whose power exceeds the least of their ring, at frequencies of peaks."""
    n_cols = min(spectrum.shape[1], int(HIGHEST * shape[1]) + 1)
    scale = min(shape) / _RING_WIDTH
    along = ((np.arange(n_cols) / shape[1] * scale) ** 2).astype(np.float32)
    across = ((fft.fftfreq(shape[0]) * scale) ** 2).astype(np.float32)
    found: list[NDArray[np.int_]] = []
    for rows in _batches((shape[0], n_cols)):
        part = spectrum[rows, :n_cols]
        power = part.real**2
        power += part.imag**2
        ring = np.sqrt(across[rows, None] + along).astype(np.int32)
        # What is beyond the outermost ring is left out below.
        places = np.flatnonzero(power > least.take(ring, mode="clip"))
        places += rows.start * n_cols
        found.append(np.column_stack(np.divmod(places, n_cols)))
    bins = np.concatenate(found)
    bins[bins[:, 0] >= (shape[0] + 1) // 2, 0] -= shape[0]
    radius = np.hypot(bins[:, 0] / shape[0], bins[:, 1] / shape[1])
    # The transform of a real image holds one half plane, but of the axis without column frequency
    # both halves: one of them is dropped.
    doubled = (bins[:, 1] == 0) & (bins[:, 0] < 0)
    return np.asarray(bins[(radius * min(shape) > LOWEST_BIN) & (radius < HIGHEST) & ~doubled])


def _strongest_maxima(
    spectrum: Spectrum, shape: tuple[int, ...], bins: NDArray[np.int_]
) -> NDArray[np.int_]:
    """Of bins (n, 2) the local maxima, strongest first, as far as their power counts."""
    powers = _power(spectrum, shape, bins)
    order = np.argsort(-powers, kind="stable")
    around = np.stack(np.meshgrid(*[np.arange(-_AROUND, _AROUND + 1)] * 2), axis=-1).reshape(-1, 2)
    maxima: list[NDArray[np.int_]] = []
    least = 0.0
    for start in range(0, len(order), _BATCH // len(around)):
        part = order[start : start + _BATCH // len(around)]
        part = part[powers[part] >= least]
        if len(part) == 0:
            break
        surroundings = _power(spectrum, shape, bins[part][:, None] + around)
        part = part[powers[part] >= surroundings.max(axis=1)]
        if not maxima and len(part):
            least = _LEAST_POWER * powers[part[0]]
            part = part[powers[part] >= least]
        maxima += [part] if len(part) else []
    return bins[np.concatenate(maxima)] if maxima else bins[:0]


def _without_feet(bins: NDArray[np.int_], powers: FloatArray) -> NDArray[np.int_]:
    """Indices of maxima that are peaks of their own, the strongest first."""
    kept: list[int] = []
    for index, power in enumerate(powers):
        if len(kept) == _MOST_PEAKS:
            break
        apart, opposite = (np.abs(bins[kept] - sign * bins[index]).max(axis=1) for sign in (1, -1))
        distance = np.minimum(apart, opposite)
        near = distance < _FOOT_BINS
        if (distance < _PEAK_BINS).any() or (power < _FOOT_POWER * powers[kept][near]).any():
            continue
        kept.append(index)
    return np.array(kept, dtype=int)


def _refined(spectrum: Spectrum, shape: tuple[int, ...], bins: NDArray[np.int_]) -> FloatArray:
    """Find the maxima of the transform between its bins, of all peaks at once; in bins."""
    reach = min(_REACH, (min(shape) - 1) // 2)
    offsets = np.arange(-reach, reach + 1)
    values = _bins(
        spectrum,
        shape,
        (bins[:, :1] + offsets)[:, :, None],
        (bins[:, 1:] + offsets)[:, None, :],
    )
    steps = np.arange(-1, 2)
    moved = np.zeros((len(bins), 2))
    for size in (0.4, 0.2, 0.1):
        across, along = (
            _between_bins(moved[:, axis, None] + size * steps, offsets, shape[axis])
            for axis in (0, 1)
        )
        power = np.abs(across @ values @ along.transpose(0, 2, 1)) ** 2
        logs = np.log(np.maximum(power, np.finfo(float).tiny))
        moved[:, 0] += size * parabola_vertex(*logs[:, :, 1].T)
        moved[:, 1] += size * parabola_vertex(*logs[:, 1].T)
    return np.asarray(bins + moved)


def _between_bins(
    places: FloatArray, offsets: NDArray[np.int_], n_bins: int
) -> NDArray[np.complex128]:
    """Weights (..., n_offsets) of bins that interpolate a transform at places, in bins.

    Of all bins they are Dirichlet's kernel, which decays slowly. Those that are left are tapered:
    by that the ends of the image weigh less, where the window has faded them out already.
    """
    apart = places[..., None] - offsets
    angle = np.pi * apart / n_bins
    kernel = np.sinc(apart) / np.sinc(apart / n_bins)
    taper = np.cos(np.pi * apart / (2 * (offsets[-1] + 2))) ** 2
    return np.asarray(kernel * taper * np.exp(-1j * (n_bins - 1) * angle))
