"""Masks in files: where something is, pixel by pixel."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from logstar.units import PixelSize, convert_length

from ._atom_table import known_extension
from ._micrograph import read_image
from ._pictures import PNG_KEY
from ._tiff_calibration import TAG_SIDES, TAG_UNITS
from ._whole_files import whole_file

_EXTENSIONS = (".tif", ".tiff", ".png", ".npy")
_TRUE = 255
#: Rows of a mask that is written band by band.
_BAND = 256


def write_mask(
    path: str | os.PathLike[str],
    mask: ArrayLike,
    *,
    pixel_size: PixelSize | str | float | None = None,
) -> None:
    """Write a mask in the format that the extension names.

    Parameters
    ----------
    path : path-like
        A tif, tiff, png or npy; an existing one is overwritten. Pictures hold 0 and 255.
    mask : array-like of shape (n_rows, n_cols), bool
        The mask.
    pixel_size : PixelSize, str, float or None, default=None
        Side of a pixel, such as "0.2 A"; a number is in angstrom. A tif gets it as resolution
        (pixels per cm) and in the tags of DigitalMicrograph and HyperSpy, a png as text. A npy
        cannot hold it.

    Raises
    ------
    ValueError
        For another extension, a mask that is none, a pixel size for a npy.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from logstar.io import read_image, write_mask
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "damage.tif"
    ...     write_mask(path, np.eye(8, dtype=bool), pixel_size="0.2 A")
    ...     micrograph = read_image(path)
    >>> micrograph.pixel_size
    PixelSize(0.2, 'A')
    """
    path = Path(path)
    extension = known_extension(path, _EXTENSIONS, "a mask")
    array = np.asarray(mask)
    if array.dtype != bool or array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"mask must be a 2-D array of bool, got shape {array.shape} of {array.dtype}."
        )
    size = None if pixel_size is None else PixelSize.of(pixel_size)
    if extension == ".npy":
        if size is not None:
            raise ValueError(f"{path}: a npy holds no pixel size; write a tif or png instead.")
        with whole_file(path) as part:
            np.save(part, array)
        return
    pixels = np.where(array, np.uint8(_TRUE), np.uint8(0))
    if extension == ".png":
        text = PngInfo()
        if size is not None:
            text.add_text(PNG_KEY, f"{size.value!r} {size.unit}")
        with whole_file(path) as part:
            PillowImage.fromarray(pixels).save(part, pnginfo=text)
        return
    with whole_file(path) as part:
        tifffile.imwrite(part, pixels, **_tags(size))


def write_mask_by_rows(
    path: str | os.PathLike[str],
    rows_of: Callable[[slice], NDArray[np.bool_]],
    shape: tuple[int, int],
    *,
    pixel_size: PixelSize | None = None,
) -> None:
    """Write a mask that need not fit into memory, as tif or npy.

    Parameters
    ----------
    path : path-like
        A tif or npy, as of `write_mask`.
    rows_of : callable
        Gives the rows of the mask that a slice names.
    shape : tuple of two int
        Rows and columns.
    pixel_size : PixelSize or None
        Side of a pixel, for a tif.
    """
    path = Path(path)
    bands = [slice(i, min(i + _BAND, shape[0])) for i in range(0, shape[0], _BAND)]
    with whole_file(path) as part:
        if known_extension(path, (".tif", ".npy"), "a mask that is written by rows") == ".npy":
            mask = np.lib.format.open_memmap(part, "w+", np.bool_, shape)
            for band in bands:
                mask[band] = rows_of(band)
            mask.flush()
            # Mapped, it could not be renamed everywhere.
            del mask
            return
        strips = (np.where(rows_of(band), np.uint8(_TRUE), np.uint8(0)) for band in bands)
        tifffile.imwrite(
            part,
            strips,
            shape=shape,
            dtype=np.uint8,
            photometric="minisblack",
            rowsperstrip=_BAND,
            **_tags(pixel_size),
        )


def _tags(size: PixelSize | None) -> dict[str, Any]:
    if size is None:
        return {}
    per_centimeter = 1 / convert_length(size.value, size.unit, to="cm")
    # Double precision where RosettaSciIO and this package look first; a resolution is a fraction
    # of 32-bit integers.
    extra: list[Any] = [(code, "d", 1, size.value, False) for code in TAG_SIDES]
    extra += [(code, "s", 0, size.unit, False) for code in TAG_UNITS]
    return {
        "resolution": (per_centimeter, per_centimeter),
        "resolutionunit": "CENTIMETER",
        "extratags": extra,
    }


def read_mask(path: str | os.PathLike[str]) -> NDArray[np.bool_]:
    """Read a mask of a tif, png or npy: every pixel that is not 0.

    Parameters
    ----------
    path : path-like
        The file; `read_image` gives its pixel size.

    Returns
    -------
    mask : ndarray of shape (n_rows, n_cols), bool
        True where the file is not 0.

    Raises
    ------
    FileNotFoundError, OSError, ValueError
        As `read_image`; also for another extension, and for a picture of more than two values.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from logstar.io import read_mask, write_mask
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "damage.png"
    ...     write_mask(path, np.eye(8, dtype=bool))
    ...     mask = read_mask(path)
    >>> int(mask.sum())
    8
    """
    path = Path(path)
    known_extension(path, _EXTENSIONS, "a mask")
    pixels = read_image(path).image
    values = np.unique(pixels)
    if len(values) > 2 or (len(values) == 2 and values[0] != 0):
        some = ", ".join(f"{value:g}" for value in values[:3])
        raise ValueError(
            f"{path} is no mask: it has {len(values)} values ({some} ...) and not two, of which "
            "one is 0."
        )
    return np.asarray(pixels != 0)
