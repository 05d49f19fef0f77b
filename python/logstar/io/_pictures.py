"""Pictures that Pillow reads: png, gif, jpg and others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageMode

from ._signal import Frames, Signal, check_image_bytes

#: Key of our pixel size in a PNG, whose own resolution ends at 0.5 nm.
PNG_KEY = "logstar:pixel_size"
#: All frames of these are as large as the first; those of others may be thumbnails.
_ANIMATED = ("GIF", "PNG")


@contextmanager
def open_picture(path: Path) -> Iterator[list[Signal]]:
    """Open a picture; its frames are one signal.

    Raises
    ------
    Exception
        Whatever Pillow says of a broken file.
    """
    # The limit here counts bytes for those of the file. Pillow's own is a number of pixels.
    Image.MAX_IMAGE_PIXELS = None
    size = path.stat().st_size
    _check_sums(path)
    with path.open("rb") as file, Image.open(file) as image:
        info = {str(key): value for key, value in image.info.items() if key != "icc_profile"}
        n_frames = int(getattr(image, "n_frames", 1)) if image.format in _ANIMATED else 1
        mode = ImageMode.getmode("RGB" if image.mode in {"P", "PA"} else image.mode)
        shape = (image.height, image.width, len(mode.bands))
        check_image_bytes(shape, np.dtype(mode.typestr).itemsize, size)
        first = _pixels(image)

        def load(index: int) -> NDArray[Any]:
            image.seek(index)
            return _as_first(_pixels(image), first)

        value, _, unit = str(info.get(PNG_KEY, "1 ")).partition(" ")
        side = float(value)
        frames = Frames((n_frames, *first.shape), first.dtype, load)
        yield [Signal(frames, (side, side), (unit or None, unit or None), info)]


def _check_sums(path: Path) -> None:
    """Compare the checksums of a PNG; Pillow decodes pixels without a look at theirs."""
    with path.open("rb") as file, Image.open(file) as image:
        if image.format == "PNG":
            image.verify()


def _pixels(image: Image.Image) -> NDArray[Any]:
    # A palette's indices are no intensities; alpha says nothing about them.
    modes = {"LA": "L", "La": "L"} | dict.fromkeys(
        ("P", "PA", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"), "RGB"
    )
    mode = modes.get(image.mode)
    return np.array(image.convert(mode) if mode else image)


def _as_first(pixels: NDArray[Any], first: NDArray[Any]) -> NDArray[Any]:
    """Pillow gives the first frame of a grey animation as grey, the others maybe in colours."""
    if pixels.ndim == 3 > first.ndim and (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    if pixels.ndim == 2 < first.ndim:
        return np.repeat(pixels[..., np.newaxis], first.shape[2], axis=2)
    return pixels
