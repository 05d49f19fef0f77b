"""What is in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ._answers import WITHOUT_ALPHA, Described
from ._calibration import calibration
from ._readers import read_file

#: Note on an image that `read_image` takes with ``resample=True`` only.
NOT_SQUARE = "pixels are not square"


@dataclass(frozen=True)
class ImageEntry:
    """A data set of a file: an image, or a stack of them.

    Parameters
    ----------
    dataset : int
        Number of its first image in the file, for `read_image`.
    n_frames : int
        How many images it has; they have the numbers from `dataset` on.
    shape : tuple of int
        Rows and columns.
    n_channels : int
        Those that must be chosen from: 1 for grey, also where equal channels of the first image
        hold it; alpha does not count.
    dtype : str
        Number type.
    low, high : float
        Least and greatest finite intensity of the first image, of one of more than 4096 x 4096
        pixels in its middle; NaN if there is none. No other image of a movie is read.
    n_not_finite : int
        Pixels that are NaN or infinite, likewise.
    pixel_size : tuple of float, or None
        Height and width of a pixel in `unit`; None if the file does not say.
    unit : {"A", "nm", "pm"} or None
        Its unit; None if the file does not say.
    title : str
        What the file calls it.
    note : str
        What is odd about it, first of all the calibration.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from logstar.io import list_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "film.npy", np.eye(64, dtype=np.uint16))
    ...     (entry,) = list_images(Path(folder) / "film.npy")
    >>> entry.dataset, entry.n_frames, entry.shape, entry.dtype
    (0, 1, (64, 64), 'uint16')
    """

    dataset: int
    n_frames: int
    shape: tuple[int, int]
    n_channels: int
    dtype: str
    low: float
    high: float
    n_not_finite: int
    pixel_size: tuple[float, float] | None
    unit: str | None
    title: str
    note: str


def list_images(path: str | os.PathLike[str]) -> list[ImageEntry]:
    """Say which images a file holds.

    Parameters
    ----------
    path : path-like
        A file whose extension is among `EXTENSIONS`.

    Returns
    -------
    entries : list of ImageEntry
        One for each data set; empty if there is no image.

    Raises
    ------
    FileNotFoundError, ImportError, OSError, ValueError
        If the file cannot be read, as by `read_image`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from logstar.io import list_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "stack.npy"
    ...     np.save(path, np.zeros((5, 64, 32), dtype=np.uint16))
    ...     (entry,) = list_images(path)
    >>> entry.n_frames, entry.shape, entry.pixel_size
    (5, (64, 32), None)
    """
    entries = []
    first = 0
    for plain in read_file(Path(path), statistics=True)["signals"]:
        signal = Described.of(plain)
        found = signal.statistics or {}
        size = calibration(signal.sides, signal.units)
        sides = None if size.height is None or size.width is None else (size.height, size.width)
        notes = (*signal.notes, size.note if size.is_square else NOT_SQUARE)
        n_channels = signal.shape[3] if len(signal.shape) > 3 and found["channels_differ"] else 1
        entries.append(
            ImageEntry(
                dataset=first,
                n_frames=len(signal),
                shape=(signal.shape[1], signal.shape[2]),
                n_channels=WITHOUT_ALPHA.get(n_channels, n_channels),
                dtype=str(np.dtype(signal.dtype)),
                low=found["low"],
                high=found["high"],
                n_not_finite=found["n_not_finite"],
                pixel_size=sides,
                unit=size.unit,
                title=signal.title,
                note=" ".join(filter(None, notes)),
            )
        )
        first += len(signal)
    return entries
