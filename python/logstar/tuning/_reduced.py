"""A large image small enough to be drawn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import as_image

from ._array_parts import part_of
from ._large_images import TILE
from ._tiled import tiles_of


def reduced_by(shape: tuple[int, int], longest: int) -> int:
    """By which factor an image of this shape is no longer than that."""
    return max(1, math.ceil(max(shape) / longest))


def reduced(array: Any, shape: tuple[int, int], factor: int) -> NDArray[np.float32]:
    """Give means over square blocks; pixels at the end that do not fill one are left out.

    Parameters
    ----------
    array : array-like of shape `shape`
        The image.
    shape : tuple of two int
        Its rows and columns.
    factor : int
        Side of a block, at most that of the image.

    Returns
    -------
    image : ndarray of shape (n_rows // factor, n_cols // factor), float32
    """
    n_rows, n_cols = (n // factor for n in shape)
    small = np.empty((n_rows, n_cols), dtype=np.float32)
    side = max(1, TILE // factor)
    for tile in tiles_of((n_rows, n_cols), side, 0):
        rows, cols = tile.core
        place = tuple(slice(part.start * factor, part.stop * factor) for part in (rows, cols))
        blocks = as_image(part_of(array, place)).reshape(
            rows.stop - rows.start, factor, cols.stop - cols.start, factor
        )
        small[tile.core] = blocks.mean(axis=(1, 3))
    return small
