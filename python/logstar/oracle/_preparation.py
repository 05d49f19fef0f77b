"""What an image becomes before a network sees it, in training as in use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.transform import resize

from logstar._validation import FloatArray

#: Nearest neighbours are this far apart, in pixels, in what the shipped network takes.
SPACING = 8.0
#: The background is averaged over squares with sides of this many spacings.
_BACKGROUND_SPACINGS = 5.0
#: Intensities count between these percentiles: hot pixels would darken their surroundings.
_PERCENTILES = (0.1, 99.9)
#: Contrast counts up to this many of its standard deviations: what is bright on a tenth of the
#: image must not make everything else faint.
_CLIP = 4.0
#: Each time the limit is found anew from what the last one left.
_CLIPPINGS = 6


def scaled_shape(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """Shape of an image after scaling, at least one pixel a side."""
    n_rows, n_cols = (max(1, round(n * factor)) for n in shape)
    return n_rows, n_cols


def scale(image: FloatArray, factor: float) -> FloatArray:
    """Resample an image, smoothed first where it shrinks.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    factor : float
        Pixels of the result for each pixel of the image, along a side.

    Returns
    -------
    scaled : ndarray
        Covers the same field; see `to_scaled` for where points are.
    """
    shape = scaled_shape(image.shape, factor)
    if shape == image.shape:
        return image
    return np.asarray(resize(image, shape, order=1, mode="reflect", anti_aliasing=factor < 1))


def to_scaled(points: FloatArray, shape: tuple[int, int], scaled: tuple[int, int]) -> FloatArray:
    """Where points of an image of one shape are after scaling to the other; works both ways."""
    factors = np.array(scaled) / np.array(shape)
    return np.asarray((points + 0.5) * factors - 0.5)


def normalize(image: FloatArray, spacing: float = SPACING) -> NDArray[np.float32]:
    """Remove the background and scale contrast to one standard deviation.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The scaled image.
    spacing : float, default=SPACING
        Nearest distance of atoms in it, in pixels.

    Returns
    -------
    normalized : ndarray of shape (n_rows, n_cols), float32
        Within four standard deviations of 0; all 0 for a constant image.
    """
    side = int(_BACKGROUND_SPACINGS * spacing) | 1
    image = image.clip(*np.percentile(image, _PERCENTILES))
    background = image
    for _ in range(2):  # twice: a square alone leaves echoes of its edges
        background = ndimage.uniform_filter(background, side, mode="reflect")
    contrast = image - background
    deviation = contrast.std()
    for _ in range(_CLIPPINGS):
        deviation = contrast.clip(-_CLIP * deviation, _CLIP * deviation).std()
    # Below this, what is left of a constant image is rounding.
    if deviation <= 1e-9 * max(np.abs(image).max(), np.finfo(np.float64).tiny):
        return np.zeros(image.shape, dtype=np.float32)
    return np.asarray((contrast / deviation).clip(-_CLIP, _CLIP), dtype=np.float32)
