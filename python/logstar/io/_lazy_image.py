"""An image that need not fit into memory: parts of it are read as they are taken."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from logstar.units import PixelSize

from ._answers import Described, choice
from ._colors import Channel, grey
from ._foreign import described_in_memory, is_signal, signals_of
from ._micrograph import ImageChoice
from ._readers import read_file
from ._signal import Frames, Place

_NOTHING = (0, 0)


@dataclass(frozen=True, eq=False)
class LazyImage:
    """An image of a file or a signal, of which no more is in memory than was taken.

    Made by `open_image`. It takes two slices, as an array does. That of a file can be sent to
    another process, which then reads the file itself.

    Parameters
    ----------
    path : Path or None
        The file.
    shape : tuple of int
        Rows and columns.
    dtype : dtype
        Number type.
    pixel_size : PixelSize or None
        Side of a pixel; None if nobody says.
    notes : tuple of str
        As of `Micrograph`.
    load : callable
        Gives rows and columns.

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

    path: Path | None
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: PixelSize | None
    notes: tuple[str, ...]
    load: Callable[[Place], NDArray[Any]]

    @property
    def ndim(self) -> int:  # numpydoc ignore=RT01
        """The number of axes, 2."""
        return len(self.shape)

    def __getitem__(self, place: Place) -> NDArray[Any]:
        rows, cols = (
            slice(*part.indices(size)[:2]) for part, size in zip(place, self.shape, strict=True)
        )
        image = self.load((rows, cols))
        # In memory of its own and the machine's byte order; what was mapped is let go.
        return np.array(image, dtype=image.dtype.newbyteorder("="), order="C")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self[:, :], dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        n_rows, n_cols = self.shape
        size = "" if self.pixel_size is None else f", {self.pixel_size}"
        file = "" if self.path is None else f": {self.path.name}"
        return f"{type(self).__name__}({n_rows} x {n_cols} px{size}{file})"


def open_image(
    source: Any,
    *,
    dataset: int | None = None,
    channel: Channel = None,
    pixel_size: PixelSize | str | float | None = None,
) -> LazyImage:
    """Open an image, whose pixels are read when they are taken.

    Parameters
    ----------
    source : path-like, HyperSpy signal, xarray DataArray or dict as RosettaSciIO gives
        A file of any format of `read_image`. Of npy, mrc, uncompressed TIFF and HDF5 (emd, hspy) no
        more is read than is taken, of compressed TIFF the strips or tiles that it lies in. Other
        readers load the image for each part. Of a lazy signal, what is taken is computed.
    dataset, channel, pixel_size : optional
        As of `read_image`.

    Returns
    -------
    image : LazyImage
        Indexed as an array; its shape and calibration are known without its pixels.

    Raises
    ------
    ChoiceNeededError, FileNotFoundError, ImportError, OSError, ValueError
        As `read_image`.
    TypeError
        If it is none of these.

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
    chosen = ImageChoice.of(dataset=dataset, channel=channel, binning=1, pixel_size=pixel_size)
    path: Path | None = None
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).absolute()
        plain = read_file(Path(source), part=(0, _NOTHING, _NOTHING))["signals"]
        described = [Described.of(one) for one in plain]
        name = str(source)
    elif is_signal(source):
        signals = signals_of(source)
        described = described_in_memory(signals)
        name = type(source).__name__
    else:
        raise TypeError(f"source must be a file or a signal, got {type(source).__name__}.")
    signal = described[chosen.place(described, name)]
    number = 0 if dataset is None else dataset
    load: Callable[[Place], NDArray[Any]]
    if path is not None:
        load = _OfFile(path, number, channel)
    else:
        place = choice(list(map(len, described)), number, average=False) or (0, 0)
        load = _OfSignal(signals[place[0]].frames, place[1], channel)
    pixel = load((slice(0, 1), slice(0, 1)))
    # Its channel is chosen already.
    image, size, lost = dataclasses.replace(chosen, channel=None).prepared(pixel, signal, name)
    if lost.is_lost:
        warnings.warn(f"{name}: {lost.note}", UserWarning, stacklevel=2)
    notes = (*signal.notes, lost.note) if lost.note else signal.notes
    shape = signal.shape[1], signal.shape[2]
    return LazyImage(path, shape, image.dtype, size, notes, load)


@dataclass(frozen=True)
class _OfFile:
    """Loads parts of an image of a file."""

    path: Path
    dataset: int
    channel: Channel

    def __call__(self, place: Place) -> NDArray[Any]:
        ends = tuple((part.start, part.stop) for part in place)
        return grey(read_file(self.path, part=(self.dataset, *ends))["image"], self.channel)


@dataclass(frozen=True)
class _OfSignal:
    """Loads parts of an image of a signal."""

    frames: Frames
    number: int
    channel: Channel

    def __call__(self, place: Place) -> NDArray[Any]:
        return grey(self.frames.part(self.number, place), self.channel)
