"""What is asked of the signals of a file, and the answer, as plain values.

The same is asked of files, in a process of their own, and of other libraries' objects, in ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._signal import Place, Signal, check_image_bytes

#: Channels without alpha, of which there is one after grey and one after three colours.
WITHOUT_ALPHA = {2: 1, 4: 3}
_MEAN = np.dtype(np.float64)
#: Side in pixels of the middle of an image that is looked at: most images have no more.
_LOOKED_AT = 4096


@dataclass
class Described:
    """A signal without its pixels; its metadata only if one of its images was taken."""

    shape: tuple[int, ...]
    dtype: str
    sides: tuple[float, float]
    units: tuple[object, object]
    title: str
    notes: tuple[str, ...]
    metadata: dict[str, Any]
    #: Of the first image: least and greatest finite intensity, pixels that are not finite, channels
    #: that differ.
    statistics: dict[str, Any] | None

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Described:
        """Make it of an answer."""
        tuples = {name: tuple(plain[name]) for name in ("shape", "sides", "units", "notes")}
        return cls(**{**plain, **tuples})

    def __len__(self) -> int:
        return self.shape[0]


def choice(lengths: Sequence[int], dataset: int | None, *, average: bool) -> tuple[int, int] | None:
    """Find the signal and the frame of a number; None if there are several and none is chosen.

    Raises
    ------
    IndexError
        If there is no such image.
    """
    if dataset is None:
        if len(lengths) == 1 and (average or lengths[0] == 1):
            return 0, 0
        return None
    frame = dataset
    for number, length in enumerate(lengths):
        if 0 <= frame < length:
            return number, frame
        frame -= length
    raise IndexError(dataset)


def answer(
    signals: Sequence[Signal],
    *,
    dataset: int | None = None,
    average: bool = False,
    statistics: bool = False,
    frames: tuple[int, int] | None = None,
    part: tuple[int, tuple[int, int], tuple[int, int]] | None = None,
    file_size: int | None = None,
) -> dict[str, Any]:
    """Describe signals and give one image of them, or several.

    Parameters
    ----------
    signals : sequence of Signal
        Their images are loaded one at a time, and only as far as needed.
    dataset : int, default=None
        Number of the image among all.
    average : bool, default=False
        Take the mean of its stack instead.
    statistics : bool, default=False
        Look at the pixels of the first image of each, of a large one at its middle; give no image.
    frames : tuple of int, default=None
        Numbers among all of the first of several images of one signal, and of the one after the
        last; these are given in place of one.
    part : tuple of (int, (int, int), (int, int)), default=None
        Number of an image among all, first row and the one after the last, and columns likewise:
        this part of it is given. Without any rows it is for those who ask what there is.
    file_size : int, default=None
        Bytes of the file, which bound those of an image. None is for what is in memory already.

    Returns
    -------
    answer : dict
        "signals", as `Described` takes them, and "image", None if none is chosen; with `frames`
        also "images", a list.

    Raises
    ------
    ValueError
        For an image that is too large for its file.
    """
    if file_size is not None:
        for signal in signals if statistics else ():
            check_image_bytes(signal.frames.shape[1:], signal.frames.dtype.itemsize, file_size)
    described = [_describe(signal, statistics=statistics) for signal in signals]
    if frames is not None:
        return {"signals": described, "image": None, "images": _several(signals, frames, file_size)}
    if part is not None:
        return {"signals": described, "image": _part(signals, *part, file_size)}
    try:
        place = choice([len(signal.frames) for signal in signals], dataset, average=average)
    except IndexError:
        place = None
    image = None
    if place is not None and not statistics:
        number, index = place
        stored = signals[number].frames
        if file_size is not None:
            itemsize = _MEAN.itemsize if average else stored.dtype.itemsize
            check_image_bytes(stored.shape[1:], itemsize, file_size)
        image = _mean(signals[number]) if average else stored[index]
        described[number]["metadata"] = signals[number].metadata
    return {"signals": described, "image": image}


def _several(
    signals: Sequence[Signal], numbers: tuple[int, int], file_size: int | None
) -> list[NDArray[Any]]:
    """Load images that follow one another."""
    start, stop = numbers
    place = choice([len(signal.frames) for signal in signals], start, average=False)
    if place is None:
        raise IndexError(start)
    found, first = signals[place[0]].frames, place[1]
    if file_size is not None:
        check_image_bytes((stop - start, *found.shape[1:]), found.dtype.itemsize, file_size)
    return [found[index] for index in range(first, first + stop - start)]


def _part(
    signals: Sequence[Signal],
    dataset: int,
    rows: tuple[int, int],
    cols: tuple[int, int],
    file_size: int | None,
) -> NDArray[Any] | None:
    """Load a part of an image; None if there are no rows."""
    if rows[0] == rows[1]:
        return None
    place = choice([len(signal.frames) for signal in signals], dataset, average=False)
    if place is None:
        raise IndexError(dataset)
    found = signals[place[0]].frames
    if file_size is not None:
        shape = rows[1] - rows[0], cols[1] - cols[0]
        check_image_bytes((*shape, *found.shape[3:]), found.dtype.itemsize, file_size)
    return found.part(place[1], (slice(*rows), slice(*cols)))


def _describe(signal: Signal, *, statistics: bool) -> dict[str, Any]:
    return {
        "shape": signal.frames.shape,
        "dtype": signal.frames.dtype.newbyteorder("=").str,
        "sides": signal.sides,
        "units": [None if unit is None else str(unit) for unit in signal.units],
        "title": signal.title,
        "notes": signal.notes,
        "metadata": {},
        "statistics": _statistics(signal) if statistics else None,
    }


def _mean(signal: Signal) -> NDArray[np.float64]:
    total = np.zeros(signal.frames.shape[1:], dtype=_MEAN)
    for index in range(len(signal.frames)):
        total += signal.frames[index]
    return np.asarray(total / len(signal.frames))


def _statistics(signal: Signal) -> dict[str, Any]:
    frame = signal.frames.part(0, _middle(signal.frames.shape[1:3]))
    finite = frame if frame.dtype.kind != "f" else frame[np.isfinite(frame)]
    low, high, differ = np.nan, np.nan, False
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
    if frame.ndim == 3:
        colors = frame[..., : WITHOUT_ALPHA.get(frame.shape[-1], frame.shape[-1])]
        differ = bool((colors != colors[..., :1]).any())
    n_not_finite = frame.size - finite.size
    return {"low": low, "high": high, "n_not_finite": n_not_finite, "channels_differ": differ}


def _middle(shape: tuple[int, ...]) -> Place:
    starts = [max(n - _LOOKED_AT, 0) // 2 for n in shape]
    rows, cols = (
        slice(start, start + min(n, _LOOKED_AT)) for start, n in zip(starts, shape, strict=True)
    )
    return rows, cols
