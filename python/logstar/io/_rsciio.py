"""Formats that RosettaSciIO reads.

What runs here runs in a process of its own, see `_isolation`: on broken files readers raise
anything, never end, or take the process down.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._importing import hidden

from ._hdf5 import check_hdf5
from ._signal import Frames, Signal, frames_of

#: Bruker's reader leaves out spectrum images, which are large, if it is told to.
_OPTIONS = {"bruker": {"select_type": "image"}}
#: Files from this size on are opened without loading what is in them, by readers that can. It takes
#: longer to begin with.
_LAZY_FROM = 2**27
_COLOURS = ("R", "G", "B")
_PUT_OFF = ("dask", "dask.array")
#: Libraries that a box of RosettaSciIO's, which holds metadata, could be written to a file with: a
#: third of the time that most readers take to import.
_FOR_FILES_OF_BOXES = ("yaml", "ruamel", "ruamel.yaml", "msgpack")


@contextmanager
def open_with_rsciio(name: str, path: Path) -> Iterator[list[Signal]]:
    """Open a file with one of RosettaSciIO's readers.

    Raises
    ------
    Exception
        Whatever the reader says of a broken file.
    """
    if path.is_file():
        check_hdf5(path)
    _put_off_dask()
    _import_box()
    module = importlib.import_module(f"rsciio.{name}")
    options: dict[str, Any] = dict(_OPTIONS.get(name, {}))
    if path.is_file() and path.stat().st_size >= _LAZY_FROM:
        options["lazy"] = True
    found = module.file_reader(str(path), **options)
    yield [signal for entry in found for signal in signal_of_dictionary(entry)]


class _Later(ModuleType):
    """Stands for a module until something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        if name in {"__spec__", "__file__"}:
            raise AttributeError(name)
        for other in _PUT_OFF:
            if isinstance(sys.modules.get(other), _Later):
                del sys.modules[other]
        return getattr(importlib.import_module(self.__name__), name)


def _put_off_dask() -> None:
    """Import dask when it is used: half a second, which readers spend for lazy arrays alone."""
    if not any(name in sys.modules for name in _PUT_OFF):
        package, array = (_Later(name) for name in _PUT_OFF)
        vars(package)["array"] = array
        sys.modules |= {module.__name__: module for module in (package, array)}


def _import_box() -> None:
    """Import what holds metadata without what writes it to files, which no reader asks for."""
    with hidden(_FOR_FILES_OF_BOXES), suppress(ImportError):
        importlib.import_module("box")


def signal_of_dictionary(found: Mapping[str, Any]) -> Iterator[Signal]:
    """Make a signal of what RosettaSciIO and HyperSpy describe an image by, if it is one."""
    array, axes = found["data"], found["axes"]
    if not hasattr(array, "dtype"):
        array = np.asarray(array)
    if len(axes) != array.ndim:
        return
    places = _image_axes([bool(a.get("navigate", False)) for a in axes], array.shape)
    if places is None:
        return
    if array.dtype.names is not None:
        frames = _colour_frames(array, places)
    else:
        frames = frames_of(array, places)
    if frames is None:
        return
    rows, cols = (axes[place] for place in places)
    metadata = {key: _plain(found.get(key) or {}) for key in ("metadata", "original_metadata")}
    title = (metadata["metadata"].get("General") or {}).get("title", "")
    sides, units = (_scale(rows), _scale(cols)), (_unit(rows), _unit(cols))
    yield Signal(frames, sides, units, metadata, title, _notes(sides))


def _image_axes(navigates: list[bool], shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Find rows and columns among axes, of which some lead from one signal to the next.

    Two axes of the signal are an image. Without any, or with one of a single entry, there is a
    number at each place of the others: an image as well.
    """
    signal = [axis for axis, navigate in enumerate(navigates) if not navigate]
    if len(signal) >= 2:
        # More than two: a stack that does not say so; but single entries are no axes of an image.
        wide = [axis for axis in signal if shape[axis] > 1]
        row, col = wide[-2:] if len(signal) > 2 and len(wide) >= 2 else signal[-2:]
        return row, col
    if len(signal) == 1 and shape[signal[0]] > 1:
        return None  # spectra along a line or over an area
    navigation = [axis for axis, navigate in enumerate(navigates) if navigate]
    if len(navigation) < 2:
        return None
    wide = [axis for axis in navigation if shape[axis] > 1]
    row, col = wide[-2:] if len(wide) >= 2 else navigation[-2:]
    return row, col


def _colour_frames(array: Any, places: tuple[int, int]) -> Frames | None:
    """Colours are stored as fields of a pixel."""
    names = [name for name in array.dtype.names if name in _COLOURS]
    if not names:
        return None
    channels = [frames_of(array[name], places) for name in names]
    first = channels[0]
    if first is None:
        return None

    def load(index: int) -> NDArray[Any]:
        return np.stack([channel[index] for channel in channels if channel is not None], axis=-1)

    return Frames((*first.shape, len(names)), first.dtype, load)


def _notes(sides: tuple[float, float]) -> tuple[str, ...]:
    counted = [name for name, side in zip(("rows", "columns"), sides, strict=True) if side < 0]
    if not counted:
        return ()
    return (f"its {' and '.join(counted)} count downwards; pixels are taken as they are stored.",)


def _scale(axis: Mapping[str, Any]) -> float:
    if "axis" in axis:
        # An axis given by the place of each pixel.
        places: NDArray[Any] = np.asarray(axis["axis"], dtype=float)
        steps = np.diff(places)
        even = len(steps) > 0 and np.allclose(steps, steps[0], rtol=1e-3, atol=0)
        return float(steps.mean()) if even else 0.0
    return float(axis.get("scale", 1))


def _unit(axis: Mapping[str, Any]) -> str | None:
    unit = axis.get("units")
    return None if unit is None else str(unit)


def _plain(value: object) -> Any:
    """Drop the types of readers, which need their libraries to be understood elsewhere."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OV":
        return np.array(value)
    if value is None or isinstance(value, (bool, int, float, str, bytes, np.generic)):
        return value
    return str(value)
