"""What is in a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ._calibration import calibration
from ._micrograph import read_signals_of

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
        1 for grey.
    dtype : str
        Number type.
    low, high : float
        Least and greatest finite intensity; NaN if there is none.
    n_not_finite : int
        Pixels that are NaN or infinite.
    pixel_size : tuple of float, or None
        Height and width of a pixel in `unit`; None if the file does not say.
    unit : {"A", "nm", "pm"} or None
        Its unit; None if the file does not say.
    title : str
        What the file calls it.
    note : str
        What is odd about the calibration.
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
    for signal in read_signals_of(Path(path)):
        frames = signal.frames
        size = calibration(signal.sides, signal.units)
        sides = None if size.height is None or size.width is None else (size.height, size.width)
        finite = frames if frames.dtype.kind != "f" else frames[np.isfinite(frames)]
        entries.append(
            ImageEntry(
                dataset=first,
                n_frames=len(frames),
                shape=frames.shape[1:3],
                n_channels=1 if frames.ndim == 3 else frames.shape[3],
                dtype=str(frames.dtype.newbyteorder("=")),
                low=float(finite.min()) if finite.size else np.nan,
                high=float(finite.max()) if finite.size else np.nan,
                n_not_finite=frames.size - finite.size,
                pixel_size=sides,
                unit=size.unit,
                title=signal.title,
                note=size.note if size.is_square else NOT_SQUARE,
            )
        )
        first += len(frames)
    return entries
