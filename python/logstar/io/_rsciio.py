"""Formats that RosettaSciIO reads.

What runs here runs in a process of its own, see `_isolation`: on broken files readers raise
anything, never end, or take the process down.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._signal import Signal, as_frames

#: Readers for each extension, tried in this order. What can hold spectra or curves only is left
#: out.
READERS = {
    ".dm3": ("digitalmicrograph",),
    ".dm4": ("digitalmicrograph",),
    ".ser": ("tia",),
    ".emi": ("tia",),
    ".emd": ("emd",),
    ".de5": ("emd",),
    ".hspy": ("hspy",),
    ".zspy": ("zspy",),
    # Many programs write .hdf5 and .h5, so the extension does not name one reader.
    ".hdf5": ("hspy", "emd", "usid", "delmic"),
    ".h5": ("hspy", "emd", "usid", "delmic", "arina", "tofwerk"),
    ".nxs": ("nexus",),
    ".nc": ("netcdf",),
    ".mrc": ("mrc", "mrcz"),
    ".mrcz": ("mrcz",),
    ".ali": ("mrc",),
    ".bcf": ("bruker",),
    ".blo": ("blockfile",),
    ".mib": ("quantumdetector",),
    ".app5": ("topspin",),
    ".prz": ("pantarhei",),
    ".rpl": ("ripple",),
    ".unf": ("semper",),
    ".tvips": ("tvips",),
    ".sur": ("digitalsurf",),
    ".pro": ("digitalsurf",),
    ".img": ("jeol", "hamamatsu"),
    ".map": ("jeol",),
    ".asw": ("jeol",),
    ".elid": ("phenom",),
    ".xml": ("empad", "jobinyvon"),
    ".wdf": ("renishaw",),
    ".spd": ("edax",),
}
#: Options that make a reader leave out what is no image: spectrum images are large.
_OPTIONS = {"emd": {"select_type": "image"}, "bruker": {"select_type": "image"}}
_COLOURS = ("R", "G", "B")


def read_with_rsciio(name: str, path: Path) -> list[Signal]:
    """Read all images of a file with one reader."""
    module = importlib.import_module(f"rsciio.{name}")
    options = _OPTIONS.get(name, {})
    return [
        signal
        for found in module.file_reader(str(path), **options)
        for signal in signal_of_dictionary(found)
    ]


def signal_of_dictionary(found: Mapping[str, Any]) -> Iterator[Signal]:
    """Make a signal of what RosettaSciIO and HyperSpy describe an image by, if it is one."""
    array, axes = np.asarray(found["data"]), found["axes"]
    # Colours are stored as fields of a pixel.
    colours = array.dtype.names is not None
    if array.dtype.names is not None:
        channels = [array[name] for name in array.dtype.names if name in _COLOURS]
        if not channels:
            return
        array = np.stack(channels, axis=-1)
    if len(axes) != array.ndim - colours or len(axes) < 2:
        return
    if any(axis.get("navigate", False) for axis in axes[-2:]):
        return  # spectra along a line or over an area
    frames = as_frames(array, n_axes=2 + colours)
    if frames is None:
        return
    rows, cols = axes[-2:]
    metadata = {key: _plain(found.get(key) or {}) for key in ("metadata", "original_metadata")}
    title = (metadata["metadata"].get("General") or {}).get("title", "")
    yield Signal(frames, (_scale(rows), _scale(cols)), (_unit(rows), _unit(cols)), metadata, title)


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
