"""Arrays of which a part is taken at a time, here or on another machine."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import as_image, computation_dtype
from logstar.io import LazyImage
from logstar.io._mapped import copied, mapping_of

Place = tuple[slice, ...]


def shape_of(array: Any, name: str, n_axes: int) -> tuple[int, ...]:
    """Check that something is an array of numbers that parts can be taken of.

    Raises
    ------
    TypeError
        If it is none.
    ValueError
        If it has another number of axes, or no element.
    """
    shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
    if shape is None or dtype is None or not hasattr(array, "__getitem__"):
        raise TypeError(
            f"{name} must be an array with shape, dtype and slices, such as a numpy.memmap, or an "
            f"array of dask, zarr or h5py, got {type(array).__name__}."
        )
    kind = np.dtype(dtype)
    if kind.kind not in "buif":
        raise TypeError(f"{name} must hold real numbers (bool, integer or float), got {kind}.")
    shape = tuple(map(int, shape))
    if len(shape) != n_axes or 0 in shape:
        raise ValueError(f"{name} must have {n_axes} axes of at least 1, got shape {shape}.")
    return shape


def part_of(array: Any, place: Place) -> NDArray[Any]:
    """Take a part of an array into memory, in a type that can be computed with; checked."""
    part, mapping = array[place], mapping_of(array)
    if mapping is not None:
        part = copied(part, mapping)
    if hasattr(part, "compute"):
        # In this thread: those of a scheduler would multiply with ours.
        part = part.compute(scheduler="synchronous")
    found = np.asarray(part)
    if found.dtype.kind == "f" and found.dtype.itemsize not in (4, 8):
        found = found.astype(computation_dtype(found.dtype))
    elif not found.dtype.isnative:
        found = found.astype(found.dtype.newbyteorder("="))
    if found.dtype.kind == "f" and found.ndim == 2 and not np.isfinite(found.sum()):
        bounds = ", ".join(f"{part.start}:{part.stop}" for part in place)
        # Overflow alone is no error; NaN is, with its place.
        as_image(found, name=f"array[{bounds}]")
    return found


class MappedFile(NamedTuple):
    """A memory-mapped array that is opened where it is used; pickled it is but its name.

    Attributes
    ----------
    path : Path
        The file.
    dtype : str
        Number type with its byte order.
    shape : tuple of int
        Of the array.
    offset : int
        Bytes before it.
    order : {"C", "F"}
        Order of its axes in memory.
    """

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    order: Literal["C", "F"]

    def open(self) -> NDArray[Any]:
        """Map it."""
        kind = np.dtype(self.dtype)
        return np.memmap(self.path, kind, "r", self.offset, self.shape, self.order)


class DatasetOfFile(NamedTuple):
    """A data set of h5py, which cannot be pickled.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        Its name in there.
    """

    path: Path
    name: str

    def open(self) -> Any:
        """Open it; the file stays open as long as it is used."""
        import h5py  # noqa: PLC0415 - an extra

        return h5py.File(self.path, "r")[self.name]


def travelling(array: Any) -> Any:
    """Give what can be sent to a worker in place of an array; None if that is its pixels alone.

    A mapped file becomes its name, if that leads to the same pixels; images of files, and arrays of
    dask and zarr travel as they are.
    """
    if isinstance(array, np.memmap):
        return _mapped(array)
    if isinstance(array, LazyImage):
        return None if array.path is None else array
    module = type(array).__module__.partition(".")[0]
    if module == "h5py":
        return DatasetOfFile(Path(array.file.filename).absolute(), array.name)
    return array if module in {"dask", "zarr"} else None


def _mapped(array: np.memmap[Any, Any]) -> MappedFile | None:
    base: Any = array.base
    if array.filename is None or not isinstance(base, mmap.mmap):
        # A view: where its first element is in the file, nothing tells.
        return None
    order: Literal["C", "F"] = "C" if array.flags.c_contiguous else "F"
    path = Path(array.filename).absolute()
    return MappedFile(path, array.dtype.str, array.shape, array.offset, order)


def opened(array: Any) -> Any:
    """Undo `travelling`."""
    return array.open() if isinstance(array, (MappedFile, DatasetOfFile)) else array
