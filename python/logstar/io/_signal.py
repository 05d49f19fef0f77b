"""What a reader hands over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: Kinds of NumPy's numbers that pixels may be.
REAL = "buif"
#: Rows and columns of a part of an image.
Place: TypeAlias = tuple[slice, slice]

#: Bytes that one image may take in memory: images of 8192 x 8192 float64 always, and more from
#: files that are large themselves. What is packed more tightly is taken for an attack.
_IMAGE_BYTES, _IMAGE_BYTES_PER_BYTE = 2**29, 100


@dataclass
class Frames:
    """Images of one shape, each of which is loaded when it is taken.

    Parameters
    ----------
    shape : tuple of int
        (n_frames, n_rows, n_cols), and with colours the number of channels.
    dtype : dtype
        Number type.
    load : callable
        Gives the image of a number.
    load_part : callable, default=None
        Gives rows and columns of it, where that need not load all of the image.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[int], NDArray[Any]]
    load_part: Callable[[int, Place], NDArray[Any]] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        image = np.asarray(self.load(index))
        if image.shape != self.shape[1:]:
            raise ValueError(f"image {index} has shape {image.shape}, not {self.shape[1:]}")
        return image

    def part(self, index: int, place: Place) -> NDArray[Any]:
        """Load rows and columns of an image."""
        if self.load_part is None:
            return self[index][place]
        return np.asarray(self.load_part(index, place))


@dataclass
class Signal:
    """A data set of a file; its frames are the images to choose from.

    Sides and units of pixels are those of rows and columns.
    """

    frames: Frames
    sides: tuple[float, float] = (1.0, 1.0)
    units: tuple[object, object] = (None, None)
    metadata: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    #: What is odd about it, in sentences.
    notes: tuple[str, ...] = ()


def frames_of(array: Any, image_axes: tuple[int, ...] = (-2, -1)) -> Frames | None:
    """Make frames of whatever has a shape, a dtype and an index, one for each place of other axes.

    Parameters
    ----------
    array : array, or what NumPy makes one of when it is indexed
        A lazy one is computed one image at a time.
    image_axes : tuple of int, default=(-2, -1)
        Axes of an image in increasing order: rows, columns, and channels if there are such.

    Returns
    -------
    frames : Frames or None
        None if these are no images.

    Raises
    ------
    ValueError
        If there is no pixel.
    """
    shape, dtype = tuple(map(int, array.shape)), np.dtype(array.dtype)
    if len(shape) < len(image_axes) or dtype.kind not in REAL:
        return None
    if 0 in shape:
        raise ValueError("an image without pixels")
    inner = sorted(axis % len(shape) for axis in image_axes)
    outer = [axis for axis in range(len(shape)) if axis not in inner]
    outer_shape = tuple(shape[axis] for axis in outer)

    def load_part(index: int, place: Place) -> NDArray[Any]:
        numbers = np.unravel_index(index, outer_shape) if outer else ()
        where: list[Any] = [slice(None)] * len(shape)
        for axis, number in zip(outer, numbers, strict=True):
            where[axis] = int(number)
        for axis, part in zip(inner, place, strict=False):
            where[axis] = part
        return np.asarray(array[tuple(where)])

    def load(index: int) -> NDArray[Any]:
        return load_part(index, (slice(None), slice(None)))

    frames_shape = math.prod(outer_shape), *(shape[axis] for axis in inner)
    return Frames(frames_shape, dtype, load, load_part)


def most_image_bytes(file_size: int) -> int:
    """Bytes that an image of a file of so many bytes may take."""
    return max(_IMAGE_BYTES, _IMAGE_BYTES_PER_BYTE * file_size)


def check_image_bytes(shape: tuple[int, ...], itemsize: int, file_size: int) -> None:
    """Check that an image is not too large for its file, before memory is asked for.

    Raises
    ------
    ValueError
        If it is.
    """
    needed, most = math.prod(shape) * itemsize, most_image_bytes(file_size)
    if needed > most:
        raise ValueError(
            f"an image of {' x '.join(map(str, shape))} needs {needed / 1e6:.0f} MB; a file of "
            f"{file_size} bytes may give {most / 1e6:.0f} MB"
        )
