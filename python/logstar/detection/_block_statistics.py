"""Exact order statistics of an image that is looked at block by block, never as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Block: TypeAlias = NDArray[Any]
#: Applies a function to every block of an image, and yields the results in any order.
EachBlock: TypeAlias = Callable[[Callable[[Block], Any]], Iterable[Any]]

#: Half-width of the bracket around a rank of a sample: in standard deviations of the number of
#: independent pixels below it, and in pixels. Pixels beside one another are alike, so few of a
#: sample are independent.
_DEVIATIONS, _AT_LEAST = 20.0, 50.0
#: Most pixels that are kept from all blocks together, for one rank: 64 MB of float32. Where more
#: are alike, bits are counted instead.
_MOST_KEPT = 2**24
#: Bits of a number that are counted in one pass.
_BITS = 16
#: Bytes of integers whose values are few enough to be counted one by one.
_COUNTED_BYTES = 2
#: Pixels that are compared at a time: they stay in the second-level cache.
_AT_ONCE = 2**17


class BlockStatistics(NamedTuple):
    """What one pass over an image tells.

    Attributes
    ----------
    low, high : float
        Least and greatest intensity.
    values : list of float
        Intensities at the ranks that were asked for.
    """

    low: float
    high: float
    values: list[float]


class _Bracket:
    """Two intensities that those of neighbouring ranks are likely to be between.

    Parameters
    ----------
    ranks : list of int
        The ranks.
    low, high : float
        The two intensities.
    """

    def __init__(self, ranks: list[int], low: float, high: float) -> None:
        self.ranks, self.low, self.high = ranks, low, high
        self._n_below, self._n_within = 0, 0
        self._within: list[Block] = []

    @classmethod
    def around(cls, ranks: list[int], n_pixels: int, ordered: Block) -> _Bracket:
        """Make the one that a sorted sample of the pixels tells."""
        last = len(ordered) - 1
        shares = [rank / max(n_pixels - 1, 1) for rank in ranks]
        halves = [_DEVIATIONS * math.sqrt(last * p * (1 - p)) + _AT_LEAST for p in shares]
        first = math.floor(last * shares[0] - halves[0])
        end = math.ceil(last * shares[-1] + halves[-1])
        low = -math.inf if first < 0 else float(ordered[first])
        high = math.inf if end > last else float(ordered[end])
        return cls(ranks, low, high)

    def add(self, n_below: int, within: Block) -> None:
        """Take in what a part of the image has below and within."""
        self._n_below += n_below
        self._n_within += len(within)
        if self._n_within <= _MOST_KEPT:
            self._within.append(within)
        else:
            self._within.clear()

    def values(self) -> dict[int, float]:
        """Intensities by rank; empty if some of them are not within, or too many to keep."""
        places = [rank - self._n_below for rank in self.ranks]
        if not 0 <= places[0] <= places[-1] < self._n_within <= _MOST_KEPT:
            return {}
        ordered = np.partition(np.concatenate(self._within), places)
        return {rank: float(ordered[i]) for rank, i in zip(self.ranks, places, strict=True)}


#: Range of a block, and for each bracket how many pixels are below, and those within.
_Look: TypeAlias = tuple[float, float, list[tuple[int, Block]]]


def block_statistics(
    each_block: EachBlock, n_pixels: int, ranks: Sequence[int], sample: Block
) -> BlockStatistics:
    """Find the range of an image, and what would stand at some ranks if its pixels were sorted.

    A sample tells between which intensities these are likely to be; one pass over all pixels counts
    those below, and keeps the few between. Where the sample misled, the bits of the numbers are
    counted in further passes, whatever the image is like.

    Parameters
    ----------
    each_block : callable
        Applies a function to every block: arrays of one type, of integers, or of floats of at most
        64 bits that are all finite.
    n_pixels : int
        Of all blocks together, at least 1.
    ranks : sequence of int
        From 0, the least, to `n_pixels`; those beyond the last pixel count as the last.
    sample : ndarray
        Some of the pixels, at least one.

    Returns
    -------
    statistics : BlockStatistics
    """
    ranks = [min(rank, n_pixels - 1) for rank in ranks]
    if sample.dtype.kind in "bui" and sample.dtype.itemsize <= _COUNTED_BYTES:
        return _by_counting(each_block, ranks, sample.dtype)
    ordered = np.sort(sample, axis=None)
    brackets = [_Bracket.around(group, n_pixels, ordered) for group in _neighbors(ranks)]
    low, high = math.inf, -math.inf
    for least, greatest, found in each_block(lambda block: _look(block, brackets)):
        low, high = min(low, least), max(high, greatest)
        for bracket, part in zip(brackets, found, strict=True):
            bracket.add(*part)
    known: dict[int, float] = {}
    for bracket in brackets:
        known |= bracket.values()
    for rank in ranks:
        if rank not in known:
            known[rank] = _by_bits(each_block, rank)
    return BlockStatistics(low, high, [known[rank] for rank in ranks])


def _neighbors(ranks: Sequence[int]) -> list[list[int]]:
    """Group ranks that follow one another, each once."""
    groups: list[list[int]] = []
    for rank in sorted(set(ranks)):
        if groups and rank - groups[-1][-1] <= 1:
            groups[-1].append(rank)
        else:
            groups.append([rank])
    return groups


def _look(block: Block, brackets: Sequence[_Bracket]) -> _Look:
    pixels = block.ravel()
    below = [0] * len(brackets)
    within: list[list[Block]] = [[] for _ in brackets]
    low, high = math.inf, -math.inf
    for start in range(0, len(pixels), _AT_ONCE):
        some = pixels[start : start + _AT_ONCE]
        low, high = min(low, float(some.min())), max(high, float(some.max()))
        for i, bracket in enumerate(brackets):
            is_above = some >= bracket.low
            below[i] += len(some) - int(np.count_nonzero(is_above))
            is_above &= some <= bracket.high
            within[i].append(some[is_above])
    return low, high, [(n, np.concatenate(x)) for n, x in zip(below, within, strict=True)]


def _by_counting(
    each_block: EachBlock, ranks: Sequence[int], dtype: np.dtype[Any]
) -> BlockStatistics:
    """Count how often each of at most 2^16 integers occurs."""
    least = 0 if dtype.kind in "bu" else int(np.iinfo(dtype).min)

    def count(block: Block) -> NDArray[np.int64]:
        places = block.ravel().astype(np.int32) - least
        return np.asarray(np.bincount(places, minlength=2 ** (8 * dtype.itemsize)))

    counts = sum(each_block(count))
    ends = np.cumsum(counts)
    there = np.flatnonzero(counts)
    values = [float(np.searchsorted(ends, rank, side="right") + least) for rank in ranks]
    return BlockStatistics(float(there[0] + least), float(there[-1] + least), values)


def _by_bits(each_block: EachBlock, rank: int) -> float:
    """Find what stands at a rank from the leading bits of the numbers to the last."""
    prefix, n_known, n_bits = 0, 0, 0
    dtype: np.dtype[Any] | None = None
    while dtype is None or n_known < n_bits:

        def count(
            block: Block, prefix: int = prefix, n_known: int = n_known
        ) -> tuple[np.dtype[Any], NDArray[np.int64]]:
            keys = _keys(block)
            size = 8 * keys.dtype.itemsize
            if n_known:
                keys = keys[keys >> keys.dtype.type(size - n_known) == prefix]
            digits = (keys >> keys.dtype.type(size - n_known - _BITS)) & keys.dtype.type(
                2**_BITS - 1
            )
            return block.dtype, np.bincount(digits.astype(np.int64), minlength=2**_BITS)

        counts = np.zeros(2**_BITS, dtype=np.int64)
        for kind, part in each_block(count):
            dtype = kind
            counts += part
        if dtype is None:
            raise ValueError("there are no pixels")
        n_bits = 8 * dtype.itemsize
        ends = np.cumsum(counts)
        digit = int(np.searchsorted(ends, rank, side="right"))
        rank -= int(ends[digit] - counts[digit])
        prefix, n_known = prefix << _BITS | digit, n_known + _BITS
    return _value(prefix, dtype)


def _keys(block: Block) -> NDArray[Any]:
    """Unsigned integers in the order of the numbers."""
    size = block.dtype.itemsize
    kind = np.dtype(f"u{size}")
    bits = np.ascontiguousarray(block).ravel().view(kind)
    top = kind.type(1 << (8 * size - 1))
    if block.dtype.kind == "u":
        return bits
    if block.dtype.kind == "i":
        return np.asarray(bits ^ top)
    # Of negative floats the bits fall as the number rises.
    return np.asarray(np.where(bits & top, ~bits, bits | top))


def _value(key: int, dtype: np.dtype[Any]) -> float:
    """The number of a key."""
    size = dtype.itemsize
    top = 1 << (8 * size - 1)
    if dtype.kind == "i":
        key ^= top
    elif dtype.kind == "f":
        key = key ^ top if key & top else ~key & (2 * top - 1)
    return float(np.array(key, dtype=f"u{size}").view(dtype))


def evenly_placed(shape: tuple[int, int], n: int, side: int) -> Iterator[tuple[slice, slice]]:
    """Yield the places of n x n square blocks, one somewhere in each cell of a grid."""
    rng = np.random.default_rng(0)
    for row in range(n):
        for col in range(n):
            place = []
            for i, size in zip((row, col), shape, strict=True):
                start, end = size * i // n, size * (i + 1) // n
                room = max(end - start - side, 0)
                first = start + int(rng.integers(room + 1))
                place.append(slice(first, min(first + side, end)))
            if all(part.stop > part.start for part in place):
                yield place[0], place[1]
