"""The spacing of atoms, read off the image itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.fft as sf
from scipy import ndimage

from logstar._validation import FloatArray, Image

from ._votes import is_outshone, side_of, slow_part, with_even_votes

#: Of the maxima of the autocorrelation beside the central one, those count that have at least this
#: share of the highest one.
_SHARE = 0.5
#: Changes of intensity that are slower than this share of the shorter side are filtered out.
_SLOW_SHARE = 0.1
#: The same where a part of the image outshines the rest: its slopes fall with the fourth power.
_FINER_SHARE = 0.025
#: Standard deviation in pixels of the Gaussian that the image is smoothed with, against noise,
#: before it is compared with itself.
_SMOOTHING = 1.5
#: A square of this side in the middle of the image, in pixels, shows what repeats.
_MOST_PIXELS = 512
#: Largest distance that is looked at, in pixels.
_MOST_REACH = 128
#: The spacing where nothing repeats, as a share of the shorter side.
_FALLBACK_SHARE = 0.08


def image_spacing(image: Image) -> float:
    """Find the distance in pixels at which an image repeats itself.

    It is the distance from the centre of the autocorrelation to the nearest maximum that is at
    least half as high as the highest one. In a crystal that is the shortest vector from an atom to
    an alike one, or to one that is nearly alike.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        A checked image.

    Returns
    -------
    spacing : float
        In pixels, from 2 to half the shorter side or 128. For an image without contrast it is 0.08
        of the shorter side; in noise alone it is a matter of chance.
    """
    shortest = min(image.shape)
    image = image[_middle(image.shape[0]), _middle(image.shape[1])]
    reach = min(min(image.shape) // 2, _MOST_REACH)
    found = [_repetition(part, reach) for part in _parts(image)]
    # The first of equal ones, which is the whole image.
    spacing, share = max(found, key=lambda each: each[1])
    if share == 0:
        return float(max(2.0, _FALLBACK_SHARE * shortest))
    return float(max(2.0, spacing))


def _parts(image: Image) -> Iterator[Image]:
    """The image; if a part of it outshines the rest, its finer details, and those of the rest."""
    if not is_outshone(image, _SLOW_SHARE * min(image.shape)):
        yield image
        return
    scale = _FINER_SHARE * min(image.shape)
    detail = image - slow_part(image, scale)
    yield detail
    even = with_even_votes(detail, side_of(scale))
    yield np.where(even == detail, detail, detail.dtype.type(0))


def _repetition(image: Image, reach: int) -> tuple[float, float]:
    """At which distance an image repeats itself, and the share that does; 0 where nothing does."""
    correlation = _autocorrelation(image, reach)
    if correlation is None:
        return 0.0, 0.0
    peaks = correlation == ndimage.maximum_filter(correlation, size=3)
    offsets = np.argwhere(peaks & (correlation > 0)) - reach
    distances = np.hypot(*offsets.T)
    # The central peak ends where its radial profile first falls to zero, or first rises again.
    inside = (distances > _central_radius(correlation, reach)) & (distances <= reach - 1)
    if not inside.any():
        return 0.0, 0.0
    heights = correlation[tuple((offsets[inside] + reach).T)]
    high = heights >= _SHARE * heights.max()
    spacing = float(distances[inside][high].min())
    # A slope is more like itself a pixel on than at its place, as fewer pairs are left there.
    return spacing, float(heights.max() / correlation[reach, reach]) if spacing >= 2 else 0.0


def _middle(n: int) -> slice:
    start = max(0, (n - _MOST_PIXELS) // 2)
    return slice(start, start + _MOST_PIXELS)


def _autocorrelation(image: Image, reach: int) -> FloatArray | None:
    """Autocorrelation up to lags of `reach`, over the number of pairs of pixels at each lag."""
    pixels = image - image.dtype.type(image.mean(dtype=np.float64))
    if not pixels.any():
        return None
    shape = [sf.next_fast_len(n + reach, real=True) for n in image.shape]
    spectrum = sf.rfft2(pixels, shape)
    rows = np.fft.fftfreq(shape[0])[:, None]
    squares = (2 * np.pi) ** 2 * (rows**2 + np.fft.rfftfreq(shape[1]) ** 2)
    slow = 1 - np.exp(-squares * (_SLOW_SHARE * min(image.shape)) ** 2 / 2)
    power = (spectrum.real**2 + spectrum.imag**2) * slow**2 * np.exp(-squares * _SMOOTHING**2)
    lags = np.arange(-reach, reach + 1)
    pairs = np.outer(*[n - np.abs(lags) for n in image.shape])
    result: FloatArray = sf.irfft2(power, shape)[np.ix_(lags, lags)].astype(np.float64) / pairs
    return result


def _central_radius(correlation: FloatArray, reach: int) -> float:
    rows, cols = np.indices(correlation.shape) - reach
    ring = np.rint(np.hypot(rows, cols)).astype(int).ravel()
    profile = np.bincount(ring, correlation.ravel()) / np.bincount(ring)
    profile = profile[: reach + 1]
    ends = np.flatnonzero((profile[1:] <= 0) | (np.diff(profile) > 0))
    return float(ends[0] + 1 if len(ends) else reach)
