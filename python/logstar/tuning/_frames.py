"""Frames as they come: from a folder that fills, a camera's function, or another process."""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar.io import EXTENSIONS, Micrograph, read_image
from logstar.units import PixelSize

from ._source import as_micrograph

#: Kinds of numbers that pixels may be: of NumPy's, those that hold no objects.
_NUMBERS = "biuf"


def frames(
    source: Any,
    *,
    timeout: float | None = None,
    pause: float = 0.1,
    existing: bool = True,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Micrograph]:
    """Yield frames from wherever they come, one by one.

    No library of an instrument is needed: what a source gives is told by what it looks like.

    Parameters
    ----------
    source : path-like, callable or iterable
        A folder that is watched: each file of a format of `logstar.io.read_image` is a frame, once
        it has stopped growing, in the order of their last change. A callable is called for each
        frame until it returns None, such as Nion Swift's ``grab_next_to_finish``. An iterable is
        gone through. Frames may be what `AtomFinder.fit` takes; paths; data of Nion Swift with
        their calibrations, or a list of one; pairs (metadata, bytes), where the metadata, a mapping
        or JSON, has "shape" and "dtype" and perhaps "pixel_size" with its unit, as a Tango device
        serves them; and triples (numbers, shape, dtype), as Pyro5 serves arrays.
    timeout : float, default=None
        Seconds without a new file after which the watch of a folder ends. None is never.
    pause : float, default=0.1
        Seconds between two looks at a folder. A file that is the same in two looks is complete.
    existing : bool, default=True
        Whether files that are in the folder to begin with are frames.
    sleep, clock : callable
        How to wait, and what time it is.

    Returns
    -------
    frames : iterator of Micrograph
        Each frame as soon as it is there.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If a path is no folder.
    TypeError, ValueError
        For a frame that is none of these.

    Warns
    -----
    UserWarning
        If a file of the folder cannot be read; it is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.tuning import frames
    >>> served = ('{"shape": [2, 3], "dtype": "uint8"}', bytes(6)), ([0, 1, 2, 3], (2, 2), "i4")
    >>> [frame.image.shape for frame in frames(served)]
    [(2, 3), (2, 2)]
    """
    if isinstance(source, (str, os.PathLike)):
        folder = Path(source)
        if not folder.exists():
            raise FileNotFoundError(f"{folder} does not exist; give the folder to watch.")
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is no folder; read_image reads a file.")
        watch = _Watch(folder, set() if existing else set(_files(folder)))
        return watch.frames(math.inf if timeout is None else timeout, pause, sleep, clock)
    if callable(source):
        return _called(source)
    if isinstance(source, Iterable):
        return (as_frame(item) for item in source)
    raise TypeError(
        f"source must be a folder, a callable or an iterable, got {type(source).__name__}."
    )


def _called(source: Callable[[], Any]) -> Iterator[Micrograph]:
    # `iter(source, None)` would compare arrays.
    while (item := source()) is not None:
        yield as_frame(item)


def as_frame(item: Any) -> Micrograph:
    """Take one frame in any of the forms of `frames`."""
    if isinstance(item, Micrograph):
        return item
    if isinstance(item, (str, os.PathLike)):
        return read_image(item)
    if isinstance(item, tuple) and len(item) == 2 and _is_buffer(item[1]):
        return _from_bytes(*item)
    if isinstance(item, (tuple, list)) and len(item) == 3 and _is_shape(item[1]):
        return Micrograph(_from_numbers(*item))
    if isinstance(item, (tuple, list)) and len(item) == 1:
        return as_frame(item[0])
    if hasattr(item, "dimensional_calibrations") and hasattr(item, "data"):
        return _from_swift(item)
    return as_micrograph(item)


def _is_buffer(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview))


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and all(isinstance(length, (int, np.integer)) for length in value)
    )


def _from_bytes(metadata: Any, buffer: Any) -> Micrograph:
    if isinstance(metadata, (str, bytes)):
        try:
            metadata = json.loads(metadata)
        except ValueError as error:
            raise ValueError(
                f"the metadata of a frame in bytes must be JSON, got {metadata[:80]!r}."
            ) from error
    if not isinstance(metadata, Mapping) or not {"shape", "dtype"} <= set(metadata):
        raise ValueError(
            f"the metadata of a frame in bytes must have shape and dtype, got {metadata!r}."
        )
    pixels = np.frombuffer(buffer, dtype=_dtype(metadata["dtype"]))
    size, notes = _pixel_size(metadata)
    return Micrograph(_shaped(pixels, metadata["shape"]), size, notes, metadata=dict(metadata))


def _from_numbers(numbers: Any, shape: Any, dtype: Any) -> NDArray[Any]:
    kind = _dtype(dtype)
    pixels = np.frombuffer(numbers, dtype=kind) if _is_buffer(numbers) else np.array(numbers, kind)
    return _shaped(pixels.ravel(), shape)


def _shaped(pixels: NDArray[Any], shape: Any) -> NDArray[Any]:
    if not _is_shape(shape) or pixels.size != math.prod(shape):
        raise ValueError(
            f"a frame must have two lengths and their product as the number of pixels, got the "
            f"shape {shape!r} with {pixels.size} pixels."
        )
    return pixels.reshape(tuple(shape))


def _dtype(name: Any) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(name)
    except TypeError as error:
        raise ValueError(f"dtype={name!r} is no number type of NumPy.") from error
    if dtype.kind not in _NUMBERS:
        raise ValueError(f"dtype={name!r} must be a type of real numbers.")
    return dtype


def _pixel_size(metadata: Mapping[str, Any]) -> tuple[PixelSize | None, tuple[str, ...]]:
    value = metadata.get("pixel_size")
    if value is None:
        return None, ()
    unit = metadata.get("pixel_size_unit", metadata.get("unit"))
    if unit is None and not isinstance(value, str):
        # What a device calls 2e-11 is in metres for one maker and in nanometres for another.
        return None, (f"pixel_size={value!r} has no unit and is not used.",)
    return PixelSize.of(value, unit), ()


def _from_swift(item: Any) -> Micrograph:
    calibrations: Sequence[Any] = item.dimensional_calibrations
    size: PixelSize | None = None
    notes: tuple[str, ...] = ()
    if calibrations and calibrations[-1].units:
        scale, units = float(calibrations[-1].scale), calibrations[-1].units
        try:
            size = PixelSize.of(scale, units)
        except ValueError as error:
            notes = (f"the calibration {scale:g} {units} is not used: {error}",)
    return Micrograph(np.asarray(item.data), size, notes)


def _files(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.suffix.lower() in EXTENSIONS
    ]


class _Watch:
    """Looks into a folder again and again."""

    def __init__(self, folder: Path, known: set[Path]) -> None:
        self._folder = folder
        self._known = known
        #: Size and time of last change of files that may still grow.
        self._growing: dict[Path, tuple[int, int]] = {}

    def frames(
        self,
        timeout: float,
        pause: float,
        sleep: Callable[[float], object],
        clock: Callable[[], float],
    ) -> Iterator[Micrograph]:
        latest = clock()
        while clock() - latest <= timeout:
            for path in self._complete():
                try:
                    frame = read_image(path)
                except Exception as error:  # noqa: BLE001 - one bad file must not end a session
                    warnings.warn(
                        f"{path} cannot be read and is left out: {error}", UserWarning, stacklevel=2
                    )
                    continue
                yield frame
                latest = clock()
            sleep(pause)

    def _complete(self) -> list[Path]:
        """Files that are new, and were the same at the last look; the earliest changed first."""
        now: dict[Path, tuple[int, int]] = {}
        for path in _files(self._folder):
            if path not in self._known:
                try:
                    found = path.stat()
                except FileNotFoundError:
                    continue  # renamed or removed since it was listed
                now[path] = (found.st_size, found.st_mtime_ns)
        same = [path for path, mark in now.items() if self._growing.get(path) == mark and mark[0]]
        self._growing = {path: mark for path, mark in now.items() if path not in same}
        self._known.update(same)
        return sorted(same, key=lambda path: (now[path][1], path.name))
