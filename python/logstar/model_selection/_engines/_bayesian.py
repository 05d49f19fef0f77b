"""What engines with Gaussian processes share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import log_ndtr
from threadpoolctl import ThreadpoolController

from logstar._validation import FloatArray
from logstar.model_selection._spaces import Point

from ._acquisition import Score, best_of_all, most_promising
from ._base import BaseEngine
from ._surrogate import Surrogate

#: Up to `_REFINED_ALWAYS` points hyper-parameters are refined at every ask; with more points, only
#: once their number has grown by the factor `_GROWTH`, since a refinement then takes long.
_REFINED_ALWAYS = 40
_GROWTH = 1.05


class BayesianEngine(BaseEngine):
    """Proposes what promises most to Gaussian processes; a subclass says what promises.

    Failures are learnt apart: a process of success and failure multiplies what a point promises by
    the probability that it succeeds, and no losses need to be made up.
    """

    _thetas: dict[str, list[float]]
    _n_refined: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._thetas = {}
        self._n_refined = 0

    def get_state(self) -> dict[str, Any]:
        """Return the state with the hyper-parameters, from which the next fit starts."""
        return {**super().get_state(), "thetas": self._thetas, "n_refined": self._n_refined}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over another engine's state."""
        super().set_state(state)
        self._thetas = {name: list(theta) for name, theta in state["thetas"].items()}
        self._n_refined = int(state["n_refined"])

    def _propose(self, n_points: int, rng: np.random.Generator) -> list[Point]:
        if all(row is None for row in self._losses):
            return self._unseen(rng, n_points)
        # Matrices this small lose by threads: a fit on 80 points took 0.28 CPU s on one and 3.9
        # on two. One thread also makes the result independent of the machine's core count.
        with self._threads.limit(limits=1, user_api="blas"):
            return self._propose_batch(n_points, rng)

    def _propose_batch(self, n_points: int, rng: np.random.Generator) -> list[Point]:
        """Choose points one by one, each as if those before it had been evaluated as predicted."""
        self._prepare(rng)
        self._feasibility = self._fit_feasibility()
        pending = list(self._pending)
        batch: list[Point] = []
        while len(batch) < n_points:
            score = self._guarded(self._score(pending, rng))
            excluded: Collection[Point] = {*self._known(), *batch}
            if self._noisy:
                excluded = {*self._pending, *batch}
            point = self._maximise(score, excluded, rng)
            if point is None:
                break
            batch.append(point)
            pending.append(point)
        return batch

    def _prepare(self, rng: np.random.Generator) -> None:
        """Fit what an ask needs once."""
        raise NotImplementedError

    def _score(self, pending: list[Point], rng: np.random.Generator) -> Score:
        """Return what a point promises, in logarithms, given those under evaluation."""
        raise NotImplementedError

    def _incumbents(self) -> list[Point]:
        """Return the points around which to look closely."""
        raise NotImplementedError

    @cached_property
    def _threads(self) -> ThreadpoolController:
        return ThreadpoolController()

    @cached_property
    def _all_points(self) -> list[Point]:
        return list(self._space.enumerate())

    def _maximise(
        self, score: Score, excluded: Collection[Point], rng: np.random.Generator
    ) -> Point | None:
        if self._is_small():
            return best_of_all(self._space, score, self._all_points, excluded)
        incumbents = self._incumbents()
        point = most_promising(self._space, score, incumbents, excluded, rng)
        # A space with more points than are enumerated still has new ones somewhere.
        return point if point is not None else next(iter(self._unseen(rng, 1, [*excluded])), None)

    # Surrogates.

    def _is_refined(self) -> bool:
        """Decide whether this ask improves hyper-parameters, and remember it."""
        n_points = len(self._points)
        if n_points > _REFINED_ALWAYS and n_points < _GROWTH * self._n_refined:
            return False
        self._n_refined = n_points
        return True

    def _fit(
        self, name: str, encoded: FloatArray, values: FloatArray, *, refine: bool
    ) -> Surrogate:
        """Fit a surrogate from where the fit of the same name ended last time."""
        theta = self._thetas.get(name)
        surrogate = Surrogate(
            encoded, values, theta, noisy=self._noisy, refine=refine or theta is None
        )
        self._thetas[name] = surrogate.theta
        return surrogate

    def _fit_feasibility(self) -> Surrogate | None:
        if all(row is not None for row in self._losses):
            return None
        labels = np.array([1.0 if row is None else -1.0 for row in self._losses])
        # Hyper-parameters as they are by default: a label tells too little to learn them.
        return Surrogate(self._space.encode(self._points), labels, refine=False)

    def _guarded(self, score: Score) -> Score:
        """Add the logarithm of the probability of success."""
        feasibility = self._feasibility
        if feasibility is None:
            return score

        def guarded(encoded: FloatArray) -> FloatArray:
            mean, std = feasibility.predict(encoded)
            return np.asarray(score(encoded) + log_ndtr(-mean / std), dtype=np.float64)

        return guarded
