"""Checkpoints as PyTorch writes them, made without it."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np

KINDS = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage"}


class _Reference:
    """A storage, which is written by its key."""

    def __init__(self, kind, key, array):
        self.kind, self.key, self.array = kind, key, array


class _Tensor:
    """Pickled as a tensor is: by a call of `torch._utils._rebuild_tensor_v2`."""

    def __init__(self, reference, offset, shape, strides):
        self.parts = reference, offset, shape, strides

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (*self.parts, False, OrderedDict())


class _Pickler(pickle._Pickler):
    def __init__(self, file, *, legacy):
        super().__init__(file, protocol=2)
        self.legacy = legacy

    def persistent_id(self, obj):
        if not isinstance(obj, _Reference):
            return None
        said = ("storage", obj.kind, obj.key, "cpu", obj.array.size)
        return (*said, None) if self.legacy else said


def pretend_torch(monkeypatch):
    """Names that pickle looks up when it writes references to PyTorch's own."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*_):
        raise AssertionError("nothing in a checkpoint may be called")

    rebuild.__name__ = rebuild.__qualname__ = "_rebuild_tensor_v2"
    rebuild.__module__ = "torch._utils"
    utils._rebuild_tensor_v2 = rebuild
    for kind in KINDS.values():
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def write(path, content, torch, *, legacy=False):
    """Write dictionaries of arrays as PyTorch would; an array twice shares its storage."""
    references = {}

    def stored(value):
        if isinstance(value, dict):
            return type(value)((key, stored(entry)) for key, entry in value.items())
        if not isinstance(value, np.ndarray):
            return value
        base = value if value.base is None else value.base
        flat = np.ascontiguousarray(base).ravel()
        key = str(list(references).index(id(base)) if id(base) in references else len(references))
        kind = getattr(torch, KINDS[base.dtype.str[1:]])
        reference = references.setdefault(id(base), _Reference(kind, key, flat))
        start = value.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        strides = tuple(step // value.itemsize for step in value.strides)
        return _Tensor(reference, start // value.itemsize, value.shape, strides)

    tree = stored(content)
    if legacy:
        with path.open("wb") as file:
            pickle.dump(0x1950A86A20F9469CFC6C, file, protocol=2)
            pickle.dump(1001, file, protocol=2)
            pickle.dump({"little_endian": True}, file, protocol=2)
            _Pickler(file, legacy=True).dump(tree)
            pickle.dump([reference.key for reference in references.values()], file, protocol=2)
            for reference in references.values():
                file.write(struct.pack("<q", reference.array.size) + reference.array.tobytes())
        return
    body = io.BytesIO()
    _Pickler(body, legacy=False).dump(tree)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", body.getvalue())
        for reference in references.values():
            archive.writestr(f"archive/data/{reference.key}", reference.array.tobytes())
