"""One micrograph of a file, or of another library's object."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from logstar._validation import check_integer
from logstar.exceptions import ChoiceNeededError
from logstar.units import PIXELS, PixelSize

from ._answers import Described, answer, choice
from ._calibration import Calibration, calibration
from ._colors import Channel, grey
from ._foreign import signals_of
from ._readers import read_file
from ._resampling import bin_pixels, to_square_pixels

#: Images that are listed in an error before it becomes hard to read.
_MOST_LISTED = 8


@dataclass(frozen=True, eq=False)
class Micrograph:
    """An image and what its file says about it; taken wherever an image is.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        In the number type of the file, or as floats if it was averaged, binned or resampled.
    pixel_size : PixelSize or None, default=None
        Side of a pixel of `image`; None if the file does not say.
    notes : tuple of str, default=()
        What is odd about the file, or says what could not be used, in sentences.
    metadata : dict, default={}
        What the reader hands over besides.
    path : Path or None, default=None
        The file.
    origin : tuple of float, default=(0.0, 0.0)
        Row and column, in pixels of `image`, of its first pixel as seen from the centre of the
        first pixel of the file's image. Binned by N, a pixel's centre lies (N - 1) / 2 of the
        file's pixels further on; lengths of an `AtomTable` with this origin allow for it.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.io import Micrograph
    >>> from logstar.units import PixelSize
    >>> micrograph = Micrograph(np.eye(8), PixelSize(0.02, "nm"))
    >>> print(micrograph.pixel_size)
    0.02 nm/px
    """

    image: NDArray[Any]
    pixel_size: PixelSize | None = None
    notes: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None
    origin: tuple[float, float] = (0.0, 0.0)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.image, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        n_rows, n_cols = self.image.shape
        size = "" if self.pixel_size is None else f", {self.pixel_size}"
        file = "" if self.path is None else f": {self.path.name}"
        return f"{type(self).__name__}({n_rows} x {n_cols} px{size}{file})"

    @property
    def unit(self) -> str:  # numpydoc ignore=RT01
        """Unit of the pixel size, "px" where there is none."""
        return PIXELS if self.pixel_size is None else self.pixel_size.unit

    @classmethod
    def from_signal(
        cls,
        signal: Any,
        *,
        dataset: int | None = None,
        average: bool = False,
        channel: Channel = None,
        resample: bool = False,
        binning: int = 1,
        pixel_size: PixelSize | str | float | None = None,
    ) -> Micrograph:
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
        channel, resample, binning, pixel_size : optional
            As of `read_image`.

        Returns
        -------
        micrograph : Micrograph

        Raises
        ------
        TypeError
            If it is none of these.
        ChoiceNeededError
            If it holds several images, colours, or pixels that are not square, and the parameter
            that says what to do is not given.
        ValueError
            If it holds no image, or a parameter does not fit.

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
        chosen = ImageChoice.of(
            dataset=dataset,
            average=average,
            channel=channel,
            resample=resample,
            binning=binning,
            pixel_size=pixel_size,
        )
        return chosen.micrograph(answer(signals_of(signal), dataset=dataset, average=average), name)


def read_image(
    path: str | os.PathLike[str],
    *,
    dataset: int | None = None,
    average: bool = False,
    channel: Channel = None,
    resample: bool = False,
    binning: int = 1,
    pixel_size: PixelSize | str | float | None = None,
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
    pixel_size : PixelSize, str, float or None, default=None
        Side of a pixel of the file, such as "0.2 A", in place of what the file says; a number is
        in angstrom. With `resample` that of the square pixels. It grows with `binning` as well.

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
    ChoiceNeededError
        For a file with several images where `dataset` does not choose, colours without `channel`,
        pixels that are not square without `resample`. It is a ValueError.
    ValueError
        For an unknown extension, and a file without a 2-D image (spectra).

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
    chosen = ImageChoice.of(
        dataset=dataset,
        average=average,
        channel=channel,
        resample=resample,
        binning=binning,
        pixel_size=pixel_size,
    )
    found = read_file(path, dataset=dataset, average=average)
    return dataclasses.replace(chosen.micrograph(found, str(path)), path=path)


@dataclass(frozen=True)
class ImageChoice:
    """Which image is meant, and what is to be made of it; parameters as of `read_image`."""

    dataset: int | None = None
    average: bool = False
    channel: Channel = None
    resample: bool = False
    binning: int = 1
    pixel_size: PixelSize | None = None

    @classmethod
    def of(cls, *, binning: int, pixel_size: PixelSize | str | float | None, **others: Any) -> Self:
        """Check what can be checked before anything is read."""
        size = None if pixel_size is None else PixelSize.of(pixel_size)
        return cls(binning=check_integer(binning, name="binning", low=1), pixel_size=size, **others)

    def micrograph(self, found: Mapping[str, Any], source: str) -> Micrograph:
        """Make a micrograph of an answer about `source`."""
        signals = [Described.of(plain) for plain in found["signals"]]
        signal = signals[self.place(signals, source)]
        image, size, lost = self.prepared(found["image"], signal, source)
        if lost.is_lost:
            warnings.warn(f"{source}: {lost.note}", UserWarning, stacklevel=3)
        notes = (*signal.notes, lost.note) if lost.note else signal.notes
        return Micrograph(image, size, notes, signal.metadata, None, self.origin)

    @property
    def origin(self) -> tuple[float, float]:
        """Place of the first pixel, in pixels of the binned image."""
        first = (self.binning - 1) / (2 * self.binning)
        return first, first

    def prepared(
        self, image: NDArray[Any], signal: Described, source: str
    ) -> tuple[NDArray[Any], PixelSize | None, Calibration]:
        """Make of a signal's image what is asked for; give its pixel size and what was lost."""
        try:
            image, size, lost = self._prepared(grey(image, self.channel), signal)
        except ChoiceNeededError as error:
            message = f"{source}: {error.message}"
            raise ChoiceNeededError(message, error.choices, error.hint) from None
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None
        # In the machine's byte order.
        image = np.array(image, dtype=image.dtype.newbyteorder("="), order="C")
        return image, size, lost

    def place(self, signals: Sequence[Described], source: str) -> int:
        """Number of the signal of which an image is taken.

        Raises
        ------
        ChoiceNeededError, ValueError
            If none is chosen, or there is none.
        """
        n_images = sum(map(len, signals))
        if n_images == 0:
            raise ValueError(f"{source} holds no 2-D image; spectra and curves are none.")
        try:
            place = choice(list(map(len, signals)), self.dataset, average=self.average)
        except IndexError:
            raise ValueError(
                f"{source}: dataset must be 0 to {n_images - 1}, got {self.dataset!r}."
            ) from None
        if place is not None:
            return place[0]
        choices: dict[str, object] = {"dataset": 0}
        mean = ""
        if any(len(signal) > 1 for signal in signals) and not self.average:
            choices["average"] = True
            mean = ", or the mean of the stack"
        raise ChoiceNeededError(
            f"{source} holds {n_images} images ({listing(signals)})",
            choices,
            f"takes one of them (0 to {n_images - 1}){mean}",
        )

    def _prepared(
        self, image: NDArray[Any], signal: Described
    ) -> tuple[NDArray[Any], PixelSize | None, Calibration]:
        """Make pixels square and larger as asked; give image, pixel size and what was lost."""
        size = calibration(signal.sides, signal.units)
        if self.resample and not size.is_square and size.height and size.width:
            image = to_square_pixels(image, size.height, size.width)
            shorter = min(size.height, size.width)
            size = size._replace(height=shorter, width=shorter)
        pixel_size = self.pixel_size
        # Raised even if a size is given: one side cannot be that of both.
        of_file = size.pixel_size
        if pixel_size is None:
            pixel_size = of_file
        else:
            size = Calibration()
        if self.binning > 1:
            image = bin_pixels(image, self.binning)
            if pixel_size is not None:
                pixel_size = PixelSize(pixel_size.value * self.binning, pixel_size.unit)
        return image, pixel_size, size


def listing(signals: Sequence[Described]) -> str:
    """Say which numbers belong to which data set."""
    entries = []
    first = 0
    for signal in signals:
        n_frames, *shape = signal.shape[:3]
        numbers = f"{first}" if n_frames == 1 else f"{first}-{first + n_frames - 1}"
        title = f" {signal.title!r}" if signal.title else ""
        entries.append(f"{numbers}: {shape[0]} x {shape[1]} px{title}")
        first += n_frames
    more = [f"{len(entries) - _MOST_LISTED} more"] if len(entries) > _MOST_LISTED else []
    return ", ".join(entries[:_MOST_LISTED] + more)
