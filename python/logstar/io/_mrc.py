"""MRC: images and stacks of electron cryo-microscopy, in either byte order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._signal import Signal, frames_of

_HEADER = 1024
#: NumPy's types of the modes; 3 and 4 are complex, transforms and no images.
_MODES = {0: "i1", 1: "i2", 2: "f4", 3: "c8", 4: "c8", 6: "u2", 12: "f2"}
# Places in the header, in words of 4 bytes.
_SHAPE, _MODE, _INTERVALS, _CELL, _AXES = slice(0, 3), 3, slice(7, 10), slice(10, 13), slice(16, 19)
_LOWEST, _GREATEST, _EXTENDED, _IMOD_STAMP, _IMOD_FLAGS = 19, 20, 23, 38, 39
#: IMOD's programs leave this, and say in the lowest bit of their flags whether bytes are signed.
_IMOD = 1146047817
#: An extended header of FEI: 1024 records of 128 bytes, with the side of a pixel in m.
_FEI_EXTENDED, _FEI_PIXEL_SIZE = 1024 * 128, 11


@contextmanager
def open_mrc(path: Path) -> Iterator[list[Signal]]:
    """Open a file, whose pixels are mapped into memory.

    Raises
    ------
    ValueError
        If it is no MRC, or shorter than its header says.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if len(header) < _HEADER:
        raise ValueError("it is shorter than a header")
    words, order = _words(header)
    n_cols, n_rows, n_frames = (int(n) for n in words[_SHAPE])
    mode = int(words[_MODE])
    if mode not in _MODES:
        raise ValueError(f"pixels of mode {mode}, which is none of {', '.join(map(str, _MODES))}")
    reals = words.view(f"{order}f4")
    kind = np.dtype(f"{order}{_MODES[mode]}")
    if mode == 0 and _is_unsigned(words, reals):
        kind = np.dtype("u1")
    shape = (n_frames, n_rows, n_cols)
    begin = _HEADER + int(words[_EXTENDED])
    if min(shape) < 1 or words[_EXTENDED] < 0:
        raise ValueError(f"{n_cols} x {n_rows} x {n_frames} pixels")
    needed = begin + n_frames * n_rows * n_cols * kind.itemsize
    if path.stat().st_size < needed:
        raise ValueError(f"it has {path.stat().st_size} bytes of {needed}")
    frames = frames_of(np.memmap(path, kind, "r", begin, shape))
    signals = []
    if frames is not None:
        sides, unit = _sides(path, words, reals, order)
        metadata = {"mode": mode, "labels": header[224:].replace(b"\0", b" ").decode("latin-1")}
        signals = [Signal(frames, sides, (unit, unit), metadata)]
    yield signals


def _words(header: bytes) -> tuple[NDArray[Any], str]:
    """Find the order of bytes in which the header makes sense."""
    for order in "<>":
        words = np.frombuffer(header, f"{order}i4")
        # The machine stamp says it too, but not all programs write one.
        if 0 <= words[_MODE] < 256 and 0 < min(words[_SHAPE]) <= max(words[_SHAPE]):
            # In the other order small numbers have their bytes at the large end.
            axes = sorted(int(axis) for axis in words[_AXES])
            if axes in ([1, 2, 3], [0, 0, 0]):
                return words, order
    raise ValueError("it has no header of an MRC")


def _is_unsigned(words: NDArray[Any], reals: NDArray[Any]) -> bool:
    """Tell whether bytes are unsigned: the standard's are signed, some programs' are not."""
    if words[_IMOD_STAMP] == _IMOD:
        return not words[_IMOD_FLAGS] & 1
    return bool(reals[_LOWEST] >= 0 and 127 < reals[_GREATEST] <= 255)


def _sides(
    path: Path, words: NDArray[Any], reals: NDArray[Any], order: str
) -> tuple[tuple[float, float], str | None]:
    """Sides of a pixel along rows and columns: edges of the cell by its intervals, in angstrom."""
    along = [int(axis) - 1 if axis else i for i, axis in enumerate(words[_AXES])]
    intervals, cell = words[_INTERVALS], reals[_CELL]
    if all(intervals[axis] > 0 and cell[axis] > 0 for axis in along[:2]):
        col, row = (float(cell[axis]) / int(intervals[axis]) for axis in along[:2])
        # Programs that know nothing write an interval of 1 angstrom.
        return ((row, col), None if row == col == 1 else "A")
    if words[_EXTENDED] == _FEI_EXTENDED:
        record = np.fromfile(path, f"{order}f4", _FEI_PIXEL_SIZE + 1, offset=_HEADER)
        side = float(record[_FEI_PIXEL_SIZE])
        if 0 < side < 1:
            return ((side, side), "m")
    return ((1.0, 1.0), None)
