"""Readers by format: what a file holds, as stacks of frames with their pixel size."""

from __future__ import annotations

import gc
import importlib.util
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image as PillowImage, ImageSequence

from ._isolation import ReaderError, first_line, read_isolated
from ._rsciio import READERS
from ._signal import REAL, Signal, as_frames

_PILLOW = (
    *(".png", ".bmp", ".dib", ".gif", ".jpg", ".jpeg", ".jpe"),
    *(".msp", ".pbm", ".pcx", ".pgm", ".ppm", ".spi", ".xbm"),
)
#: Extensions that `read_image` knows.
EXTENSIONS = (*READERS, ".tif", ".tiff", ".npy", *_PILLOW)
#: Files that may be folders.
FOLDERS = (".zspy",)

# TIFF tags that DigitalMicrograph and HyperSpy write: units and sides of a pixel, x before y.
TAG_UNITS = (65004, 65003)
TAG_SIDES = (65010, 65009)
_TIFF_UNITS = {2: "inch", 3: "cm"}
#: No lossless compression shrinks pixels more than this (deflate: 1032).
_MOST_COMPRESSION = 2000
#: An uncompressed TIFF's pixels fill what it sets aside for them, but for padding.
_MOST_PADDING = 1.5
#: Key of our pixel size in a PNG, whose own resolution ends at 0.5 nm.
PNG_KEY = "logstar:pixel_size"


def read_signals(path: Path) -> list[Signal]:
    """Read all images of a file.

    Raises
    ------
    ImportError
        If the extra ``io`` is needed and missing.
    OSError
        If no reader can make sense of the file.
    """
    extension = path.suffix.lower()
    if path.is_file() and path.stat().st_size == 0:
        raise OSError(f"{path} cannot be read: it is empty (0 bytes).")
    errors: list[str] = []
    missing: list[str] = []
    understood = False
    for name, read in _readers(extension):
        with warnings.catch_warnings(), _quiet():
            # Some readers leave a broken file open. It is closed before anyone is warned of it.
            warnings.simplefilter("ignore")
            try:
                signals = list(read(path))
                if signals:
                    return signals
                understood = True
            except ReaderError as error:
                errors.append(f"as {name}: {error}")
                missing += [error.missing] if error.missing else []
                if error.hopeless:
                    break
            except MemoryError:
                errors.append(f"as {name}: asks for more memory than there is")
            except Exception as error:  # noqa: BLE001 - readers fail on broken files in every way
                errors.append(f"as {name}: {first_line(error)}")
            gc.collect()
    if understood:
        return []
    if len(missing) == len(errors):
        raise ImportError(
            f"{path}: {extension} files are read by RosettaSciIO with {' or '.join(missing)}, "
            "which is missing: install it with pip."
        )
    raise OSError(
        f"{path} cannot be read: it is broken, cut off or of another kind ({'; '.join(errors)})."
    )


def _readers(extension: str) -> list[tuple[str, Callable[[Path], Any]]]:
    if extension not in READERS:
        return [(extension.lstrip("."), _OWN_READERS[extension])]
    if importlib.util.find_spec("rsciio") is None:
        raise ImportError(
            f"{extension} files are read by RosettaSciIO, which is missing: "
            'pip install "logstar[io]"'
        )
    return [(name, partial(read_isolated, name)) for name in READERS[extension]]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep tifffile from printing what it stumbles over; what matters it raises."""
    logger = logging.getLogger("tifffile")
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled


def _from_npy(path: Path) -> Iterator[Signal]:
    # Mapped, a file shorter than its header promises is refused before memory is asked for.
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    colors = array.ndim >= 3 and array.shape[-1] in {3, 4}
    frames = as_frames(array, n_axes=2 + colors)
    if frames is not None:
        yield Signal(np.array(frames))


def _from_pillow(path: Path) -> Iterator[Signal]:
    # Opened here, since the libraries leave a broken file open.
    with path.open("rb") as file, PillowImage.open(file) as image:
        info = {str(key): value for key, value in image.info.items() if key != "icc_profile"}
        frames = [_pixels(frame) for frame in ImageSequence.Iterator(image)]
        if len({frame.shape for frame in frames}) > 1:
            frames = frames[:1]  # thumbnails
    value, _, unit = str(info.get(PNG_KEY, "1 ")).partition(" ")
    side = float(value)
    yield Signal(np.stack(frames), (side, side), (unit or None, unit or None), info)


def _pixels(image: PillowImage.Image) -> np.ndarray[Any, Any]:
    # A palette's indices are no intensities; alpha says nothing about them.
    modes = {"LA": "L", "La": "L"} | dict.fromkeys(
        ("P", "PA", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"), "RGB"
    )
    mode = modes.get(image.mode)
    return np.asarray(image.convert(mode) if mode else image)


def _from_tiff(path: Path) -> Iterator[Signal]:
    size = path.stat().st_size
    with path.open("rb") as file, tifffile.TiffFile(file) as tiff:
        for series in tiff.series:
            if series.dtype is None or series.dtype.kind not in REAL:
                continue
            _check_tiff_size(series, size)
            array = series.asarray()
            colors = "S" in series.axes
            if colors:
                array = np.moveaxis(array, series.axes.index("S"), -1)
            frames = as_frames(array, n_axes=2 + colors)
            if frames is not None:
                sides, units = _tiff_calibration(tiff, series.keyframe)
                yield Signal(frames, sides, units, _tiff_metadata(tiff), series.name)


def _check_tiff_size(series: Any, size: int) -> None:
    page = series.keyframe
    if series.nbytes > _MOST_COMPRESSION * size:
        raise ValueError(f"{series.shape} pixels in a file of {size} bytes")
    if page.compression != 1 or page.is_tiled:
        return
    per_row = math.ceil(page.imagewidth * page.samplesperpixel * page.bitspersample / 8)
    needed = per_row * page.imagelength
    if sum(page.databytecounts) > _MOST_PADDING * max(needed, page.nbytes):
        raise ValueError(
            f"{page.shape} pixels of {page.bitspersample} bits do not fill the "
            f"{sum(page.databytecounts)} bytes that are set aside for them"
        )


def _tiff_metadata(tiff: Any) -> dict[str, Any]:
    tags = {tag.name: tag.value for tag in tiff.pages.first.tags.values() if tag.count <= 1000}
    return {"tags": tags, "imagej": tiff.imagej_metadata or {}}


def _tiff_calibration(tiff: Any, page: Any) -> tuple[tuple[float, float], tuple[object, object]]:
    """Sides and units of pixels, first as microscopists' programs write them."""
    value = {tag.code: tag.value for tag in page.tags.values()}
    if all(code in value for code in (*TAG_SIDES, *TAG_UNITS)):
        row, col = (float(value[code]) for code in TAG_SIDES)
        return (row, col), (value[TAG_UNITS[0]], value[TAG_UNITS[1]])
    resolutions = [page.tags.valueof(name) for name in ("YResolution", "XResolution")]
    # Pixels for each unit of length, as fractions. ImageJ names the unit in its own metadata.
    unit = (tiff.imagej_metadata or {}).get(
        "unit", _TIFF_UNITS.get(int(page.tags.valueof("ResolutionUnit") or 0))
    )
    if unit is None or any(fraction is None or 0 in fraction for fraction in resolutions):
        return (1.0, 1.0), (None, None)
    row, col = (below / above for above, below in resolutions)
    return (row, col), (unit, unit)


_OWN_READERS = {
    ".tif": _from_tiff,
    ".tiff": _from_tiff,
    ".npy": _from_npy,
    **dict.fromkeys(_PILLOW, _from_pillow),
}
