"""Candidates for many ladders of sigmas, of which some are parts of one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import NamedTuple, TypeAlias

import numpy as np

from logstar._validation import FloatArray

from ._tables import Part

#: Row, column, sigma and response of the candidates of each image.
Tables: TypeAlias = list[FloatArray]
#: Finds the candidates of each part of a ladder, all else as for the request of this number.
Finder: TypeAlias = Callable[[int, FloatArray, Sequence[Part]], list[Tables]]


class Request(NamedTuple):
    """A ladder whose candidates are wanted, and what else these depend on."""

    ladder: FloatArray
    key: Hashable


class SharedCandidates:
    """Candidates for many ladders, found at once where the ladders are contiguous parts of one.

    The first request for a ladder of a family finds the candidates of the whole family; those of
    each ladder are released when they are taken. Several threads may ask at the same time.

    Parameters
    ----------
    requests : sequence of Request or None
        The ladders, in the order in which they will be asked for; None for one that will not be.
    find : callable
        See `Finder`. Called for one family at a time, and for several at once by several threads.
    n_at_once : int
        Greatest number of successive requests that share a scale space, which bounds the number of
        tables that wait in memory.
    """

    def __init__(self, requests: Sequence[Request | None], find: Finder, n_at_once: int) -> None:
        self._families: dict[int, _Family] = {}
        for start in range(0, len(requests), n_at_once):
            by_key: dict[Hashable, dict[int, FloatArray]] = {}
            for index in range(start, min(start + n_at_once, len(requests))):
                request = requests[index]
                if request is not None:
                    by_key.setdefault(request.key, {})[index] = request.ladder
            for ladders in by_key.values():
                families: list[_Family] = []
                # The longest first: others are then parts of it, and none bridges two families.
                for index, ladder in sorted(ladders.items(), key=lambda item: -len(item[1])):
                    sigmas = ladder.tolist()
                    family = next((one for one in families if one.admit(index, sigmas)), None)
                    if family is None:
                        family = _Family(index, sigmas, find)
                        families.append(family)
                    self._families[index] = family

    def take(self, index: int) -> Tables:
        """Candidates of each image for the ladder of this request; can be had once."""
        return self._families.pop(index).take(index)


class _Family:
    """Ladders that are contiguous parts of one."""

    def __init__(self, index: int, sigmas: list[float], find: Finder) -> None:
        self._ladder = sigmas
        self._members = {index: sigmas}
        self._find = find
        self._found: dict[int, Tables] = {}
        self._lock = Lock()

    def admit(self, index: int, sigmas: list[float]) -> bool:
        """Take a ladder in if it overlaps the family's, and is the same where it does."""
        ladder = self._ladder
        low, high = max(ladder[0], sigmas[0]), min(ladder[-1], sigmas[-1])
        own, its = (
            one[bisect_left(one, low) : bisect_right(one, high)] for one in (ladder, sigmas)
        )
        if low > high or own != its:
            return False
        below = sigmas[: bisect_left(sigmas, ladder[0])]
        above = sigmas[bisect_right(sigmas, ladder[-1]) :]
        self._ladder = below + ladder + above
        self._members[index] = sigmas
        return True

    def take(self, index: int) -> Tables:
        with self._lock:
            if index not in self._found:
                starts = [bisect_left(self._ladder, one[0]) for one in self._members.values()]
                lengths = map(len, self._members.values())
                parts = [(i, i + n) for i, n in zip(starts, lengths, strict=True)]
                found = self._find(index, np.array(self._ladder), parts)
                self._found = dict(zip(self._members, found, strict=True))
            return self._found.pop(index)
