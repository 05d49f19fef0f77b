"""Significance of maxima: how many as strong noise alone would show.

Noise is as often dark as bright, and atoms are not: the maxima of the mirrored image, whose bright
is dark, say how strong maxima of noise are. No lattice, no expected number and no model of the
noise are needed. A response is measured by its local spread,

    z = L / s,   L = -sigma^2 LoG(x),   s^2 = G[L^2 where L < 0] / G[1 where L < 0],

where x is the image without its slow background and G a wide Gaussian. Of the mirrored maxima the K
strongest, those above z0, have the tail of a Rayleigh distribution, as maxima of smooth noise do:

    Lambda(z) = K exp(-(z^2 - z0^2) / (2 v)),   v = mean((z^2 - z0^2) / 2),

is the number of false atoms at least this strong to be expected in the image. Significance is
``-log10(Lambda)``: at 0 the image is expected to show one such maximum by chance, at 3 one image in
a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from logstar._validation import FloatArray, Image, as_image, as_positions, check_real

from ._hot_pixels import despiked
from ._noise_tail import NoiseMaxima, NoiseTail, significance_of
from ._responses import WideAverage, apart, bands, is_maximum, laplacians

#: Of images that are scaled by their range: single precision does, since noise has much more than
#: 1e-7 of it.
Strengths: TypeAlias = NDArray[np.float32]
#: Sigma in pixels of the Gaussian that background and local noise are averaged over, and the least
#: one by the sigma of atoms: a narrower one takes the atoms for background.
_SURROUNDINGS, _LEAST_SURROUNDINGS = 32.0, 6.4
#: Pixels beyond this many of these sigmas have hardly a part in an average.
_REACH = 3.0
#: A Gaussian atom stands farthest out of white noise behind a filter of sqrt(3) times its sigma,
#: where ``f^3 / (sigma^2 + f^2)^2`` is greatest.
_BEST_FILTER = math.sqrt(3)
#: Sigmas of filters by that of atoms: a little below and above the best one. The narrowest alone
#: tells sizes apart.
_FILTERS = (math.sqrt(2), 1.25 * math.sqrt(2), 1.5 * math.sqrt(2))
#: How close two maxima may be, by the smallest sigma of the ladder.
_LEAST_DISTANCE = 2.5
#: A tail of fewer maxima says too little.
_LEAST_TAIL = 20
#: Outer rows and columns without maxima: the tail of an atom beyond the edge makes one there.
_BORDER = 1
#: Poisson's noise of more electrons a pixel than this is as good as symmetric.
_FEW_ELECTRONS = 100.0
#: What single precision leaves of the range of an image.
_ROUNDING = 1e-6
#: Sigmas, in pixels, that are tried where the size of atoms is not known.
_SIZES = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
#: The size that is taken, in pixels, where none has at least this contrast. In 32 images of noise
#: of eight kinds the greatest contrast of any size was 4.1. Taking the size of greatest contrast
#: there as well would let noise choose where its maxima are strongest: in Poisson's noise of 0.3
#: and of 1 electron a pixel it made 20 false atoms in 10.5 million pixels instead of 6.
_USUAL_SIZE, _LEAST_CONTRAST = 1.4, 5.0


class SignificanceMap:
    """Strengths of an image at each pixel, and how strong noise is.

    Made by `of`.

    Parameters
    ----------
    strengths : ndarray of shape (n_sigmas, n_rows, n_cols), float32
        Responses by their local spread, z.
    spreads : ndarray of shape (n_sigmas, n_rows, n_cols), float64
        That spread, s.
    sigmas : ndarray of shape (n_sigmas,)
        Of the filters, in pixels; each is for atoms of 1 / sqrt(3) of it.
    tails : sequence of NoiseTail
        Of the mirrored image, and of simulated noise where that is skewed; the one that expects
        more decides.
    field : ndarray of shape (n_rows, n_cols), bool
        Where atoms can be.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.datasets import make_scene
    >>> from logstar.detection import SignificanceMap
    >>> noise = np.random.default_rng(0).normal(0, 1, (128, 128))
    >>> noise[60:66, 40:46] += 3
    >>> maxima = SignificanceMap.of(noise, size=2.0).maxima()
    >>> maxima[0, :2]
    array([63., 43.])
    >>> bool(maxima[0, 4] > 3), bool(maxima[1, 4] > 3)
    (True, False)
    """

    def __init__(
        self,
        strengths: Strengths,
        spreads: FloatArray,
        sigmas: FloatArray,
        tails: Sequence[NoiseTail],
        field: NDArray[np.bool_],
    ) -> None:
        self.strengths = strengths
        self.spreads = spreads
        self.sigmas = sigmas
        self.tails = tuple(tails)
        self.field = field

    @classmethod
    def of(
        cls,
        image: ArrayLike,
        *,
        size: float,
        polarity: Literal["bright", "dark"] = "bright",
        mask: NDArray[np.bool_] | None = None,
        filters: Sequence[float] = _FILTERS,
        counts: ArrayLike | None = None,
    ) -> Self:
        """Measure an image.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The image.
        size : float
            Sigma of atoms, in pixels; those of 0.8 to 1.2 times that stand out best.
        polarity : {"bright", "dark"}, default="bright"
            Whether atoms are brighter than their surroundings.
        mask : ndarray of shape (n_rows, n_cols), bool, default=None
            Where atoms can be; None is everywhere.
        filters : sequence of float, default=(1.41, 1.77, 2.12)
            Sigmas of filters, rising, by that of atoms.
        counts : array-like of shape (n_rows, n_cols), default=None
            Whose electrons make the noise; None is `image`. For one that something was taken out
            of it is what that was taken from.

        Returns
        -------
        map : SignificanceMap

        Raises
        ------
        TypeError, ValueError
            For an image that is none, and a size that is not above 0 and finite.

        Notes
        -----
        Single hot pixels are replaced by the median around them. Noise of few electrons a pixel
        is skewed: its bright maxima are stronger than its dark ones. Where the image is nowhere
        negative and its variance is that of less than 100 electrons a pixel, such noise is
        simulated, with a fixed seed, and its bright maxima count as well.
        """
        size = check_real(size, name="size", low=0, low_included=False)
        pixels = np.asarray(as_image(image), dtype=np.float64)
        bright = despiked(pixels if polarity == "bright" else -pixels)
        field = _inner(pixels.shape) if mask is None else mask & _inner(pixels.shape)
        sigmas = size * np.asarray(filters, dtype=np.float64)
        spreads = np.empty((len(sigmas), *pixels.shape))

        def note(sigma: int, rows: slice, some: FloatArray) -> None:
            spreads[sigma, rows] = some

        strengths = _strengths(bright, sigmas, note)
        whole = pixels if counts is None else np.asarray(as_image(counts), dtype=np.float64)
        noise = [_mirrored(strengths, sigmas, field)]
        gain = gain_of_few_electrons(whole)
        if gain is not None:
            noise.append(_of_electrons(whole, gain, sigmas, polarity, field, seed=0))
        return cls(strengths, spreads, sigmas, [one.tail() for one in noise], field)

    def maxima(self) -> FloatArray:
        """Find the maxima, the strongest first; of two that are too close the stronger is kept.

        Returns
        -------
        maxima : ndarray of shape (n, 5)
            Row, column and sigma in pixels, strength z, and significance.
        """
        found = _maxima(self.strengths, self.sigmas, self.field)
        found[:, 2] /= _BEST_FILTER
        return np.column_stack([found, self.significance(found[:, 3])])

    def significance(self, strengths: ArrayLike) -> FloatArray:
        """Give minus the logarithm of how many maxima of noise are expected to be as strong.

        Parameters
        ----------
        strengths : array-like of shape (n,)
            Strengths, z.

        Returns
        -------
        significance : ndarray of shape (n,)
            Above 0 where less than one is expected in the whole image.
        """
        return significance_of(strengths, self.tails)

    def threshold(self, false_per_megapixel: float) -> float:
        """Give the strength above which noise has so many maxima.

        Parameters
        ----------
        false_per_megapixel : float
            False atoms expected per million pixels.

        Returns
        -------
        threshold : float
            Strength, z.
        """
        # A field without a pixel has no maxima to compare; as if of one, the threshold is finite.
        n_pixels = max(int(np.count_nonzero(self.field)), 1)
        n_false = false_per_megapixel * n_pixels / 1e6
        return max(tail.threshold(n_false) for tail in self.tails)

    def at(self, positions: ArrayLike) -> FloatArray:
        """Give the strength at detections, whose pixels may be one off the maximum.

        Parameters
        ----------
        positions : array-like of shape (n, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        strengths : ndarray of shape (n,)
            Strengths, z.
        """
        points = np.rint(as_positions(positions, name="positions")[:, :2]).astype(int)
        shape = self.field.shape
        best = np.full(len(points), -np.inf)
        for row in (-1, 0, 1):
            for col in (-1, 0, 1):
                rows, cols = np.clip(points + np.array([row, col]), 0, np.array(shape) - 1).T
                best = np.maximum(best, self.strengths[:, rows, cols].max(axis=0))
        return best

    @property
    def contrast(self) -> float:  # numpydoc ignore=RT01
        """How far all strong maxima together exceed those of noise, in standard deviations.

        It is made of hundreds of maxima, and so hardly depends on whether one of noise happens to
        be strong: sizes can be compared by it without making false atoms likelier.
        """
        strengths = _maxima(self.strengths, self.sigmas, self.field)[:, 3]
        contrasts = []
        for tail in self.tails:
            above = strengths[strengths > tail.start]
            excess = float(np.sum(tail.exponents(above))) - tail.n
            contrasts.append(excess / math.sqrt(tail.n))
        return min(contrasts)


def estimate_atom_size(
    image: ArrayLike,
    *,
    polarity: Literal["bright", "dark"] = "bright",
    mask: NDArray[np.bool_] | None = None,
) -> float:
    """Estimate the size of atoms from how far they stand out of noise.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where atoms can be; None is everywhere.

    Returns
    -------
    size : float
        Their sigma in pixels: one of 0.7, 1, 1.4, 2, 2.8, 4 and 5.6; 1.4 where nothing stands out
        at any of them.

    Raises
    ------
    TypeError, ValueError
        For an image that is none.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.detection import estimate_atom_size
    >>> scene = make_scene(shape=(256, 256), sigma=2.0, noise=0.3, random_state=0)
    >>> estimate_atom_size(scene.image)
    2.0
    """
    return _best_size(
        {
            size: SignificanceMap.of(
                image, size=size, polarity=polarity, mask=mask, filters=_FILTERS[:1]
            )
            for size in sizes_within(np.shape(image))
        }
    )


def _best_size(maps: dict[float, SignificanceMap]) -> float:
    """Which size has the most contrast, if any has; of equals the smaller."""
    contrasts = {
        size: found.contrast for size, found in maps.items() if found.tails[0].n >= _LEAST_TAIL
    }
    best = max(contrasts, key=lambda size: contrasts[size], default=_USUAL_SIZE)
    return best if contrasts.get(best, 0.0) >= _LEAST_CONTRAST else _USUAL_SIZE


def sizes_within(shape: tuple[int, ...]) -> tuple[float, ...]:
    """Sizes of atoms that are tried in an image, in pixels."""
    return tuple(size for size in _SIZES if size == _SIZES[0] or 24 * size <= min(shape))


def _inner(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    field = np.zeros(shape, dtype=bool)
    field[_BORDER:-_BORDER, _BORDER:-_BORDER] = True
    return field


def _strengths(
    pixels: FloatArray,
    sigmas: FloatArray,
    note: Callable[[int, slice, FloatArray], object] | None = None,
) -> Strengths:
    """Responses at each sigma by the spread of the negative ones around.

    The spreads at each sigma are given to `note` some rows at a time, and written over then.
    """
    width = max(_SURROUNDINGS, _LEAST_SURROUNDINGS * float(sigmas[-1]))
    around = WideAverage(pixels.shape, width)
    unit = float(np.ptp(pixels)) or 1.0
    flat = np.empty(pixels.shape, dtype=np.float32)
    for rows, values in around.by_bands(around.on_blocks(pixels)):
        np.subtract(pixels[rows], values, out=values)
        np.divide(values, unit, out=flat[rows], casting="same_kind")
    strengths = np.empty((len(sigmas), *pixels.shape), dtype=np.float32)
    for i, response in enumerate(laplacians(flat, sigmas)):
        share = np.maximum(around.on_blocks(response, _is_dark), np.finfo(np.float64).tiny)
        square = around.on_blocks(response, _dark_square) / share
        local = np.maximum(np.sqrt(np.maximum(square, 0.0)), _ROUNDING)
        for rows, values in around.by_bands(local):
            np.divide(response[rows], values, out=strengths[i, rows], casting="same_kind")
            if note is not None:
                note(i, rows, np.multiply(values, unit, out=values))
    return strengths


def _is_dark(response: Strengths) -> NDArray[np.bool_]:
    return response < 0


def _dark_square(response: Strengths) -> Strengths:
    dark = np.minimum(response, 0)
    return np.square(dark, out=dark)


def _maxima(strengths: Strengths, sigmas: FloatArray, field: NDArray[np.bool_]) -> FloatArray:
    """Maxima above 0 in space and scale, the strongest first, and none too close to a stronger."""
    # The strongest along scales first: a maximum of all three is one of that map.
    best = strengths.max(axis=0) if len(strengths) > 1 else strengths[0]
    is_peak = is_maximum(best)
    for band in bands(best.shape):
        is_peak[band] &= field[band]
        is_peak[band] &= best[band] > 0
    rows, cols = np.divmod(np.flatnonzero(is_peak), best.shape[1])
    values = best[rows, cols].astype(np.float64)
    order = np.lexsort((cols, rows, -values))
    rows, cols, values = rows[order], cols[order], values[order]
    scale = strengths[:, rows, cols].argmax(axis=0)
    places = np.column_stack([rows, cols])
    kept = apart(places, values, _LEAST_DISTANCE * float(sigmas[0]))
    return np.column_stack([places, sigmas[scale], values])[kept]


def _mirrored(strengths: Strengths, sigmas: FloatArray, field: NDArray[np.bool_]) -> NoiseMaxima:
    """Maxima of the mirrored image."""
    return NoiseMaxima(_maxima(-strengths, sigmas, field)[:, 3])


def _of_electrons(
    pixels: FloatArray,
    gain: float,
    sigmas: FloatArray,
    polarity: Literal["bright", "dark"],
    field: NDArray[np.bool_],
    *,
    seed: int,
) -> NoiseMaxima:
    """Maxima of simulated noise of few electrons a pixel, with the image's own background."""
    around = WideAverage(pixels.shape, _SURROUNDINGS)
    background = np.maximum(around.at_pixels(around.on_blocks(pixels)), 0.0)
    counts = np.random.default_rng(seed).poisson(background / gain)
    noise = gain * counts.astype(np.float64)
    simulated = _strengths(noise if polarity == "bright" else -noise, sigmas)
    # The narrowest filter averages over the fewest pixels, and leaves the most.
    skewness = float(stats.skew(simulated[0].astype(np.float64), axis=None))
    return NoiseMaxima(_maxima(simulated, sigmas, field)[:, 3], skewness)


def gain_of_few_electrons(pixels: FloatArray) -> float | None:
    """Tell what an electron adds to a pixel, if the noise of an image is that of few a pixel.

    None where pixels are negative, or the noise is that of many electrons.
    """
    if pixels.min() < 0:
        return None
    mean = float(pixels.mean())
    variance = _variance_of_noise(pixels)
    if variance <= 0 or mean**2 / variance > _FEW_ELECTRONS:
        return None
    return variance / mean


def _variance_of_noise(pixels: FloatArray) -> float:
    """Variance of white noise, by a mixed second difference: it leaves no background and no atoms.

    Beyond the edge the outermost pixels go on.
    """
    total = 0.0
    last = pixels.shape[0] - 1
    for rows in bands(pixels.shape):
        around = pixels[np.clip(np.arange(rows.start - 1, rows.stop + 1), 0, last)]
        steps = np.pad(np.diff(around, 2, axis=0), ((0, 0), (1, 1)), mode="edge")
        rough = np.diff(steps, 2, axis=1)
        total += float(np.square(rough, out=rough).sum())
    # White noise of variance 1 has differences of variance 6 along each axis.
    return total / pixels.size / 36


def strengths_within(
    image: Image,
    *,
    size: float,
    polarity: Literal["bright", "dark"],
    core: NDArray[np.bool_],
    counts: Image,
    gain: float | None,
    seed: int,
    places: NDArray[np.intp],
) -> tuple[NDArray[np.float32], FloatArray, list[NoiseMaxima]]:
    """Measure a part of an image by one filter, as `SignificanceMap.of` measures all of it.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The part, with `reach_of_surroundings` around it.
    size : float
        Sigma of the filter, in pixels.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    core : ndarray of shape (n_rows, n_cols), bool
        Where maxima of noise count.
    counts : ndarray of shape (n_rows, n_cols)
        As of `SignificanceMap.of`.
    gain : float or None
        As `gain_of_few_electrons` tells it of the whole.
    seed : int
        Of simulated noise; another one for each part.
    places : ndarray of shape (n, 2)
        Pixels whose strengths are wanted.

    Returns
    -------
    strengths, spreads : ndarray of shape (n,)
        As of `SignificanceMap`, of these pixels.
    noise : list of NoiseMaxima
        Of the mirrored part, and of simulated noise where there is a `gain`.
    """
    pixels = np.asarray(image, dtype=np.float64)
    bright = despiked(pixels if polarity == "bright" else -pixels)
    field = core & _inner(pixels.shape)
    sigmas = np.array([size])
    found = np.empty(len(places))
    order = np.argsort(places[:, 0], kind="stable")
    ordered = places[order]

    def note(_: int, band: slice, spreads: FloatArray) -> None:
        start, stop = np.searchsorted(ordered[:, 0], (band.start, band.stop))
        rows, cols = ordered[start:stop].T
        found[order[start:stop]] = spreads[rows - band.start, cols]

    strengths = _strengths(bright, sigmas, note)
    own = strengths[0][tuple(places.T)]
    # In place, as nobody needs the others any more.
    mirrored = _maxima(np.negative(strengths, out=strengths), sigmas, field)
    noise = [NoiseMaxima(mirrored[:, 3])]
    if gain is not None:
        whole = np.asarray(counts, dtype=np.float64)
        noise.append(_of_electrons(whole, gain, sigmas, polarity, field, seed=seed))
    return own, found, [one.strongest() for one in noise]


def reach_of_surroundings(size: float) -> int:
    """How far around a part of an image its strengths depend on it, in pixels."""
    return math.ceil(_REACH * max(_SURROUNDINGS, _LEAST_SURROUNDINGS * size))
