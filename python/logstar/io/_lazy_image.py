"""An image of a file that need not fit into memory: parts of it are read as they are taken."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from logstar.units import PixelSize

from ._answers import Described
from ._colors import Channel, grey
from ._micrograph import ImageChoice
from ._readers import read_file

_NOTHING = (0, 0)


@dataclass(frozen=True, eq=False)
class LazyImage:
    """An image of a file, of which no more is in memory than was taken.

    Made by `open_image`. It takes two slices, as an array does, and can be sent to another process,
    which then reads the file itself.

    Parameters
    ----------
    path : Path
        The file.
    dataset : int
        Number of the image in it.
    shape : tuple of int
        Rows and columns.
    dtype : dtype
        Number type.
    pixel_size : PixelSize or None
        Side of a pixel; None if nobody says.
    notes : tuple of str
        As of `Micrograph`.
    channel : int, "luminance" or None
        What is taken of colours.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from logstar.io import open_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "field.npy", np.arange(600.0).reshape(20, 30))
    ...     image = open_image(Path(folder) / "field.npy", pixel_size="0.2 A")
    ...     print(image, image[5:7, 28:])
    LazyImage(20 x 30 px, 0.2 A/px: field.npy) [[178. 179.]
     [208. 209.]]
    """

    path: Path
    dataset: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: PixelSize | None
    notes: tuple[str, ...]
    channel: Channel

    @property
    def ndim(self) -> int:  # numpydoc ignore=RT01
        """The number of axes, 2."""
        return len(self.shape)

    def __getitem__(self, place: tuple[slice, slice]) -> NDArray[Any]:
        rows, cols = (part.indices(size)[:2] for part, size in zip(place, self.shape, strict=True))
        found = read_file(self.path, part=(self.dataset, rows, cols))["image"]
        return _own(grey(found, self.channel))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self[:, :], dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        n_rows, n_cols = self.shape
        size = "" if self.pixel_size is None else f", {self.pixel_size}"
        return f"{type(self).__name__}({n_rows} x {n_cols} px{size}: {self.path.name})"


def open_image(
    path: str | os.PathLike[str],
    *,
    dataset: int | None = None,
    channel: Channel = None,
    pixel_size: PixelSize | str | float | None = None,
) -> LazyImage:
    """Open an image of a file, whose pixels are read when they are taken.

    Parameters
    ----------
    path : path-like
        A file of any format of `read_image`. Of npy, mrc, uncompressed TIFF and HDF5 (emd, hspy) no
        more is read than is taken, of compressed TIFF the strips or tiles that it lies in. Other
        readers load the image for each part.
    dataset, channel, pixel_size : optional
        As of `read_image`.

    Returns
    -------
    image : LazyImage

    Raises
    ------
    ChoiceNeededError, FileNotFoundError, ImportError, OSError, ValueError
        As `read_image`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from logstar.io import open_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "field.npy", np.eye(64, dtype=np.uint16))
    ...     image = open_image(Path(folder) / "field.npy")
    ...     print(image.shape, image.dtype, image[:2, :2].sum())
    (64, 64) uint16 2
    """
    path = Path(path)
    chosen = ImageChoice.of(dataset=dataset, channel=channel, binning=1, pixel_size=pixel_size)
    plain = read_file(path, part=(0, _NOTHING, _NOTHING))["signals"]
    signals = [Described.of(one) for one in plain]
    signal = signals[chosen.place(signals, str(path))]
    number = 0 if dataset is None else dataset
    pixel = read_file(path, part=(number, (0, 1), (0, 1)))["image"]
    image, size, lost = chosen.prepared(pixel, signal, str(path))
    if lost.is_lost:
        warnings.warn(f"{path}: {lost.note}", UserWarning, stacklevel=2)
    notes = (*signal.notes, lost.note) if lost.note else signal.notes
    shape = signal.shape[1], signal.shape[2]
    return LazyImage(path.absolute(), number, shape, image.dtype, size, notes, channel)


def _own(image: NDArray[Any]) -> NDArray[Any]:
    """In memory of its own and the machine's byte order; what was mapped is let go."""
    return np.array(image, dtype=image.dtype.newbyteorder("="), order="C")
