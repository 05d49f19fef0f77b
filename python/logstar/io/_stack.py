"""Stacks and movies, one frame at a time: of files, of memory, or of whatever yields images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import as_array
from logstar.exceptions import ChoiceNeededError
from logstar.units import PixelSize

from ._answers import Described, choice
from ._colors import Channel
from ._foreign import described_in_memory, is_signal, signals_of
from ._formats import EXTENSIONS
from ._mapped import copied, mapping_of
from ._micrograph import ImageChoice, Micrograph, listing, read_image
from ._readers import FOLDERS, read_file
from ._signal import Frames, frames_of

#: Frames that a file is asked for at a time, and their bytes: opening it takes longer than reading
#: a frame.
_AT_ONCE, _BYTES_AT_ONCE = 64, 2**26

#: Loads frames of numbers from one to before another.
_Loader = Callable[[int, int], Sequence[Any]]


@dataclass(frozen=True, eq=False)
class ImageStack:
    """Frames of one shape, of which few are in memory at any time.

    Made by `open_stack`.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of a frame.
    n_frames : int or None
        How many there are; None where nobody knows until the last one came.
    pixel_size : PixelSize or None
        Side of a pixel; None if nobody says.
    path : Path or None
        The file.
    origin : tuple of float
        As of `Micrograph`.
    first : ndarray of shape (n_rows, n_cols)
        The first frame.
    begin : callable
        Yields the frames from a number on.
    is_repeatable : bool
        Whether it can begin more than once.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.io import open_stack
    >>> stack = open_stack(np.zeros((5, 64, 48)), pixel_size="0.2 A")
    >>> stack
    ImageStack(5 frames of 64 x 48 px, 0.2 A/px)
    >>> len(stack), stack[4].shape
    (5, (64, 48))
    """

    shape: tuple[int, int]
    n_frames: int | None
    pixel_size: PixelSize | None
    path: Path | None
    origin: tuple[float, float]
    first: NDArray[Any]
    begin: Callable[[int], Iterator[NDArray[Any]]]
    is_repeatable: bool = True

    def __len__(self) -> int:
        if self.n_frames is None:
            raise TypeError("nobody knows how many frames there are until the last one came.")
        return self.n_frames

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return self.frames()

    def __getitem__(self, index: int) -> NDArray[Any]:
        if not self.is_repeatable:
            raise TypeError("frames that come one after another cannot be chosen from.")
        if self.n_frames is not None:
            if not -self.n_frames <= index < self.n_frames:
                raise IndexError(f"frame {index} of {self.n_frames}.")
            index %= self.n_frames
        return next(self.begin(index))

    def __repr__(self) -> str:
        number = "" if self.n_frames is None else f"{self.n_frames} "
        size = "" if self.pixel_size is None else f", {self.pixel_size}"
        file = "" if self.path is None else f": {self.path.name}"
        n_rows, n_cols = self.shape
        return f"{type(self).__name__}({number}frames of {n_rows} x {n_cols} px{size}{file})"

    def frames(self, start: int = 0) -> Iterator[NDArray[Any]]:
        """Yield the frames in their order.

        Parameters
        ----------
        start : int, default=0
            Number of the first; those before are not loaded, or passed over where they come one
            after another.

        Yields
        ------
        image : ndarray of shape (n_rows, n_cols)
            In the number type of the source.

        Raises
        ------
        OSError
            If the file cannot be read any more.
        ValueError
            If a frame has another shape than the first.
        """
        for number, image in enumerate(self.begin(start), start):
            if image.shape != self.shape:
                raise ValueError(
                    f"frame {number} has {image.shape[0]} x {image.shape[1]} pixels, the first "
                    f"{self.shape[0]} x {self.shape[1]}; all frames must have one shape."
                )
            yield image


def open_stack(
    source: Any,
    *,
    dataset: int | None = None,
    channel: Channel = None,
    resample: bool = False,
    binning: int = 1,
    pixel_size: PixelSize | str | float | None = None,
) -> ImageStack:
    """Open a stack or movie, whose frames are loaded when they are taken.

    Parameters
    ----------
    source : path-like, sequence of paths, array, signal or iterable of images
        A file of any format of `read_image`; a folder, whose images are the frames in the order of
        their names; paths of these. A 3-D array of NumPy (memory-mapped too), dask, zarr or h5py.
        A HyperSpy signal or an xarray DataArray, lazy or not. A list of images. Or an iterator that
        yields images, which are taken once.
    dataset : int, default=None
        Number of any frame of the stack to take, of a file with several; see `list_images`.
    channel, resample, binning, pixel_size : optional
        As of `read_image`; the first three are for files and signals.

    Returns
    -------
    stack : ImageStack
        A file with one image is a stack of one.

    Raises
    ------
    ChoiceNeededError
        If a file holds several stacks and `dataset` does not choose.
    FileNotFoundError, ImportError, OSError
        If a file cannot be read.
    TypeError, ValueError
        For what is no stack.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.io import open_stack
    >>> stack = open_stack(np.zeros((64, 64)) + i for i in range(3))
    >>> [float(image.mean()) for image in stack]
    [0.0, 1.0, 2.0]
    """
    if isinstance(source, ImageStack):
        return source
    chosen = ImageChoice.of(
        dataset=dataset, channel=channel, resample=resample, binning=binning, pixel_size=pixel_size
    )
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.is_dir() and path.suffix.lower() not in FOLDERS:
            return _of_paths(_images_in(path), chosen)
        return _of_file(path, chosen)
    if isinstance(source, (list, tuple)) and source and isinstance(source[0], (str, os.PathLike)):
        return _of_paths([Path(each) for each in source], chosen)
    if is_signal(source):
        return _of_signal(source, chosen)
    if dataset is not None or channel is not None or resample or binning != 1:
        raise ValueError(
            "dataset, channel, resample and binning are for files and signals; prepare images in "
            "memory before."
        )
    if hasattr(source, "shape") and hasattr(source, "dtype"):
        return _of_array(source, chosen.pixel_size)
    if isinstance(source, Sequence):
        return _of_images(source, chosen.pixel_size)
    if isinstance(source, Iterable):
        return _of_iterator(iter(source), chosen.pixel_size)
    raise TypeError(
        "source must be a file, a folder, an array of three axes, a signal or an iterable of "
        f"images, got {type(source).__name__}."
    )


def _of_file(path: Path, chosen: ImageChoice) -> ImageStack:
    if path.suffix.lower() == ".npy":
        # Mapped: pixels are loaded where they are looked at.
        return _of_array(np.load(path, mmap_mode="r", allow_pickle=False), chosen.pixel_size, path)
    found = [Described.of(plain) for plain in read_file(path, frames=(0, 1))["signals"]]
    place = _place_of(found, chosen.dataset, str(path))
    first = sum(map(len, found[:place]))

    def load(start: int, stop: int) -> Sequence[Any]:
        answer = read_file(path, frames=(first + start, first + stop))
        images: list[Any] = answer["images"]
        return images

    return _of_loader(load, found[place], chosen, path)


def _of_signal(source: Any, chosen: ImageChoice) -> ImageStack:
    signals = signals_of(source)
    described = described_in_memory(signals)
    place = _place_of(described, chosen.dataset, type(source).__name__)
    frames = signals[place].frames

    def load(start: int, stop: int) -> Sequence[Any]:
        return [frames[index] for index in range(start, stop)]

    return _of_loader(load, described[place], chosen, None)


def _of_loader(
    load: _Loader, signal: Described, chosen: ImageChoice, path: Path | None
) -> ImageStack:
    n_frames = len(signal)
    n_bytes = int(np.prod(signal.shape[1:])) * np.dtype(signal.dtype).itemsize
    at_once = max(1, min(_AT_ONCE, _BYTES_AT_ONCE // n_bytes)) if path is not None else 1

    def begin(start: int) -> Iterator[NDArray[Any]]:
        for first in range(start, n_frames, at_once):
            for image in load(first, min(first + at_once, n_frames)):
                yield chosen.prepared(image, signal, name)[0]

    name = "the signal" if path is None else str(path)
    image, size, lost = chosen.prepared(load(0, 1)[0], signal, name)
    if lost.is_lost:
        warnings.warn(f"{name}: {lost.note}", UserWarning, stacklevel=4)
    return ImageStack(_shape(image), n_frames, size, path, chosen.origin, image, begin)


def _of_array(array: Any, size: PixelSize | None, path: Path | None = None) -> ImageStack:
    if len(array.shape) != 3:
        raise ValueError(
            f"a stack must have three axes (frames, rows, columns), got shape "
            f"{tuple(array.shape)}; find_atoms takes one image."
        )
    frames = frames_of(array)
    if frames is None:
        raise TypeError(f"a stack must hold real numbers, got {array.dtype}.")
    n_frames, n_rows, n_cols = frames.shape
    return ImageStack(
        (n_rows, n_cols), n_frames, size, path, (0.0, 0.0), _as_frame(frames[0], 0), _each(frames)
    )


def _each(frames: Frames | Sequence[Any]) -> Callable[[int], Iterator[NDArray[Any]]]:
    def begin(start: int) -> Iterator[NDArray[Any]]:
        return (_as_frame(frames[index], index) for index in range(start, len(frames)))

    return begin


def _of_images(images: Sequence[Any], size: PixelSize | None) -> ImageStack:
    if not images:
        raise ValueError("an empty stack; at least one image is needed.")
    first = _as_frame(images[0], 0)
    size = _size_of(images[0]) if size is None else size
    return ImageStack(_shape(first), len(images), size, None, (0.0, 0.0), first, _each(images))


def _of_iterator(images: Iterator[Any], size: PixelSize | None) -> ImageStack:
    try:
        first = next(images)
    except StopIteration:
        raise ValueError("an empty stack; at least one image is needed.") from None
    image = _as_frame(first, 0)
    size = _size_of(first) if size is None else size
    left = chain([image], images)

    def begin(start: int) -> Iterator[NDArray[Any]]:
        for index, image in enumerate(left):
            if index >= start:
                yield _as_frame(image, index)

    return ImageStack(
        _shape(image), None, size, None, (0.0, 0.0), image, begin, is_repeatable=False
    )


def _of_paths(paths: Sequence[Path], chosen: ImageChoice) -> ImageStack:
    def load(path: Path) -> Micrograph:
        return read_image(
            path,
            dataset=chosen.dataset,
            channel=chosen.channel,
            resample=chosen.resample,
            binning=chosen.binning,
            pixel_size=chosen.pixel_size,
        )

    def begin(start: int) -> Iterator[NDArray[Any]]:
        return (load(path).image for path in paths[start:])

    first = load(paths[0])
    parent = paths[0].parent
    return ImageStack(
        _shape(first.image),
        len(paths),
        first.pixel_size,
        parent,
        first.origin,
        first.image,
        begin,
    )


def _images_in(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS)
    if not paths:
        raise ValueError(f"{folder} holds no image of a known format.")
    return paths


def _as_frame(image: Any, index: int) -> NDArray[Any]:
    if isinstance(image, Micrograph):
        return image.image
    mapping = mapping_of(image)
    array = as_array(image, f"frame {index}") if mapping is None else copied(image, mapping)
    if array.ndim != 2:
        raise ValueError(f"frame {index} must be a 2-D image, got shape {array.shape}.")
    return array


def _shape(image: NDArray[Any]) -> tuple[int, int]:
    n_rows, n_cols = image.shape
    return n_rows, n_cols


def _size_of(image: Any) -> PixelSize | None:
    return image.pixel_size if isinstance(image, Micrograph) else None


def _place_of(signals: Sequence[Described], dataset: int | None, name: str) -> int:
    """Number of the stack that is meant.

    Raises
    ------
    ChoiceNeededError, ValueError
        If none is, or there is none.
    """
    n_images = sum(map(len, signals))
    if n_images == 0:
        raise ValueError(f"{name} holds no 2-D image; spectra and curves are none.")
    if dataset is not None:
        try:
            place = choice(list(map(len, signals)), dataset, average=False)
        except IndexError:
            place = None
        if place is None:
            raise ValueError(f"{name}: dataset must be 0 to {n_images - 1}, got {dataset!r}.")
        return place[0]
    stacks = [i for i, signal in enumerate(signals) if len(signal) > 1]
    if len(stacks) == 1 or len(signals) == 1:
        return stacks[0] if stacks else 0
    raise ChoiceNeededError(
        f"{name} holds several stacks ({listing(signals)})",
        {"dataset": 0},
        "chooses the one of that frame",
    )
