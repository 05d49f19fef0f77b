"""TIFF, page by page."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ._signal import REAL, Frames, Place, Signal, check_image_bytes, frames_of
from ._tiff_calibration import tiff_calibration

#: An uncompressed TIFF's pixels fill what it sets aside for them, but for padding.
_MOST_PADDING = 1.5
#: No lossless compression shrinks pixels more than this (deflate: 1032).
_MOST_COMPRESSION = 2000
_MIN_IS_WHITE, _PALETTE = 0, 3
#: The tag that says whether 0 is black or white.
_PHOTOMETRIC = 262
#: Tags that say how many pixels there are, of which kind, and where. tifffile passes over what it
#: cannot read, and a default would stand for it.
_DECISIVE = {256, 257, 258, 259, _PHOTOMETRIC, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324,
             325, 339}  # fmt: skip


@contextmanager
def open_tiff(path: Path) -> Iterator[list[Signal]]:
    """Open a TIFF; a signal for each series of pages.

    Raises
    ------
    Exception
        Whatever tifffile says of a broken file.
    """
    size = path.stat().st_size
    with path.open("rb") as file, tifffile.TiffFile(file) as tiff:
        signals = []
        for number, series in enumerate(tiff.series):
            if series.dtype is None or series.dtype.kind not in REAL:
                continue
            _check_tags(tiff, series.keyframe)
            _check_size(series, size)
            frames = _frames(path, tiff, series, size)
            if frames is not None:
                sides, units, notes = tiff_calibration(tiff, series.keyframe, number)
                metadata = _metadata(tiff)
                signals.append(Signal(frames, sides, units, metadata, series.name, notes))
        yield signals


def _check_tags(tiff: Any, page: Any) -> None:
    form, file = tiff.tiff, tiff.filehandle
    file.seek(page.offset)
    (n_tags,) = struct.unpack(form.tagnoformat, file.read(form.tagnosize))
    entries = file.read(n_tags * form.tagsize)
    codes = {
        struct.unpack_from(f"{tiff.byteorder}H", entries, i * form.tagsize)[0]
        for i in range(n_tags)
    }
    damaged = sorted(code for code in codes & _DECISIVE if code not in page.tags)
    if damaged:
        raise ValueError(f"its tag {damaged[0]}, which tells how pixels are stored, is damaged")


def _check_size(series: Any, size: int) -> None:
    page = series.keyframe
    if series.nbytes > _MOST_COMPRESSION * size:
        raise ValueError(f"{series.shape} pixels in a file of {size} bytes")
    check_image_bytes(page.shape, page.dtype.itemsize, size)
    if page.compression != 1 or page.is_tiled:
        return
    per_row = math.ceil(page.imagewidth * page.samplesperpixel * page.bitspersample / 8)
    needed = per_row * page.imagelength
    if sum(page.databytecounts) > _MOST_PADDING * max(needed, page.nbytes):
        raise ValueError(
            f"{page.shape} pixels of {page.bitspersample} bits do not fill the "
            f"{sum(page.databytecounts)} bytes that are set aside for them"
        )


def _frames(path: Path, tiff: Any, series: Any, size: int) -> Frames | None:
    keyframe = series.keyframe
    axes: str = keyframe.axes
    n_pages = len(series.pages)
    if set(axes) <= set("YXS") and math.prod(series.shape) == n_pages * math.prod(keyframe.shape):

        def page_of(index: int) -> Any:
            page = series.pages[index]
            if page is None:
                raise ValueError(f"page {index} is missing")
            return page

        def load(index: int) -> NDArray[Any]:
            return _pixels(path, page_of(index), keyframe)

        if axes == "YX" and keyframe.photometric != _PALETTE:

            def load_part(index: int, place: Place) -> NDArray[Any]:
                return _part(path, tiff, page_of(index), keyframe, place)

            return Frames((n_pages, *keyframe.shape), keyframe.dtype, load, load_part)
        # What a palette and the order of channels make of a page shows the first one.
        first = load(0)
        return Frames((n_pages, *first.shape), first.dtype, load)
    # One page stands for many images, as ImageJ writes stacks.
    array: Any
    if series.dataoffset is not None and keyframe.photometric not in {_MIN_IS_WHITE, _PALETTE}:
        kind = series.dtype.newbyteorder(tiff.byteorder)
        array = np.memmap(path, kind, "r", series.dataoffset, tuple(series.shape))
    else:
        check_image_bytes(series.shape, series.dtype.itemsize, size)
        array = _upright(series.asarray(), keyframe)
    if "S" not in series.axes:
        return frames_of(array)
    channels = series.axes.index("S")
    if channels != array.ndim - 1:
        array = np.moveaxis(array, channels, -1)
    return frames_of(array, (-3, -2, -1))


def _pixels(path: Path, page: Any, keyframe: Any) -> NDArray[Any]:
    try:
        stored = _upright(page.asarray(), keyframe)
    except ValueError as error:
        # tifffile leaves LZW, JPEG and others to a package of many codecs. Pillow knows these.
        if "imagecodecs" not in str(error):
            raise
        stored = _with_pillow(path, page.index, keyframe)
    if keyframe.photometric == _PALETTE and stored.ndim == 2 and keyframe.colormap is not None:
        return _look_up(stored, keyframe.colormap)
    if keyframe.axes == "SYX":
        return np.moveaxis(stored, 0, -1)
    return stored


def _part(path: Path, tiff: Any, page: Any, keyframe: Any, place: Place) -> NDArray[Any]:
    """Load rows and columns of a grey page, of which only these strips or tiles are decoded."""
    if keyframe.is_final and len(page.dataoffsets) == 1:
        kind = keyframe.dtype.newbyteorder(tiff.byteorder)
        stored: Any = np.memmap(path, kind, "r", page.dataoffsets[0], tuple(keyframe.shape))
        return _upright(stored[place], keyframe)
    (top, bottom), (left, right) = (
        part.indices(n)[:2] for part, n in zip(place, keyframe.shape, strict=True)
    )
    height, width = keyframe.chunks
    across = keyframe.chunked[1]
    part = np.zeros((bottom - top, right - left), keyframe.dtype)
    for row in range(top // height, -(-bottom // height)):
        for col in range(left // width, -(-right // width)):
            segment = _segment(tiff, page, keyframe, row * across + col)
            if segment is None:
                return _pixels(path, page, keyframe)[place]
            rows = slice(max(top, row * height), min(bottom, row * height + segment.shape[0]))
            cols = slice(max(left, col * width), min(right, col * width + segment.shape[1]))
            own = slice(rows.start - row * height, rows.stop - row * height)
            across_own = slice(cols.start - col * width, cols.stop - col * width)
            part[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left] = (
                segment[own, across_own]
            )
    return _upright(part, keyframe)


def _segment(tiff: Any, page: Any, keyframe: Any, index: int) -> NDArray[Any] | None:
    """Decode a strip or tile; None if tifffile cannot, or nothing was written there."""
    file = tiff.filehandle
    file.seek(page.dataoffsets[index])
    try:
        decoded = keyframe.decode(
            file.read(page.databytecounts[index]), index, jpegtables=keyframe.jpegtables
        )[0]
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return None
    # Of depth, rows, columns and samples, a grey page has the second and third.
    return None if decoded is None else decoded[0, ..., 0]


def _with_pillow(path: Path, index: int, keyframe: Any) -> NDArray[Any]:
    from PIL import Image  # noqa: PLC0415 - few files need it

    with path.open("rb") as file, Image.open(file) as image:
        image.seek(index)
        pixels = np.asarray(image)
    # Of 8 bits Pillow has already inverted what is stored with white as 0.
    if image.mode not in {"1", "L"}:
        pixels = _upright(pixels, keyframe)
    if pixels.shape[:2] != (keyframe.imagelength, keyframe.imagewidth):
        raise ValueError(f"page {index} has {pixels.shape} pixels")
    return pixels


def _upright(stored: NDArray[Any], keyframe: Any) -> NDArray[Any]:
    """Make white the largest value; signed and floating-point numbers are measurements."""
    # Without the tag tifffile takes white for 0, against the custom of all but scans of paper.
    is_inverted = keyframe.photometric == _MIN_IS_WHITE and _PHOTOMETRIC in keyframe.tags
    if not is_inverted or stored.dtype.kind not in "bu":
        return stored
    if stored.dtype.kind == "b":
        return ~stored
    return np.asarray(stored.dtype.type(2**keyframe.bitspersample - 1) - stored)


def _look_up(indices: NDArray[Any], colormap: NDArray[Any]) -> NDArray[Any]:
    """Make colours of a palette's indices, which are no intensities."""
    # Colours are 16 bits wide; programs that think in 8 bits write v * 256 or v * 257.
    high = colormap >> 8
    is_8_bit = bool(np.isin(colormap - (high << 8), [0]).all() or (colormap == high * 257).all())
    colors = high.astype(np.uint8) if is_8_bit else colormap.astype(np.uint16)
    return np.asarray(colors.T[indices])


def _metadata(tiff: Any) -> dict[str, Any]:
    tags = {tag.name: tag.value for tag in tiff.pages.first.tags.values() if tag.count <= 1000}
    return {"tags": tags, "imagej": tiff.imagej_metadata or {}}
