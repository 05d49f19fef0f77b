"""One micrograph of a file, or of another library's object."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from logstar._validation import check_integer
from logstar.exceptions import ChoiceNeededError
from logstar.units import PixelSize

from ._calibration import calibration
from ._colors import Channel, grey
from ._foreign import signals_of
from ._readers import EXTENSIONS, FOLDERS, read_signals
from ._resampling import bin_pixels, to_square_pixels
from ._signal import Signal

#: So many images are listed in an error before it becomes hard to read.
_MOST_LISTED = 8


@dataclass(frozen=True, eq=False)
class Micrograph:
    """An image and what its file says about it; taken wherever an image is.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        In the number type of the file, or as floats if it was averaged, binned or resampled.
    pixel_size : PixelSize or None, default=None
        Side of a pixel; None if the file does not say.
    notes : tuple of str, default=()
        What the file says that could not be used, in sentences.
    metadata : dict, default={}
        What the reader hands over besides.
    path : Path or None, default=None
        The file.
    """

    image: NDArray[Any]
    pixel_size: PixelSize | None = None
    notes: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.image, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        n_rows, n_cols = self.image.shape
        size = "" if self.pixel_size is None else f", {self.pixel_size}"
        file = "" if self.path is None else f": {self.path.name}"
        return f"{type(self).__name__}({n_rows} x {n_cols} px{size}{file})"

    @classmethod
    def from_signal(cls, signal: Any, *, dataset: int | None = None, average: bool = False) -> Self:
        """Take image and calibration of another library's object.

        Parameters
        ----------
        signal : HyperSpy Signal2D, xarray DataArray, or dict as RosettaSciIO's readers give
            Told by what it can do, lazy or not; none of these libraries needs to be there. A
            DataArray's calibration is the step of the coordinates of its last two dimensions,
            with their attribute ``units``.
        dataset : int, default=None
            Which image of a stack, from 0.
        average : bool, default=False
            Take the mean of the stack.

        Returns
        -------
        micrograph : Micrograph

        Raises
        ------
        TypeError
            If it is none of these.
        ValueError
            As `read_image`.

        Examples
        --------
        >>> import numpy as np
        >>> from logstar.io import Micrograph
        >>> axis = {"scale": 0.2, "units": "Å", "size": 8, "navigate": False}
        >>> micrograph = Micrograph.from_signal({"data": np.eye(8), "axes": [axis, axis]})
        >>> micrograph
        Micrograph(8 x 8 px, 0.2 A/px)
        """
        name = type(signal).__name__
        return cls(*_choose(signals_of(signal), name, dataset=dataset, average=average))


def read_image(
    path: str | os.PathLike[str],
    *,
    dataset: int | None = None,
    average: bool = False,
    channel: Channel = None,
    resample: bool = False,
    binning: int = 1,
) -> Micrograph:
    """Read one micrograph with its calibration.

    Parameters
    ----------
    path : path-like
        A file whose extension is among `EXTENSIONS`. All but tif, npy, png and other pictures
        need RosettaSciIO (``pip install "logstar[io]"``).
    dataset : int, default=None
        Which image to take, from 0, of a file that holds several (data sets, or frames of a
        stack); `list_images` shows them. May be None if there is only one.
    average : bool, default=False
        Take the mean of all frames of the stack instead of one; `dataset` may then be any of its
        frames, and None if the file holds one stack.
    channel : int, "luminance" or None, default=None
        Of a colour image the channel to take, or its grey value (ITU-R BT.709). None refuses
        colours, but for grey ones. Alpha is ignored.
    resample : bool, default=False
        Interpolate an image whose pixels are not square onto square ones with the shorter side
        (cubic splines). False refuses it.
    binning : int, default=1
        Take the mean of blocks of so many pixels each way; the pixel size grows with them.

    Returns
    -------
    micrograph : Micrograph
        Image, pixel size, notes, metadata. Lengths in um, mm, cm, inch or m are converted to nm.
        Reciprocal units and unknown ones are no pixel size, of which a warning tells; nor are
        print resolutions, of which a note tells.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the format needs the extra ``io`` and that is not installed.
    OSError
        If the file is broken, cut off, or not what its extension says; also if its reader took
        longer than 30 s and 1 s for each 5 MB, or than ``LOGSTAR_READ_SECONDS``.
    ValueError
        For an unknown extension, a file without a 2-D image (spectra), one with several where
        `dataset` does not choose, colours without `channel`, pixels that are not square without
        `resample`.

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
    chosen = _choose(
        read_signals_of(path),
        str(path),
        dataset=dataset,
        average=average,
        channel=channel,
        resample=resample,
        binning=binning,
    )
    return Micrograph(*chosen, path)


def read_signals_of(path: Path) -> list[Signal]:
    """Read what is in a file that exists and whose extension is known.

    Raises
    ------
    FileNotFoundError, ImportError, OSError, ValueError
        As `read_image`.
    """
    folder = path.is_dir() and path.suffix.lower() in FOLDERS
    if not path.is_file() and not folder:
        raise FileNotFoundError(f"{path}: {'a directory' if path.is_dir() else 'no such file'}.")
    if path.suffix.lower() not in EXTENSIONS:
        raise ValueError(
            f"{path}: unknown extension {path.suffix!r}; known are {', '.join(EXTENSIONS)}."
        )
    return read_signals(path)


def _choose(
    signals: Sequence[Signal],
    source: str,
    *,
    dataset: int | None,
    average: bool,
    channel: Channel = None,
    resample: bool = False,
    binning: int = 1,
) -> tuple[NDArray[Any], PixelSize | None, tuple[str, ...], dict[str, Any]]:
    """Choose one image of several; give it with pixel size, notes and metadata."""
    binning = check_integer(binning, name="binning", low=1)
    places = [(signal, frame) for signal in signals for frame in range(len(signal.frames))]
    if not places:
        raise ValueError(f"{source} holds no 2-D image; spectra and curves are none.")
    if dataset is None and len(signals if average else places) > 1:
        choices: dict[str, object] = {"dataset": 0}
        several = any(len(signal.frames) > 1 for signal in signals)
        if several and not average:
            choices["average"] = True
        raise ChoiceNeededError(
            f"{source} holds {len(places)} images ({listing(signals)})",
            choices,
            f"chooses one of them, 0 to {len(places) - 1}"
            + (", or the mean of a stack" if len(choices) > 1 else ""),
        )
    if dataset is not None and not 0 <= dataset < len(places):
        raise ValueError(f"{source}: dataset must be 0 to {len(places) - 1}, got {dataset!r}.")
    signal, index = places[dataset or 0]
    try:
        image = _average(signal, channel) if average else grey(signal.frames[index], channel)
        size = calibration(signal.sides, signal.units)
        if resample and not size.is_square and size.height and size.width:
            image = to_square_pixels(image, size.height, size.width)
            shorter = min(size.height, size.width)
            size = size._replace(height=shorter, width=shorter)
        pixel_size = size.pixel_size
        if binning > 1:
            image = bin_pixels(image, binning)
            if pixel_size is not None:
                pixel_size = PixelSize(pixel_size.value * binning, pixel_size.unit)
    except ChoiceNeededError as error:
        message = f"{source}: {error.message}"
        raise ChoiceNeededError(message, error.choices, error.hint) from None
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    if size.is_lost:
        warnings.warn(f"{source}: {size.note}", UserWarning, stacklevel=3)
    # In the machine's byte order.
    image = np.array(image, dtype=image.dtype.newbyteorder("="), order="C")
    return image, pixel_size, (size.note,) if size.note else (), signal.metadata


def _average(signal: Signal, channel: Channel) -> NDArray[Any]:
    total = np.zeros(signal.frames.shape[1:3])
    for frame in signal.frames:
        total += grey(frame, channel)
    return total / len(signal.frames)


def listing(signals: Sequence[Signal]) -> str:
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
