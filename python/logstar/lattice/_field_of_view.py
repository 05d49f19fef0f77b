"""The field of view: the part of an image in which columns are counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, check_integer


def as_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Check the shape of one image.

    Raises
    ------
    TypeError, ValueError
        If it is not two integers above 0.
    """
    if len(shape) != 2:
        raise ValueError(f"shape must be (n_rows, n_cols) of one image, got {tuple(shape)}.")
    n_rows, n_cols = (check_integer(n, name="each of shape", low=1) for n in shape)
    return n_rows, n_cols


def as_mask(mask: ArrayLike | None) -> NDArray[np.bool_] | None:
    """Copy a mask into an array that nobody can write to, since a lattice does not change.

    Raises
    ------
    ValueError
        If it is no 2-D array of booleans.
    """
    if mask is None:
        return None
    array = np.array(mask)
    if array.dtype != np.bool_ or array.ndim != 2:
        raise ValueError(
            f"mask must be a 2-D array of booleans, got {array.ndim}-D with dtype {array.dtype}."
        )
    array.flags.writeable = False
    return array


def area_of_field(
    shape: tuple[int, int], border: float = 0.0, mask: NDArray[np.bool_] | None = None
) -> float:
    """Measure a field of view in pixels.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the image.
    border : float, default=0.0
        Width in pixels of the frame that does not belong to the field; with a mask, to the
        nearest whole one.
    mask : ndarray of shape `shape`, bool, default=None
        Pixels that belong to the field.

    Returns
    -------
    area : float

    Raises
    ------
    ValueError
        If the mask has another shape.
    """
    if mask is None:
        return (shape[0] - 2 * border) * (shape[1] - 2 * border)
    if mask.shape != shape:
        raise ValueError(
            f"The lattice's mask has shape {mask.shape}, the image {shape}; they must be the same."
        )
    frame = round(border)
    inner = slice(frame, -frame or None)
    return int(np.count_nonzero(mask[inner, inner]))


def in_field(
    points: FloatArray,
    shape: tuple[int, int],
    border: float = 0.0,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Tell which points lie in a field of view.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Row and column in pixels.
    shape : tuple of two int
        Rows and columns of the image, whose outermost pixels end half a pixel beyond their centres.
    border : float, default=0.0
        Width in pixels of the frame that does not belong to the field.
    mask : ndarray of shape `shape`, bool, default=None
        Pixels that belong to the field.

    Returns
    -------
    inside : ndarray of shape (n,), bool
        The number of points inside is, on average over where the points lie, their number per
        pixel times `area_of_field`.
    """
    low, high = border - 0.5, np.array(shape) - 0.5 - border
    inside = np.asarray(((points >= low) & (points < high)).all(axis=1))
    if mask is not None:
        rows, cols = np.round(points[inside]).astype(int).T
        inside[inside] = mask[np.clip(rows, 0, shape[0] - 1), np.clip(cols, 0, shape[1] - 1)]
    return inside
