"""Messages between two processes: plain values and arrays, nothing that could run.

A message is the length of its head in 8 bytes, the head as JSON, then the bytes of the arrays in
the order of the head's list of their types and shapes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from io import RawIOBase
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Metadata of the largest files takes a few MB.
_MOST_HEAD = 2**28
#: Kinds of numbers whose bytes mean the same in both processes.
_KINDS = "buifcU"


def send(pipe: RawIOBase, value: Any) -> None:
    """Write a message.

    Parameters
    ----------
    pipe : raw file
        Where to.
    value : None, bool, number, str, bytes, array, list or mapping of such
        What; anything else becomes its text.
    """
    arrays: list[NDArray[Any]] = []
    tree = _encode(value, arrays)
    kinds = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = json.dumps({"value": tree, "arrays": kinds}).encode()
    _write(pipe, len(head).to_bytes(8, "little") + head)
    for array in arrays:
        if array.nbytes:
            _write(pipe, array.reshape(-1).view(np.uint8).data)


def receive(pipe: RawIOBase, most_bytes: int) -> Any:
    """Read a message.

    Parameters
    ----------
    pipe : raw file
        Where from.
    most_bytes : int
        Bytes that its arrays may have together.

    Returns
    -------
    value : object
        Lists for sequences, dicts for mappings.

    Raises
    ------
    EOFError
        If the other side ends.
    ValueError
        If it is no message, or larger than allowed.
    """
    length = int.from_bytes(_read(pipe, 8), "little")
    if length > _MOST_HEAD:
        raise ValueError(f"a head of {length} bytes")
    head = json.loads(bytes(_read(pipe, length)))
    arrays = []
    for name, shape in head["arrays"]:
        dtype = np.dtype(name)
        size = math.prod(shape) * dtype.itemsize
        if dtype.kind not in _KINDS or size < 0 or size > most_bytes:
            raise ValueError(f"an array of {shape} {name}, beyond {most_bytes} bytes")
        most_bytes -= size
        arrays.append(_read(pipe, size).view(dtype).reshape(shape))
    return _decode(head["value"], arrays)


def _encode(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        arrays.append(np.ascontiguousarray(value).reshape(value.shape))
        return {"array": len(arrays) - 1}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, Mapping):
        return {"items": [[str(key), _encode(item, arrays)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_encode(item, arrays) for item in value]
    return str(value)


def _decode(tree: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(tree, list):
        return [_decode(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "array":
        return arrays[content]
    if kind == "bytes":
        return content.encode("latin-1")
    return {key: _decode(item, arrays) for key, item in content}


def _write(pipe: RawIOBase, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[pipe.write(rest) or 0 :]


def _read(pipe: RawIOBase, size: int) -> NDArray[np.uint8]:
    data = np.empty(size, dtype=np.uint8)
    rest = data.data
    while len(rest):
        n = pipe.readinto(rest)
        if not n:
            raise EOFError
        rest = rest[n:]
    return data
