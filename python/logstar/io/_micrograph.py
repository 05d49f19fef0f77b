"""One micrograph of a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._calibration import pixel_size
from ._readers import EXTENSIONS, Signal, grey, read_signals

#: So many images are listed in an error before it becomes hard to read.
_MOST_LISTED = 8


@dataclass(frozen=True, eq=False)
class Micrograph:
    """An image and what its file says about it.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        In the number type of the file.
    pixel_size : float or None
        Side of a pixel in `unit`, or in a unit unknown if that is None; None if the file does not
        say.
    unit : {"A", "nm", "pm"} or None
        Unit of `pixel_size`.
    metadata : dict
        What the reader hands over besides.
    path : Path
        The file.
    """

    image: NDArray[Any]
    pixel_size: float | None
    unit: str | None
    metadata: dict[str, Any] = field(repr=False)
    path: Path


def read_image(path: str | os.PathLike[str], *, dataset: int | None = None) -> Micrograph:
    """Read one micrograph with its calibration.

    Parameters
    ----------
    path : path-like
        A file whose extension is among `EXTENSIONS`. All but tif, png and npy need RosettaSciIO
        (``pip install "logstar[io]"``).
    dataset : int, default=None
        Which image to take, from 0, of a file that holds several (data sets, or frames of a
        stack). May be None if there is only one.

    Returns
    -------
    micrograph : Micrograph
        Image, pixel size and unit, metadata. Lengths in um, mm, cm, inch or m are converted to
        nm; reciprocal units and print resolutions are no pixel size.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the format needs the extra ``io`` and that is not installed.
    OSError
        If the file is broken, cut off, or not what its extension says.
    ValueError
        For an unknown extension, a file without a grey 2-D image (spectra, colours), one with
        several where `dataset` does not choose, and pixels that are not square.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from logstar.io import read_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "film.npy"
    ...     np.save(path, np.eye(64, dtype=np.uint16))
    ...     micrograph = read_image(path)
    >>> micrograph.image.shape, micrograph.pixel_size
    ((64, 64), None)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'a directory' if path.is_dir() else 'no such file'}.")
    if path.suffix.lower() not in EXTENSIONS:
        raise ValueError(
            f"{path}: unknown extension {path.suffix!r}; known are {', '.join(EXTENSIONS)}."
        )
    signals = read_signals(path)
    places = [(signal, frame) for signal in signals for frame in range(len(signal.frames))]
    if not places:
        raise ValueError(f"{path} holds no 2-D image; spectra and diffraction patterns are none.")
    if dataset is None and len(places) > 1:
        raise ValueError(
            f"{path} holds {len(places)} images ({_listing(signals)}); choose one by its number, "
            f"dataset=0 to {len(places) - 1}."
        )
    if dataset is not None and not 0 <= dataset < len(places):
        raise ValueError(f"{path}: dataset must be 0 to {len(places) - 1}, got {dataset!r}.")
    signal, index = places[dataset or 0]
    try:
        image = grey(signal.frames[index])
        size, unit = pixel_size(signal.sides, signal.units)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    # A copy, since some readers map the file; in the machine's byte order.
    image = np.array(image, dtype=image.dtype.newbyteorder("="), order="C")
    return Micrograph(image, size, unit, signal.metadata, path)


def _listing(signals: list[Signal]) -> str:
    """Say which numbers belong to which data set."""
    entries = []
    first = 0
    for signal in signals:
        n_frames, *shape = signal.frames.shape[:3]
        numbers = f"{first}" if n_frames == 1 else f"{first}-{first + n_frames - 1}"
        title = f" {signal.title!r}" if signal.title else ""
        entries.append(f"{numbers}: {shape[0]} x {shape[1]} px{title}")
        first += n_frames
    more = [f"{len(entries) - _MOST_LISTED} more"] if len(entries) > _MOST_LISTED else []
    return ", ".join(entries[:_MOST_LISTED] + more)
