"""The level of noise, read off the image itself."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from logstar._validation import Image

#: Second differences along rows and columns: of a plane nothing is left, of an atom little. The
#: squares of its entries sum to 36, so white noise is amplified six times.
_DIFFERENCES = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])


def noise_level(image: Image) -> float:
    """Estimate the standard deviation of white noise in a pixel.

    The root mean square of second differences, over six: J. Immerkaer, Fast noise variance
    estimation, Comput. Vis. Image Underst. 64, 300 (1996). The mean square and not the mean
    magnitude, so that counting noise, which differs from pixel to pixel, gives its rms.
    """
    if min(image.shape) < 3:
        return 0.0
    differences = ndimage.correlate(np.asarray(image, dtype=np.float64), _DIFFERENCES)
    return float(np.sqrt(np.mean(differences[1:-1, 1:-1] ** 2))) / 6.0
