"""A model of one objective over the whole space, learnt from a search that has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from logstar._validation import FloatArray

from ._compromise import Objective
from ._engines._policies import Warp
from ._engines._surrogate import Surrogate
from ._spaces import Choice, Point, SearchSpace

#: Greatest number of evaluations that are fitted; more are thinned out evenly, since the time of a
#: fit grows with the third power of their number.
_MAX_POINTS = 300
_N_PERMUTED = 2_000


class SearchSurrogate:
    """What a search has learnt of one objective: a Gaussian process over its parameters.

    Made by `MOBOSearchCV.surrogate`. Objectives with heavy tails are compressed by a logarithm
    beyond the median excess over the best before they are learnt.

    Parameters
    ----------
    space : SearchSpace
        The parameters.
    points : list of tuple
        Evaluated settings, as points of the space.
    losses : ndarray of shape (n_points,)
        What they gave; finite.
    objective : Objective
        What the losses mean.

    Attributes
    ----------
    parameter_names : tuple of str
        The parameters that vary; ``"branch"`` is the choice among several search spaces.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.linear_model import Ridge
    >>> from logstar.model_selection import MOBOSearchCV
    >>> X, y = make_regression(n_samples=40, n_features=5, noise=10, random_state=0)
    >>> space = {"alpha": (1e-3, 1e3, "log-uniform")}
    >>> search = MOBOSearchCV(Ridge(), space, scoring="r2", n_iter=12, cv=4, random_state=0)
    >>> surrogate = search.fit(X, y).surrogate("score")
    >>> surrogate.parameter_names
    ('alpha',)
    >>> median, bounds = surrogate.predict([{"alpha": 0.1}, {"alpha": 1e3}])
    >>> bool(median[0] > median[1])
    True
    """

    def __init__(
        self,
        space: SearchSpace,
        points: Sequence[Point],
        losses: FloatArray,
        objective: Objective,
    ) -> None:
        self._space = space
        self._objective = objective
        column = losses[:, np.newaxis]
        self._warp = Warp.from_losses(column)
        kept = np.unique(np.linspace(0, len(points) - 1, _MAX_POINTS).round().astype(np.int64))
        # Matrices this small lose by threads.
        with threadpool_limits(1, user_api="blas"):
            self._model = Surrogate(
                space.encode([points[index] for index in kept]), self._warp(column[kept])[:, 0]
            )
        self.parameter_names = space.dimension_names

    def __repr__(self) -> str:
        return f"SearchSurrogate(objective={self._objective.name!r}, of={self.parameter_names})"

    @classmethod
    def from_search(cls, search: Any, objective: Objective) -> Self:
        """Learn from the results of a fitted search.

        Parameters
        ----------
        search : MOBOSearchCV
            Fitted.
        objective : Objective
            Which of its objectives.

        Returns
        -------
        surrogate : SearchSurrogate
            What was learnt.
        """
        space = SearchSpace(search.search_spaces)
        results = search.cv_results_
        values = results[f"objective_{objective.name}"]
        losses: dict[Point, float] = {}
        for row in np.flatnonzero(np.isfinite(values)):
            point = space.encode_params(results["params"][row])
            losses.setdefault(point, float(objective.sign * values[row]))
        return cls(
            space,
            list(losses),
            np.array(list(losses.values())),
            objective,
        )

    def predict(self, settings: Sequence[Mapping[str, Any]]) -> tuple[FloatArray, FloatArray]:
        """Predict the objective at settings in the search space.

        Parameters
        ----------
        settings : sequence of dict
            Parameters that vary; such as have a single value may be left out.

        Returns
        -------
        median : ndarray of shape (n_settings,)
            In the objective's own sign.
        bounds : ndarray of shape (n_settings, 2)
            Lower and upper end of the interval that holds it with a probability of 0.95.

        Raises
        ------
        ValueError
            For a setting outside the space.
        """
        return self._predict([self._space.encode_params(setting) for setting in settings])

    def _predict(self, points: Sequence[Point]) -> tuple[FloatArray, FloatArray]:
        mean, std = self._model.predict(self._space.encode(points))
        table = np.column_stack([mean, mean - 1.96 * std, mean + 1.96 * std])
        values = self._objective.from_loss(self._unwarp(table))
        return values[:, 0], np.sort(values[:, 1:], axis=1)

    def _unwarp(self, warped: FloatArray) -> FloatArray:
        best, unit = float(self._warp.best[0]), float(self._warp.unit[0])
        if not np.isfinite(unit):
            return warped
        excess = (warped - best) / unit
        # The exponential must stay within the range of floats where the model is least sure.
        beyond = best + unit * np.exp(np.clip(excess - 1, 0.0, 50.0))
        return np.where(excess > 1, beyond, warped)

    def slice(
        self, name: str, setting: Mapping[str, Any], n_values: int = 101
    ) -> tuple[list[Any], FloatArray, FloatArray]:
        """Predict along one parameter, the others held.

        Parameters
        ----------
        name : str
            One of `parameter_names`, but not ``"branch"``.
        setting : dict
            Where to hold the others.
        n_values : int, default=101
            How many values to take of an interval, evenly in its prior.

        Returns
        -------
        values : list
            Of the parameter: those in the interval, or all choices.
        median, bounds : ndarray
            As `predict` returns them.
        """
        point = self._space.encode_params(setting)
        place = self._place(name, point)
        dimension = self._space.dimensions[place]
        if isinstance(dimension, Choice):
            numbers = np.arange(dimension.size)
        else:
            numbers = np.unique(dimension.from_unit(np.linspace(0, 1, n_values)))
        values: list[Any] = numbers.tolist()
        points = [(*point[:place], value, *point[place + 1 :]) for value in values]
        return [dimension.decode(value) for value in values], *self._predict(points)

    def _place(self, name: str, point: Point) -> int:
        """Find a parameter's dimension among those that apply to a point."""
        branch = self._space.branches[int(point[0]) if len(self._space.branches) > 1 else 0]
        if name not in branch.places:
            raise ValueError(f"{name!r} does not vary there; {list(branch.places)} do.")
        return branch.places[name]

    def importances(self, random_state: int = 0) -> FloatArray:
        """Tell how much of the objective's variation each parameter takes part in.

        Parameters
        ----------
        random_state : int, default=0
            Seed of the settings at which the model is asked.

        Returns
        -------
        importances : ndarray of shape (n_parameters,)
            From 0, without influence, to 1, all variation; in the order of `parameter_names`.
            They add up to more than 1 where parameters act together.

        Notes
        -----
        Permutation importance of the model: half the mean squared change of its prediction when
        one parameter is drawn anew, over its variance. That is the total-effect index of Sobol,
        by the estimator of Jansen (Computer Physics Communications 117 (1999) 35). Objectives
        with heavy tails count as they were learnt.
        """
        rng = np.random.default_rng(random_state)
        n_dimensions = len(self._space.dimensions)
        cube = rng.uniform(size=(_N_PERMUTED, n_dimensions))
        before = self._model.predict(self._space.encode(self._space.from_cube(cube)))[0]
        variance = float(before.var())
        if variance == 0:
            return np.zeros(n_dimensions)
        found = np.empty(n_dimensions)
        for place in range(n_dimensions):
            changed = cube.copy()
            changed[:, place] = rng.permutation(changed[:, place])
            after = self._model.predict(self._space.encode(self._space.from_cube(changed)))[0]
            found[place] = np.mean((after - before) ** 2) / (2 * variance)
        return np.minimum(found, 1.0)
