"""Readers by format: what a file holds, as stacks of grey frames with their pixel size."""

from __future__ import annotations

import gc
import importlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage

#: Readers of RosettaSciIO for each extension, tried in this order.
_RSCIIO_READERS = {
    ".dm3": ("digitalmicrograph",),
    ".dm4": ("digitalmicrograph",),
    ".ser": ("tia",),
    ".emd": ("emd",),
    ".hspy": ("hspy",),
    # Several programs write .hdf5, so the extension does not name one reader.
    ".hdf5": ("hspy", "emd"),
    ".h5": ("hspy", "emd"),
    ".mrc": ("mrc",),
}
#: Extensions that `read_image` knows.
EXTENSIONS = (*_RSCIIO_READERS, ".tif", ".tiff", ".png", ".npy")

_REAL = "buif"
# TIFF tags that DigitalMicrograph and HyperSpy write: units and sides of a pixel, x before y.
_TAG_UNITS = (65004, 65003)
_TAG_SIDES = (65010, 65009)
_TIFF_UNITS = {2: "inch", 3: "cm"}


@dataclass
class Signal:
    """A data set of a file; its frames are the images to choose from.

    `frames` has the shape (n_frames, n_rows, n_cols), and with colours a last axis of channels;
    sides and units of pixels are those of rows and columns.
    """

    frames: NDArray[Any]
    sides: tuple[float, float] = (1.0, 1.0)
    units: tuple[object, object] = (None, None)
    metadata: dict[str, Any] = field(default_factory=dict)
    title: str = ""


def read_signals(path: Path) -> list[Signal]:
    """Read all images of a file.

    Raises
    ------
    ImportError
        If the extra ``io`` is needed and missing.
    OSError
        If no reader can make sense of the file.
    """
    errors: list[str] = []
    for name, read in _readers(path.suffix.lower()):
        with warnings.catch_warnings():
            # Some readers leave a broken file open. It is closed before anyone is warned of it.
            warnings.simplefilter("ignore", ResourceWarning)
            try:
                return list(read(path))
            except ImportError as error:
                raise ImportError(
                    f"{path.suffix} files are read by RosettaSciIO, of which {error.name} is "
                    'missing: pip install "logstar[io]"'
                ) from error
            except Exception as error:  # noqa: BLE001 - readers fail on broken files in every way
                errors.append(f"as {name}: {_first_line(error)}")
            gc.collect()
    raise OSError(
        f"{path} cannot be read: it is broken, cut off or of another kind ({'; '.join(errors)})."
    )


def _readers(extension: str) -> list[tuple[str, Callable[[Path], Iterator[Signal]]]]:
    if extension in _RSCIIO_READERS:
        return [(name, partial(_from_rsciio, name)) for name in _RSCIIO_READERS[extension]]
    return [(extension.lstrip("."), _OWN_READERS[extension])]


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _from_npy(path: Path) -> Iterator[Signal]:
    array = np.load(path, allow_pickle=False)
    colours = array.ndim == 3 and array.shape[-1] in {3, 4}
    if array.ndim in {2, 3} and array.dtype.kind in _REAL:
        yield Signal(array[np.newaxis] if colours or array.ndim == 2 else array)


def _from_png(path: Path) -> Iterator[Signal]:
    # Opened here, since the libraries leave a broken file open.
    with path.open("rb") as file, PillowImage.open(file) as image:
        info = {str(key): value for key, value in image.info.items() if key != "icc_profile"}
        # A palette's indices are no intensities; alpha says nothing about them.
        mode = {"P": "RGB", "PA": "RGB", "LA": "L", "RGBA": "RGB"}.get(image.mode)
        array = np.asarray(image.convert(mode) if mode else image)
    yield Signal(array[np.newaxis], metadata=info)


def _from_tiff(path: Path) -> Iterator[Signal]:
    with path.open("rb") as file, tifffile.TiffFile(file) as tiff:
        for series in tiff.series:
            array = series.asarray()
            colours = "S" in series.axes
            if colours:
                array = np.moveaxis(array, series.axes.index("S"), -1)
            if array.ndim - colours == 2:
                array = array[np.newaxis]
            if array.ndim - colours == 3 and array.dtype.kind in _REAL:
                sides, units = _tiff_calibration(tiff, series.keyframe)
                yield Signal(array, sides, units, _tiff_metadata(tiff), series.name)


def _tiff_metadata(tiff: Any) -> dict[str, Any]:
    tags = {tag.name: tag.value for tag in tiff.pages.first.tags.values() if tag.count <= 1000}
    return {"tags": tags, "imagej": tiff.imagej_metadata or {}}


def _tiff_calibration(tiff: Any, page: Any) -> tuple[tuple[float, float], tuple[object, object]]:
    """Sides and units of pixels, first as microscopists' programs write them."""
    value = {tag.code: tag.value for tag in page.tags.values()}
    if all(code in value for code in (*_TAG_SIDES, *_TAG_UNITS)):
        row, col = (float(value[code]) for code in _TAG_SIDES)
        return (row, col), (value[_TAG_UNITS[0]], value[_TAG_UNITS[1]])
    resolutions = [page.tags.valueof(name) for name in ("YResolution", "XResolution")]
    # Pixels for each unit of length, as fractions. ImageJ names the unit in its own metadata.
    unit = (tiff.imagej_metadata or {}).get(
        "unit", _TIFF_UNITS.get(int(page.tags.valueof("ResolutionUnit") or 0))
    )
    if unit is None or any(fraction is None or 0 in fraction for fraction in resolutions):
        return (1.0, 1.0), (None, None)
    row, col = (below / above for above, below in resolutions)
    return (row, col), (unit, unit)


_OWN_READERS = {".tif": _from_tiff, ".tiff": _from_tiff, ".png": _from_png, ".npy": _from_npy}


def _from_rsciio(name: str, path: Path) -> Iterator[Signal]:
    module = importlib.import_module(f"rsciio.{name}")
    options = {"select_type": "image"} if name == "emd" else {}
    for found in module.file_reader(str(path), **options):
        array, axes = np.asarray(found["data"]), found["axes"]
        if array.dtype.names:
            # Colours are stored as fields.
            array = np.stack([array[channel] for channel in array.dtype.names[:3]], axis=-1)
        if array.size == 0:
            raise ValueError("an image without pixels")
        if len(axes) not in {2, 3} or array.dtype.kind not in _REAL:
            continue
        if any(axis.get("navigate", False) for axis in axes[-2:]):
            continue  # spectra along a line or over an area
        sides = tuple(float(axis.get("scale", 1)) for axis in axes[-2:])
        units = tuple(axis.get("units") for axis in axes[-2:])
        metadata = {key: found.get(key, {}) for key in ("metadata", "original_metadata")}
        title = found.get("metadata", {}).get("General", {}).get("title", "")
        frames = array[np.newaxis] if len(axes) == 2 else array
        yield Signal(frames, (sides[0], sides[1]), (units[0], units[1]), metadata, str(title))


def grey(frame: NDArray[Any]) -> NDArray[Any]:
    """Make a 2-D image of a frame, which may have channels as long as they are equal.

    Raises
    ------
    ValueError
        If channels differ: what brightness means is then not ours to decide.
    """
    if frame.ndim == 2:
        return frame
    colours = frame[..., :3]
    if (colours != colours[..., :1]).any():
        raise ValueError(
            f"the image has colours ({frame.shape[-1]} channels that differ); save one channel, or "
            "the grey values, as an image of its own."
        )
    return colours[..., 0]
