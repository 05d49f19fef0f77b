"""Optuna's samplers."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from logstar.model_selection._spaces import Choice, Integer, Point

from ._base import BaseEngine

_SAMPLERS = ("tpe", "gp")


class OptunaSearch(BaseEngine):
    """Asks a study of Optuna, whose sampler is seeded anew at each ask.

    Parameters
    ----------
    sampler : {"tpe", "gp"}, default="tpe"
        The tree-structured Parzen estimator, which costs milliseconds an ask, or Optuna's Gaussian
        process, which needs PyTorch.
    **kwargs
        As `BaseEngine`.

    References
    ----------
    T. Akiba et al., KDD 2019; Y. Ozaki et al., J. Artif. Intell. Res. 73 (2022) 1209.
    """

    def __init__(self, *args: Any, sampler: str = "tpe", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sampler not in _SAMPLERS:
            raise ValueError(f"sampler={sampler!r} must be one of {_SAMPLERS}.")
        self._sampler = sampler

    def _propose(self, n_points: int, rng: np.random.Generator) -> list[Point]:
        if all(row is None for row in self._losses):
            return self._unseen(rng, n_points)
        found: list[Point] = []
        with warnings.catch_warnings(), self._threads.limit(limits=1):
            warnings.simplefilter("ignore")  # samplers and options that Optuna calls experimental
            study = self._make_study(int(rng.integers(2**31)))
            while len(found) < n_points:
                # Trials that run keep the sampler from asking the same again.
                trial = study.ask(self._distributions)
                numbers = [trial.params[str(i)] for i in range(len(self._space.dimensions))]
                excluded = self._known().union(found)
                point = self._allowed(self._space.nearest(numbers), rng, excluded)
                if point is None:
                    break
                found.append(point)
        return found

    def _make_study(self, seed: int) -> Any:
        """Make a study of all that was told; a sampler of its own keeps asks independent."""
        samplers, trial = self._optuna.samplers, self._optuna.trial
        options = {"seed": seed, "n_startup_trials": 0}
        if self._sampler == "gp":
            sampler = samplers.GPSampler(**options, deterministic_objective=not self._noisy)
        else:
            sampler = samplers.TPESampler(**options, multivariate=True, constant_liar=True)
        logging = self._optuna.logging
        verbosity = logging.get_verbosity()
        # It would announce a study at each ask.
        logging.set_verbosity(logging.WARNING)
        try:
            study = self._optuna.create_study(
                directions=["minimize"] * (self._n_objectives or 1), sampler=sampler
            )
        finally:
            logging.set_verbosity(verbosity)
        states = trial.TrialState
        trials = [
            (point, states.FAIL if losses is None else states.COMPLETE, losses)
            for point, losses in zip(self._points, self._losses, strict=True)
        ]
        trials += [(point, states.RUNNING, None) for point in self._pending]
        study.add_trials(
            [
                trial.create_trial(
                    state=state,
                    params={str(i): number for i, number in enumerate(point)},
                    distributions=self._distributions,
                    values=None if losses is None else losses.tolist(),
                )
                for point, state, losses in trials
            ]
        )
        return study

    @cached_property
    def _threads(self) -> ThreadpoolController:
        return ThreadpoolController()

    @cached_property
    def _optuna(self) -> Any:
        # Late, as the package is an extra.
        import optuna  # noqa: PLC0415

        return optuna

    @cached_property
    def _distributions(self) -> dict[str, Any]:
        kinds = self._optuna.distributions
        found: dict[str, Any] = {}
        for i, dimension in enumerate(self._space.dimensions):
            if isinstance(dimension, Choice):
                found[str(i)] = kinds.CategoricalDistribution(list(range(dimension.size)))
            else:
                kind = (
                    kinds.IntDistribution
                    if isinstance(dimension, Integer)
                    else kinds.FloatDistribution
                )
                found[str(i)] = kind(dimension.low, dimension.high, log=dimension.log)
        return found
