"""Images on another grid: square pixels, larger pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_square_pixels(image: NDArray[Any], height: float, width: float) -> NDArray[Any]:
    """Interpolate an image whose pixels are not square onto ones with the shorter side.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    height, width : float
        Sides of a pixel, in a common unit.

    Returns
    -------
    resampled : ndarray, float32 or float64
        Cubic splines; the centre of the first pixel stays where it is, the last is within the
        image. Along the finer side pixels are as they were.
    """
    from scipy import ndimage  # noqa: PLC0415 - heavy, and few images need it

    side = min(height, width)
    steps = (side / height, side / width)
    shape = tuple(
        int((size - 1) / step + 1e-9) + 1 for size, step in zip(image.shape, steps, strict=True)
    )
    # 16 bits are exact in float32.
    dtype = np.float32 if image.dtype.itemsize <= 2 or image.dtype == np.float32 else np.float64
    return ndimage.affine_transform(
        image.astype(dtype), steps, output_shape=shape, order=3, mode="mirror", output=dtype
    )


def bin_pixels(image: NDArray[Any], binning: int) -> NDArray[Any]:
    """Take the mean of blocks of `binning` x `binning` pixels; what fills none is cut off.

    Raises
    ------
    ValueError
        If there is no whole block.
    """
    n_rows, n_cols = (size // binning for size in image.shape)
    if min(n_rows, n_cols) == 0:
        raise ValueError(
            f"binning={binning} is larger than the image of {image.shape[0]} x {image.shape[1]} px."
        )
    blocks = image[: n_rows * binning, : n_cols * binning].reshape(n_rows, binning, n_cols, binning)
    dtype = np.float32 if image.dtype == np.float32 else np.float64
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64).astype(dtype))
