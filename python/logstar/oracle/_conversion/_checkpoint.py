"""Checkpoints of PyTorch, read without PyTorch and without running what they say.

A checkpoint is a pickle whose tensors refer to raw storages. Pickles may call any function; here
they may make tensors, ordered dictionaries and plain values, and nothing else.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Begins a checkpoint of the format before PyTorch 1.6, as a pickled number.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


class _Storage(NamedTuple):
    """A piece of raw memory, of which the legacy format tells the content last."""

    key: str
    dtype: np.dtype[Any]


class _Tensor(NamedTuple):
    """A view of a storage, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, memory: Mapping[str, bytes]) -> NDArray[Any]:
        """Take the elements out of the memory, which must hold all of them."""
        flat = np.frombuffer(memory[self.storage.key], dtype=self.storage.dtype)
        shape, strides = [int(n) for n in self.shape], [int(n) for n in self.strides]
        if min([*shape, *strides, self.offset], default=0) < 0 or len(shape) != len(strides):
            raise ValueError(f"a tensor has shape {self.shape} and strides {self.strides}.")
        last = self.offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if 0 in shape:
            return np.empty(shape, dtype=flat.dtype)
        if last >= flat.size:
            raise ValueError(
                f"a tensor of shape {self.shape} ends at element {last} of a storage of "
                f"{flat.size}."
            )
        steps = [step * flat.itemsize for step in strides]
        view = np.lib.stride_tricks.as_strided(flat[self.offset :], shape, steps, writeable=False)
        return np.array(view)


def read_checkpoint(path: Path) -> Any:
    """Read a checkpoint.

    Parameters
    ----------
    path : Path
        A file that PyTorch wrote.

    Returns
    -------
    content : object
        Dictionaries, lists and plain values as in the file, its tensors as arrays.

    Raises
    ------
    ValueError
        If it is no such file, is cut off, or holds anything but tensors and plain values.
    """
    try:
        if zipfile.is_zipfile(path):
            return _read_zip(path)
        return _read_legacy(path)
    except (
        pickle.UnpicklingError, zipfile.BadZipFile, EOFError, KeyError, IndexError, struct.error,
        AttributeError, TypeError, ValueError, OverflowError,
    ) as error:  # fmt: skip
        raise ValueError(f"{path} is no checkpoint of PyTorch that can be read: {error}") from error


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise ValueError("there is no data.pkl in it")
        folder = names[0].removesuffix("data.pkl")
        content = _Unpickler(io.BytesIO(archive.read(names[0])), _zip_storage).load()
        memory: dict[str, bytes] = {}
        for storage in _storages(content):
            if storage.key not in memory:
                memory[storage.key] = archive.read(f"{folder}data/{storage.key}")
    return _with_arrays(content, memory)


def _zip_storage(reference: Any) -> _Storage:
    kind, dtype, key, _location, _size = reference
    return _checked_storage(kind, dtype, key)


def _legacy_storage(reference: Any) -> _Storage:
    kind, dtype, key, _location, _size, view = reference
    if view is not None:
        raise ValueError("it has views of storages, which PyTorch no longer writes")
    return _checked_storage(kind, dtype, key)


def _checked_storage(kind: Any, dtype: Any, key: Any) -> _Storage:
    if kind != "storage" or not isinstance(dtype, np.dtype):
        raise ValueError(f"it refers to {kind!r}, which is no storage")
    return _Storage(str(key), dtype)


def _read_legacy(path: Path) -> Any:
    with path.open("rb") as file:
        if _Unpickler(file, _legacy_storage).load() != _LEGACY_MAGIC:
            raise ValueError("it does not begin as one")
        for _ in range(2):  # the version of the format, and the byte order of the machine
            _Unpickler(file, _legacy_storage).load()
        content = _Unpickler(file, _legacy_storage).load()
        keys = _Unpickler(file, _legacy_storage).load()
        dtypes = {storage.key: storage.dtype for storage in _storages(content)}
        memory = {}
        for key in keys:
            (n,) = struct.unpack("<q", file.read(8))
            size = n * dtypes[key].itemsize
            memory[key] = file.read(max(size, 0))
            if len(memory[key]) != size:
                raise ValueError("it is cut off")
    return _with_arrays(content, memory)


def _storages(content: Any) -> list[_Storage]:
    found: list[_Storage] = []
    _mapped(content, lambda tensor: found.append(tensor.storage))
    return found


def _with_arrays(content: Any, memory: Mapping[str, bytes]) -> Any:
    return _mapped(content, lambda tensor: tensor.read(memory))


def _mapped(content: Any, change: Callable[[_Tensor], Any]) -> Any:
    """Apply a function to every tensor within dictionaries, lists and tuples."""
    if isinstance(content, _Tensor):
        return change(content)
    if isinstance(content, dict):
        return {key: _mapped(value, change) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_mapped(value, change) for value in content]
    return content


def _make_tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_rest: Any) -> _Tensor:
    if not isinstance(storage, _Storage) or math.prod(map(int, shape)) > 2**40:
        raise ValueError("a tensor has no storage, or no sensible shape")
    return _Tensor(storage, int(offset), tuple(shape), tuple(strides))


def _make_parameter(tensor: _Tensor, *_rest: Any) -> _Tensor:
    return tensor


class _Unpickler(pickle.Unpickler):
    """Makes tensors and ordered dictionaries, and refuses everything else by name."""

    def __init__(self, file: IO[bytes], storage_of: Callable[[Any], _Storage]) -> None:
        super().__init__(file, encoding="utf-8")
        self._storage_of = storage_of

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        allowed: dict[tuple[str, str], Any] = {
            ("torch._utils", "_rebuild_tensor_v2"): _make_tensor,
            ("torch._utils", "_rebuild_parameter"): _make_parameter,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(
                f"it wants {module}.{name}, and only tensors are admitted; save the model's "
                "state_dict() instead of the model"
            )
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        return self._storage_of(pid)
