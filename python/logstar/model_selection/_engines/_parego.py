"""ParEGO: expected improvement of one random weighted norm after another."""

from __future__ import annotations

import numpy as np

from logstar._validation import FloatArray
from logstar.model_selection._spaces import Point
from logstar.pareto import is_non_dominated

from ._acquisition import Score
from ._bayesian import BayesianEngine
from ._improvement import log_expected_improvement

#: Weight of the sum beside the maximum in the augmented Chebyshev norm (Knowles 2006, section III).
_RHO = 0.05


class ParEGO(BayesianEngine):
    """Bayesian optimisation of randomly weighted Chebyshev norms.

    Each proposal draws weights, turns all losses seen into one number each, fits a Gaussian
    process to these and takes the point of largest expected improvement. Any number of objectives;
    with one this is plain Bayesian optimisation.

    Parameters
    ----------
    **kwargs
        As `BaseEngine`.

    References
    ----------
    J. Knowles, ParEGO, IEEE Transactions on Evolutionary Computation 10 (2006) 50.
    """

    def _prepare(self, rng: np.random.Generator) -> None:  # noqa: ARG002 - `_score` draws
        points, self._table = self._valid()
        self._encoded = self._space.encode(points)
        on_front = is_non_dominated(self._table)
        self._front_points = [p for p, is_on in zip(points, on_front, strict=True) if is_on]
        self._refine = self._is_refined()

    def _score(self, pending: list[Point], rng: np.random.Generator) -> Score:
        values = scalarise(self._table, rng)
        surrogate = self._fit("norm", self._encoded, values, refine=self._refine)
        best = float(surrogate.predict(self._encoded)[0].min() if self._noisy else values.min())
        if pending:
            encoded = self._space.encode(pending)
            best = min(best, float(surrogate.predict(encoded)[0].min()))
            surrogate.believe(encoded)
        return lambda encoded: log_expected_improvement(*surrogate.predict(encoded), best)

    def _incumbents(self) -> list[Point]:
        return self._front_points


def scalarise(losses: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Turn losses into one number each by an augmented Chebyshev norm with random weights.

    Losses are measured from the best seen in units of the front's range; beyond one unit they
    grow as the logarithm, because counts of atoms can miss by a factor of 40 and such outliers
    would flatten the surrogate over all that matters.

    Parameters
    ----------
    losses : ndarray of shape (n_points, n_objectives)
        All finite.
    rng : Generator
        Draws the weights, evenly over the simplex.

    Returns
    -------
    values : ndarray of shape (n_points,)
        All finite.
    """
    front = losses[is_non_dominated(losses)]
    excess = losses - front.min(axis=0)
    unit = np.ptp(front, axis=0)
    for column in np.flatnonzero(unit <= 0):
        # All of the front agrees, as it does with one objective: the typical excess is the unit.
        positive = excess[excess[:, column] > 0, column]
        unit[column] = np.median(positive) if len(positive) else 1.0
    excess /= unit
    excess = np.where(excess > 1, 1 + np.log(np.maximum(excess, 1)), excess)
    weighted = rng.dirichlet(np.ones(losses.shape[1])) * excess
    norms: FloatArray = weighted.max(axis=1) + _RHO * weighted.sum(axis=1)
    return norms
