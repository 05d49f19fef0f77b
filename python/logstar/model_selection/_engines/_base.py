"""What all engines share: the protocol, the record, the initial design, the absence of repeats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from scipy.stats import qmc

from logstar._validation import FloatArray
from logstar.model_selection._spaces import Point, SearchSpace

#: Finite spaces up to this size are enumerated.
MAX_ENUMERATED = 5_000
#: Greatest number of draws for each point that is wanted; after them a large space counts as
#: exhausted.
_DRAWS = 1_000
#: Distances at which a replacement for a point is looked for, as shares of a dimension's range, and
#: the number of tries at each.
_NEAR, _N_NEAR = (0.02, 0.1, 0.5), 10


class Engine(Protocol):
    """What a search needs of an optimiser.

    An engine deals in points of a `SearchSpace` and in losses, which are to be small.
    """

    def ask(self, n_points: int = 1) -> list[Point]:
        """Return up to `n_points` different points to evaluate next.

        None of them was asked or told before, unless losses are noisy. Fewer than wanted come
        where the initial design ends; none when a finite space is exhausted.
        """

    def tell(self, points: Sequence[Point], losses: Sequence[FloatArray | None]) -> None:
        """Take losses of evaluated points, all finite; None for a failure.

        Points that were never asked are taken too, and count towards the initial design.
        """

    def get_state(self) -> dict[str, Any]:
        """Return what JSON can hold and what, with all that was told, determines later asks."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over another engine's state; its history is told separately, by `tell`."""


class BaseEngine:
    """Record of points and losses; asks the initial design, then leaves it to `_propose`.

    Parameters
    ----------
    space : SearchSpace
        Where to search.
    n_initial_points : int
        Size of the initial design, a scrambled Sobol sequence.
    seed : int
        With the number of asks before, the only source of randomness of an ask.
    n_objectives : int or None, default=None
        Number of losses; None learns it from the first.
    noisy : bool, default=False
        Whether the same point may give different losses, so that asking it again makes sense.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        n_initial_points: int,
        seed: int,
        n_objectives: int | None = None,
        noisy: bool = False,
    ) -> None:
        self._space = space
        self._n_initial = n_initial_points
        self._seed = seed
        self._n_objectives = n_objectives
        self._noisy = noisy
        self._points: list[Point] = []
        self._losses: list[FloatArray | None] = []
        self._pending: list[Point] = []
        self._n_asks = 0

    def ask(self, n_points: int = 1) -> list[Point]:
        """Return up to `n_points` points: of the initial design first."""
        rng = self._next_rng()
        missing = self._n_initial - len(self._points) - len(self._pending)
        if missing > 0:
            points = self._from_design(min(n_points, missing), rng)
        else:
            points = self._propose(n_points, rng)
        self._pending.extend(points)
        return points

    def tell(self, points: Sequence[Point], losses: Sequence[FloatArray | None]) -> None:
        """Remember what was evaluated."""
        for told, row in zip(points, losses, strict=True):
            point = tuple(told)
            values = None if row is None else self._checked(np.asarray(row, dtype=np.float64))
            if point in self._pending:
                self._pending.remove(point)
            self._points.append(point)
            self._losses.append(values)

    def get_state(self) -> dict[str, Any]:
        """Return the number of asks and the points that are being evaluated."""
        return {"n_asks": self._n_asks, "pending": [list(point) for point in self._pending]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over another engine's state."""
        self._n_asks = int(state["n_asks"])
        self._pending = [tuple(point) for point in state["pending"]]

    def _propose(self, n_points: int, rng: np.random.Generator) -> list[Point]:
        """Return points to follow the initial design."""
        raise NotImplementedError

    def _checked(self, row: FloatArray) -> FloatArray:
        if self._n_objectives is None:
            self._n_objectives = row.size
        if row.shape != (self._n_objectives,) or not np.isfinite(row).all():
            raise ValueError(
                f"losses must be {self._n_objectives} finite numbers for each point, or None for "
                f"a failure, got {row!r}."
            )
        return row

    def _next_rng(self) -> np.random.Generator:
        rng = np.random.default_rng([self._seed, self._n_asks])
        self._n_asks += 1
        return rng

    # The record.

    def _valid(self) -> tuple[list[Point], FloatArray]:
        """Return the points that gave losses, and these, shape (n_valid, n_objectives)."""
        kept = [
            (p, row) for p, row in zip(self._points, self._losses, strict=True) if row is not None
        ]
        return [point for point, _ in kept], np.array([row for _, row in kept])

    def _known(self) -> set[Point]:
        return {*self._points, *self._pending}

    # New points.

    def _design(self) -> Iterator[Point]:
        """Yield the points of a scrambled Sobol sequence, block after block."""
        if not self._space.dimensions:
            yield ()
            return
        sobol = qmc.Sobol(len(self._space.dimensions), seed=self._seed)
        exponent = int(np.ceil(np.log2(max(self._n_initial, 2))))
        while sobol.num_generated + 2**exponent <= 2**20:
            yield from self._space.from_cube(sobol.random(2**exponent))

    def _from_design(self, n_points: int, rng: np.random.Generator) -> list[Point]:
        """Take the next points of the design; random ones where it holds nothing new."""
        size = self._space.size
        if size is not None and size <= self._n_initial:
            # All of the space is the design: a sequence would be drawn in vain for what is left.
            return self._unseen(rng, n_points)
        points = self._take_new(self._design(), n_points)
        if len(points) < n_points:
            points += self._unseen(rng, n_points - len(points), points)
        return points

    def _take_new(self, source: Iterable[Point], n_points: int) -> list[Point]:
        """Take the first points that are new and allowed; gives up after many that are not."""
        known = self._known()
        found: dict[Point, None] = {}
        for n_tries, point in enumerate(source):
            if len(found) == n_points or n_tries > _DRAWS * (1 + len(found)):
                break
            if point not in known and point not in found and self._space.is_valid(point):
                found[point] = None
        return list(found)

    def _unseen(
        self, rng: np.random.Generator, n_points: int, besides: Sequence[Point] = ()
    ) -> list[Point]:
        """Draw different points that are new; fewer, or none, where too few are left."""
        known = self._known().union(besides)
        if self._is_small():
            left = [point for point in self._space.enumerate() if point not in known]
            return [left[index] for index in rng.permutation(len(left))[:n_points]]
        found: dict[Point, None] = {}
        for _ in range(_DRAWS):
            found.update((p, None) for p in self._space.sample(rng, n_points) if p not in known)
            if len(found) >= n_points:
                break
        return list(found)[:n_points]

    def _allowed(
        self, point: Point, rng: np.random.Generator, excluded: set[Point]
    ) -> Point | None:
        """Return the point if it is new and allowed, or else another: a near one if possible."""
        if point not in excluded and self._space.is_valid(point):
            return point
        for scale in _NEAR:
            for near in self._space.neighbours(point, rng, _N_NEAR, scale):
                if near not in excluded:
                    return near
        return next(iter(self._unseen(rng, 1, [*excluded])), None)

    def _is_small(self) -> bool:
        """Tell whether the space is so small that all of it can be looked at."""
        return self._space.size is not None and self._space.size <= MAX_ENUMERATED
