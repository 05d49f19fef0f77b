"""Contestants that take turns in one run, so that all of them meet the same machine.

Absolute times drift with the load and the clock of a machine; the ratio of two that were measured
right after one another drifts far less. So contestants run A B C A B C ..., and a ratio is the
median of those of the single rounds, given with the least and the largest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

#: Least duration of a turn in seconds; shorter calls are repeated within it. The first call after a
#: peer has filled the caches with its own data says as much about the peer as about the one that is
#: measured.
BATCH_SECONDS = 0.05


@dataclass(frozen=True)
class Contestant:
    """Something to run, and the environment variables it runs under."""

    name: str
    run: Callable[[], Any]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> Any:
        with environment(self.environment):
            return self.run()

    def seconds(self, batch_seconds: float) -> float:
        """The median duration of the calls that fit into `batch_seconds`, at least one."""
        durations: list[float] = []
        with environment(self.environment):
            while not durations or sum(durations) < batch_seconds:
                start = time.perf_counter()
                self.run()
                durations.append(time.perf_counter() - start)
        return float(np.median(durations))


@dataclass(frozen=True)
class Ratio:
    """How many times as long one takes as the other: median, least and largest over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, slower: NDArray[np.float64], faster: NDArray[np.float64]) -> Ratio:
        ratios = slower / faster
        return cls(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{_number(self.median)}x"
        return f"{_number(self.median)}x ({_number(self.low)} to {_number(self.high)})"


@dataclass(frozen=True)
class Race:
    """Durations in seconds by contestant, one for each round."""

    durations: Mapping[str, NDArray[np.float64]]

    def seconds(self, name: str) -> float:
        return float(np.median(self.durations[name]))

    def ratio(self, peer: str, ours: str) -> Ratio:
        return Ratio.of(self.durations[peer], self.durations[ours])


def race(
    contestants: Sequence[Contestant],
    rounds: int,
    *,
    batch_seconds: float = BATCH_SECONDS,
) -> Race:
    """Let contestants take turns for some rounds.

    Whoever calls this has run each of them before, if only to compare results, so none of them
    pays for imports and first allocations here. BLAS and OpenMP get one thread: peers are compared
    on one, and more of them slow scikit-optimize down where cores are few (the paper's loop of
    tuning took seven times as long on two busy cores).
    """
    durations: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    with threadpool_limits(1):
        for _ in range(rounds):
            for contestant in contestants:
                durations[contestant.name].append(contestant.seconds(batch_seconds))
    return Race({name: np.array(values) for name, values in durations.items()})


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _number(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def in_unit(seconds: float) -> str:
    """A duration with three digits and the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_number(seconds / size)} {unit}"
    return f"{_number(seconds / 1e-6)} us"
