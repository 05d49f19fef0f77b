"""Images with pixels that are missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import Image, as_image


def finite_pixels(
    image: ArrayLike, mask: ArrayLike | None
) -> tuple[Image, NDArray[np.bool_] | None]:
    """The image with 0 for NaN, and which pixels to fit; None where that is all of them.

    Raises
    ------
    TypeError, ValueError
        If it is no image or no mask of it, or no pixel is a number.
    """
    array = np.asarray(image)
    weights = None
    if array.dtype.kind == "f" and array.ndim == 2 and np.isnan(array).any():
        weights = ~np.isnan(array)
        if not weights.any():
            raise ValueError("image holds no number, every pixel is NaN.")
        image = np.where(weights, array, array.dtype.type(0))
    pixels = as_image(image)
    if mask is not None:
        admitted = np.asarray(mask)
        if admitted.dtype != np.bool_ or admitted.shape != pixels.shape:
            raise ValueError(
                f"mask must be booleans of shape {pixels.shape}, got dtype {admitted.dtype} and "
                f"shape {admitted.shape}."
            )
        weights = admitted if weights is None else weights & admitted
    return pixels, None if weights is None else np.ascontiguousarray(weights)
