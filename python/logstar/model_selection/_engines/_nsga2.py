"""NSGA-II of pymoo: a genetic algorithm, for evaluations that cost next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from logstar._validation import FloatArray
from logstar.model_selection._spaces import Choice, Point

from ._base import BaseEngine


class NSGA2Search(BaseEngine):
    """Generations of offspring of the best points seen, by pymoo's operators.

    Points are rows of the unit cube to it. The parents of a generation are the survivors among all
    that was told, so a search is resumed from its history alone.

    Parameters
    ----------
    population : int, default=20
        Size of a generation.
    **kwargs
        As `BaseEngine`.

    References
    ----------
    K. Deb et al., IEEE Transactions on Evolutionary Computation 6 (2002) 182.
    """

    def __init__(self, *args: Any, population: int = 20, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._population = population
        self._queue: list[Point] = []

    def get_state(self) -> dict[str, Any]:
        """Return the state with the offspring that are still to be asked."""
        return {**super().get_state(), "queue": [list(point) for point in self._queue]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over another engine's state."""
        super().set_state(state)
        self._queue = [tuple(point) for point in state["queue"]]

    def _propose(self, n_points: int, rng: np.random.Generator) -> list[Point]:
        found: list[Point] = []
        while len(found) < n_points:
            if not self._queue:
                self._queue = self._generation(rng, found)
            if not self._queue:
                break
            found.append(self._queue.pop(0))
        return found

    def _generation(self, rng: np.random.Generator, besides: list[Point]) -> list[Point]:
        """Mate the survivors; what is not new or not allowed gives way to random points."""
        points, losses = self._valid()
        known = self._known().union(besides)
        offspring: list[Point] = []
        if len(points) > 1:
            rows = self._offspring(self._to_cube(points), losses, int(rng.integers(2**31)))
            offspring = [
                point
                for point in dict.fromkeys(self._space.from_cube(rows))
                if point not in known and self._space.is_valid(point)
            ]
        missing = self._population - len(offspring)
        return offspring + self._unseen(rng, missing, [*besides, *offspring])

    def _offspring(self, rows: FloatArray, losses: FloatArray, seed: int) -> FloatArray:
        # Late, as the package is an extra.
        from pymoo.algorithms.moo.nsga2 import NSGA2  # noqa: PLC0415
        from pymoo.core.population import Population  # noqa: PLC0415
        from pymoo.core.problem import Problem  # noqa: PLC0415

        problem = Problem(n_var=rows.shape[1], n_obj=losses.shape[1], xl=0.0, xu=1.0)
        seen = Population.new("X", rows, "F", losses)
        for individual in seen:
            individual.evaluated.update({"F", "G", "H"})
        algorithm = NSGA2(pop_size=self._population, sampling=seen)
        algorithm.setup(problem, seed=seed, verbose=False)
        parents = algorithm.survival.do(
            problem,
            seen,
            n_survive=min(self._population, len(seen)),
            random_state=algorithm.random_state,
        )
        algorithm.initialization.sampling = parents
        algorithm.tell(infills=algorithm.ask())
        offspring = algorithm.ask()
        empty = np.empty((0, rows.shape[1]))
        return empty if offspring is None else np.asarray(offspring.get("X"), dtype=np.float64)

    def _to_cube(self, points: list[Point]) -> FloatArray:
        columns = []
        for dimension, numbers in zip(self._space.dimensions, np.array(points).T, strict=True):
            if isinstance(dimension, Choice):
                shares = np.full(dimension.size, 1 / dimension.size)
                ends = np.cumsum(shares if dimension.prior is None else dimension.prior)
                starts = np.concatenate([[0.0], ends[:-1]])
                columns.append((starts + ends)[numbers.astype(np.int64)] / 2)
            else:
                columns.append(dimension.to_unit(numbers))
        return np.column_stack(columns)
