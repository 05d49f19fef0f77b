"""What an image, a stack of images and a set of positions are, checked in one place.

Every error names the parameter, says what was given and what is allowed.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Image: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

# What an image and a stack are to a type checker, and so whether a result is an array or a list of
# arrays. mypy takes an array for one image where its type does not tell the number of dimensions
# (`NDArray`); of other array-likes, such as nested lists, the result is either.
OneImage: TypeAlias = np.ndarray[tuple[int, int], np.dtype[Any]]
Stack: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[Any]] | Sequence[NDArray[Any]]
Images: TypeAlias = ArrayLike | Sequence[ArrayLike]

#: Greatest size in bytes of integers that float32 holds exactly, with its 24 bits of mantissa.
_FLOAT32_EXACT_BYTES = 2
#: Lengths of a last axis that mean channels: one, red green blue, these with alpha.
_CHANNELS = (1, 3, 4)
#: Rows and columns up to which an array with such a last axis may be a stack of very small images
#: after all.
_TOO_NARROW = 8


def computation_dtype(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """The precision an image is computed in: float32 where that holds its values, else float64."""
    if dtype.kind == "f":
        return np.float32 if dtype.itemsize <= np.dtype(np.float32).itemsize else np.float64
    if dtype.kind == "b" or dtype.itemsize <= _FLOAT32_EXACT_BYTES:
        return np.float32
    return np.float64


def as_image(image: ArrayLike, *, name: str = "image", look_at_pixels: bool = True) -> Image:
    """Check one image and return it in the precision that it is computed in.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        Booleans, integers or real floats; whatever NumPy can make an array of, so also a
        `Micrograph`, a HyperSpy Signal2D, an xarray DataArray or a dask array, which is computed.
    name : str, default="image"
        What the caller calls it; stands in the error.
    look_at_pixels : bool, default=True
        Whether to refuse NaN and infinite pixels. Where the core goes through all pixels anyway it
        refuses them on the way: see `looked_at_by_core`.

    Returns
    -------
    image : ndarray of shape (n_rows, n_cols), float32 or float64
        The input itself where it already has that type, never a modified input.

    Raises
    ------
    TypeError
        For complex, object or text arrays, and for the path of a file.
    ValueError
        If it is not two-dimensional, is empty, or holds masked, NaN or infinite pixels.
    """
    array = as_array(image, name)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"{name} must hold real numbers (bool, integer or float), got dtype {array.dtype}."
        )
    refuse_channels(array, name)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must be a 2-D array (rows, columns), got {array.ndim}-D with shape "
            f"{array.shape}."
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty: shape {array.shape}; at least 1 x 1 pixel is needed.")
    # The core reads elements at multiples of their size; fields of packed structures lie between.
    result: Image = np.require(array, computation_dtype(array.dtype), "A")
    if look_at_pixels and array.dtype.kind == "f":
        # The sum is finite whenever all pixels are, bar overflow: only then is every one looked at.
        with np.errstate(over="ignore", invalid="ignore"):
            total = result.sum()
        if not np.isfinite(total):
            _refuse_not_finite(result, name)
    return result


def _refuse_not_finite(image: Image, name: str) -> None:
    bad = np.argwhere(~np.isfinite(image))
    if bad.size:
        row, col = bad[0]
        raise ValueError(
            f"{name} holds {len(bad)} pixels that are NaN or infinite, the first at (row, col) "
            f"= ({row}, {col}): {image[row, col]}. Replace or crop them first."
        )


@contextmanager
def looked_at_by_core(image: Image, *, name: str = "image") -> Iterator[None]:
    """Refuse NaN and infinite pixels as `as_image` does, once the core comes upon one.

    Inside, the core has to go through all pixels of `image`.
    """
    try:
        yield
    except ValueError as error:
        if getattr(error, "kind", None) == "PixelNotFinite":
            # What was finite may not be so once it is scaled: of that the core's error tells.
            _refuse_not_finite(image, name)
        raise


def as_array(image: Any, name: str) -> NDArray[Any]:
    """Make an array of what may be another library's object."""
    _refuse_path(image, name)
    # HyperSpy's signals know whether an image or a spectrum is at each place.
    axes = getattr(image, "axes_manager", None)
    if axes is not None and getattr(axes, "signal_dimension", 2) != 2:
        raise ValueError(
            f"{name} must be an image or a stack of images, got a signal of "
            f"{axes.signal_dimension}-D spectra or points; for an image of it use as_signal2D."
        )
    _refuse_sparse(image, name, "images")
    if isinstance(image, np.ma.MaskedArray) and np.ma.is_masked(image):
        raise ValueError(
            f"{name} has {int(np.ma.getmaskarray(image).sum())} masked pixels, which would be "
            "taken as they are; fill them first, by filled()."
        )
    # CCDData of astropy and its like keep their mask beside the pixels.
    mask = None if isinstance(image, np.ndarray) else getattr(image, "mask", None)
    if isinstance(mask, np.ndarray) and mask.any():
        raise ValueError(
            f"{name} has {np.count_nonzero(mask)} masked pixels, which would be taken as they are; "
            "fill or crop them first, and give its array."
        )
    return np.asarray(image)


def _refuse_path(image: Any, name: str) -> None:
    if isinstance(image, (str, bytes, os.PathLike)):
        raise TypeError(
            f"{name} must be an image, got the path {os.fspath(image)!r}; read it with "
            "logstar.io.read_image, or give it to logstar.find_atoms."
        )


def _refuse_sparse(values: object, name: str, things: str) -> None:
    # Told by what it can do: scipy.sparse takes long to import.
    if hasattr(values, "nnz") and hasattr(values, "toarray"):
        raise TypeError(f"{name} is sparse, which {things} are not; give it dense, by toarray().")


def refuse_channels(array: NDArray[Any], name: str) -> None:
    """Refuse colours by name: as a stack they would be many images of a few pixels' width."""
    if array.ndim != 3 or array.shape[-1] not in _CHANNELS or min(array.shape[:2]) <= _TOO_NARROW:
        return
    shape, n_channels = array.shape, array.shape[-1]
    if n_channels == 1:
        raise ValueError(
            f"{name} of shape {shape} has a last axis of one entry; take {name}[..., 0]."
        )
    raise ValueError(
        f"{name} of shape {shape} looks like colours (rows, columns, {n_channels} channels); take "
        f"one channel, such as {name}[..., 0], or read the file with "
        "logstar.io.read_image(path, channel='luminance')."
    )


def as_image_list(
    X: Images, *, name: str = "X", look_at_pixels: bool = True
) -> tuple[list[Image], bool]:
    """Check one image or a stack of images.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of 2-D arrays
        A 2-D array is one image; a 3-D array or a list or tuple of 2-D arrays is a stack.
    name : str, default="X"
        What the caller calls it; stands in the error.
    look_at_pixels : bool, default=True
        As of `as_image`, for one image. Those of a stack are always looked at: it is refused before
        there is work that would be lost.

    Returns
    -------
    images : list of ndarray
        Each as `as_image` returns it.
    is_stack : bool
        Whether `X` was a stack; a stack of one image is a stack.

    Raises
    ------
    TypeError, ValueError
        As `as_image`; also for an empty stack and for other numbers of dimensions.
    """
    if isinstance(X, (list, tuple)):
        if not X:
            raise ValueError(f"{name} is an empty stack; at least one image is needed.")
        for i, image in enumerate(X):
            _refuse_path(image, f"{name}[{i}]")
        dimensions = {np.ndim(image) for image in X}
        if dimensions == {2}:
            return [as_image(image, name=f"{name}[{i}]") for i, image in enumerate(X)], True
        if len(dimensions) > 1 or dimensions & {3, 4}:
            raise ValueError(
                f"{name} is a list, so each entry must be a 2-D image; got entries with "
                f"{sorted(dimensions)} dimensions."
            )
    array = as_array(X, name)
    refuse_channels(array, name)
    if array.ndim == 3:
        if len(array) == 0:
            raise ValueError(f"{name} is an empty stack; at least one image is needed.")
        return [as_image(image, name=f"{name}[{i}]") for i, image in enumerate(array)], True
    if array.ndim != 2:
        raise ValueError(
            f"{name} must be one 2-D image, a 3-D stack or a list of 2-D images, got a "
            f"{array.ndim}-D array with shape {array.shape}."
        )
    return [as_image(array, name=name, look_at_pixels=look_at_pixels)], False


def as_positions(positions: ArrayLike, *, name: str = "positions") -> FloatArray:
    """Check a table whose first two columns are (row, col).

    Parameters
    ----------
    positions : array-like of shape (n, >=2)
        Row and column in pixels; further columns (sigma, ...) are dropped. An empty sequence is
        a table without rows.
    name : str, default="positions"
        What the caller calls it; stands in the error.

    Returns
    -------
    positions : ndarray of shape (n, 2), float64

    Raises
    ------
    TypeError
        If it is sparse, or its numbers are complex.
    ValueError
        If it is not such a table or holds masked, NaN or infinite coordinates.
    """
    _refuse_sparse(positions, name, "positions")
    if np.ma.is_masked(positions):
        raise ValueError(
            f"{name} has masked entries, which would be taken as they are; leave these rows out."
        )
    given = np.asarray(positions)
    if given.dtype.kind == "c":
        raise TypeError(f"{name} must be real numbers, got dtype {given.dtype}.")
    array = np.require(np.asarray(given, dtype=np.float64), requirements="A")
    if array.size == 0 and array.ndim <= 2:
        return np.empty((0, 2))
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"{name} must be a table of shape (n, 2) or wider (row, col, ...), got shape "
            f"{array.shape}."
        )
    array = array[:, :2]
    if not np.isfinite(array).all():
        first = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise ValueError(f"{name}[{first}] = {array[first]} is not finite.")
    return array


def check_real(
    value: object,
    *,
    name: str,
    low: float = -math.inf,
    high: float = math.inf,
    low_included: bool = True,
) -> float:
    """Check a finite real number within bounds and return it as a float.

    Raises
    ------
    TypeError
        If it is no real number.
    ValueError
        If it is NaN, infinite or out of bounds.
    """
    # Settings are evaluated in microseconds, and asking an abstract class takes a good part of one.
    if type(value) is float:
        number = value
    elif isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r} ({type(value).__name__}).")
    else:
        number = float(value)
    above = number >= low if low_included else number > low
    if not (math.isfinite(number) and above and number <= high):
        bounds = [f"{'>=' if low_included else '>'} {low:g}"] if math.isfinite(low) else []
        bounds += [f"<= {high:g}"] if math.isfinite(high) else []
        allowed = " and ".join(["finite", *bounds])
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")
    return number


def check_integer(value: object, *, name: str, low: int) -> int:
    """Check an integer that is not below `low` and return it as an int.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is below `low`.
    """
    if type(value) is int:
        number = value
    elif isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__}).")
    else:
        number = int(value)
    if number < low:
        raise ValueError(f"{name} must be at least {low}, got {value!r}.")
    return number
