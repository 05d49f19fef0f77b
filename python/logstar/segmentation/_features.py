"""What windows are compared by: their parts that a half turn keeps and reverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

Windows = NDArray[np.float32] | NDArray[np.float64]

#: Sigma of the Gaussian weight under which the brightness of a window is measured, as a share of
#: the window's width. Atoms of one element are equally bright in their middles; the weight lets in
#: a little of their surroundings, which puts types of one element in an order.
_BRIGHTNESS_SHARE = 1 / 8


def as_windows(X: ArrayLike, *, min_samples: int = 1) -> Windows:
    """Check windows and give a row of pixels for each.

    Parameters
    ----------
    X : array-like of shape (n_atoms, size ** 2) or (n_atoms, size, size)
        Square windows.
    min_samples : int, default=1
        How many there have to be.

    Returns
    -------
    windows : ndarray of shape (n_atoms, size ** 2), float32 or float64

    Raises
    ------
    ValueError
        For other shapes, NaN, infinite pixels, or fewer windows.
    """
    array = check_array(
        X,
        dtype=[np.float32, np.float64],
        order="C",  # sums of one layout round differently from those of another
        allow_nd=True,
        ensure_min_samples=min_samples,
        input_name="X",
    )
    if array.ndim == 3 and array.shape[1] == array.shape[2]:
        return array.reshape(len(array), -1)  # type: ignore[no-any-return] # no types there
    if array.ndim != 2 or math.isqrt(array.shape[1]) ** 2 != array.shape[1]:
        raise ValueError(
            "X must hold square windows, (n_atoms, size ** 2) or (n_atoms, size, size), as "
            f"AtomPatches gives them; got shape {array.shape}."
        )
    return array  # type: ignore[no-any-return]


def normalized(windows: Windows, normalize: str | None) -> Windows:
    """Subtract the mean of each row, and divide by its deviation; constant rows become 0."""
    if normalize is None:
        return windows
    centred = windows - windows.mean(axis=1, keepdims=True)
    if normalize == "mean":
        return centred  # type: ignore[no-any-return]
    deviation = np.sqrt(np.einsum("ij,ij->i", centred, centred) / windows.shape[1])
    constant = constant_rows(windows, deviation)
    factors = np.where(constant, 0, 1 / np.where(constant, 1, deviation))
    centred *= factors[:, None].astype(centred.dtype)
    return centred  # type: ignore[no-any-return]


def constant_rows(windows: Windows, deviation: NDArray[Any]) -> NDArray[np.bool_]:
    """Rows whose standard deviation is no more than what rounding makes of their values."""
    scale = np.abs(windows).max(axis=1)
    result: NDArray[np.bool_] = deviation <= 16 * np.finfo(windows.dtype).eps * scale
    return result


def even_part(windows: Windows) -> Windows:
    """What a half turn about the atom keeps: of each pair of opposite pixels, the mean.

    Opposite pixels are at the two ends of a row, so the first half of the row says all.
    """
    half = (windows.shape[1] + 1) // 2
    return (windows[:, :half] + windows[:, ::-1][:, :half]) / 2


def odd_part(windows: Windows) -> Windows:
    """What a half turn about the atom reverses: of opposite pixels, half the difference."""
    half = windows.shape[1] // 2
    return (windows[:, :half] - windows[:, ::-1][:, :half]) / 2


def odd_moment(odd: NDArray[Any], size: int) -> NDArray[Any]:
    """To which side an odd part is bright: sums of its pixels' values by row and column."""
    offsets = np.indices((size, size)).reshape(2, -1)[:, : len(odd)] - (size - 1) / 2
    moment: NDArray[Any] = offsets @ odd
    return moment


def brightness(windows: Windows) -> NDArray[Any]:
    """Mean of each window about its middle, under a Gaussian of an eighth of its width."""
    size = math.isqrt(windows.shape[1])
    offsets = np.arange(size) - (size - 1) / 2
    profile = np.exp(-((offsets / (_BRIGHTNESS_SHARE * size)) ** 2) / 2)
    weights = np.outer(profile, profile).ravel()
    means: NDArray[Any] = windows @ (weights / weights.sum()).astype(windows.dtype)
    return means
