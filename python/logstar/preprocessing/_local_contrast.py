"""Evening out of contrast across an image."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import ndimage

from logstar._validation import Image, check_real

from ._base import ImageTransformer
from ._spacing import image_spacing

#: Size of the surroundings, in spacings of the image.
_SIZE_SPACINGS = 2.0
#: The image is divided by at least this share of its overall contrast, so that noise is not
#: amplified where there is no crystal.
_FLOOR = 0.3


class LocalContrast(ImageTransformer):
    """Divide by the local contrast, after the local mean is taken off.

    Afterwards one threshold suits thick and thin parts of a specimen alike.

    Parameters
    ----------
    size : float or "auto", default="auto"
        Standard deviation in pixels of the Gaussian that weighs the surroundings. "auto" is twice
        the distance at which the image repeats itself.

    Notes
    -----
    Contrast is the standard deviation over the surroundings, but at least 0.3 of its root mean
    square over the image. The result has no unit. Noise adds to the contrast: denoise before.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.datasets import make_scene
    >>> from logstar.preprocessing import LocalContrast
    >>> image = make_scene(shape=(128, 128), gradient=1.5, random_state=0).image
    >>> even = LocalContrast().fit_transform(image)
    >>> [bool(0.9 < x[:, 30:60].std() / x[:, 70:100].std() < 1.1) for x in (image, even)]
    [False, True]
    """

    def __init__(self, *, size: float | Literal["auto"] = "auto") -> None:
        self.size = size

    def _check_parameters(self) -> None:
        if self.size != "auto":
            check_real(self.size, name="size", low=1)

    def _transform_image(self, image: Image) -> Image:
        size = _SIZE_SPACINGS * image_spacing(image) if self.size == "auto" else float(self.size)
        centred = image - ndimage.gaussian_filter(image, size)
        squares = ndimage.gaussian_filter(centred**2, size)
        overall = float(squares.mean())
        if overall == 0:
            return centred
        result: Image = centred / np.sqrt(
            np.maximum(squares, squares.dtype.type(_FLOOR**2 * overall))
        )
        return result
