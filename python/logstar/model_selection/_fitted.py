"""What a search can be asked once it is fitted."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from logstar._data_frames import import_pandas
from logstar._estimator import KeptParameterNames
from logstar._validation import FloatArray

from ._compromise import RULES, Objective, pick_compromise
from ._evaluation import fit, unshared
from ._scoring import SINGLE, RewardScorer
from ._search_surrogate import SearchSurrogate
from ._sklearn_private import BaseSearchCV
from ._volumes import Volumes

if TYPE_CHECKING:
    from pandas import DataFrame

Rule = str | bool | Callable[[dict[str, Any]], Any]


def _estimator_has(name: str) -> Callable[[Any], bool]:
    """Tell whether a search's estimator has a method."""
    return lambda search: hasattr(getattr(search, "best_estimator_", search.estimator), name)


class FittedSearch(KeptParameterNames, BaseSearchCV):  # type: ignore[misc] # scikit-learn ships no types
    """Base of `MOBOSearchCV`: everything that follows from what `fit` has stored."""

    @property
    def hypervolume_trace_(self) -> FloatArray:
        """Hypervolume after each row of `cv_results_`; computed when it is first asked for."""
        check_is_fitted(self, "cv_results_")
        volumes: Volumes = self._volumes
        return volumes.trace

    @property
    def hypervolume_(self) -> float:
        """What the front dominates up to `ref_point_`; computed when it is first asked for."""
        check_is_fitted(self, "cv_results_")
        volumes: Volumes = self._volumes
        return volumes.last

    def select(self, rule: Rule = "euclidean") -> int:
        """Pick a setting by another rule, without a new search or fit.

        Parameters
        ----------
        rule : {"euclidean", "chebyshev", "knee"}, scorer's name, or callable; default="euclidean"
            As `refit`.

        Returns
        -------
        index : int
            Row of `cv_results_`.

        Raises
        ------
        ValueError, TypeError, IndexError
            For an unknown rule, or a callable that returns no row.
        """
        check_is_fitted(self, "cv_results_")
        if callable(rule):
            answer = rule(self.cv_results_)
            try:
                index = operator.index(answer)
            except TypeError as error:
                raise TypeError(
                    f"The rule must return the index of a row, got {answer!r}."
                ) from error
            if not 0 <= index < self.n_evaluations_:
                raise IndexError(
                    f"The rule returned the row {index}; there are rows 0 to "
                    f"{self.n_evaluations_ - 1}."
                )
            return index
        name = "euclidean" if rule is True else self._own_name(rule)
        if name not in (*RULES, *self.objective_names_):
            raise ValueError(
                f"rule={rule!r} must be one of {(*RULES, *self.objective_names_)} or a callable."
            )
        objectives: tuple[Objective, ...] = self._objectives
        losses = np.column_stack(
            [o.sign * self.cv_results_[f"objective_{o.name}"] for o in objectives]
        )
        return pick_compromise(losses, objectives, str(name))

    def _own_name(self, rule: Rule) -> Rule:
        """Turn what `scoring` calls the only scorer into what the results call it."""
        return SINGLE if isinstance(self.scoring, str) and rule == self.scoring else rule

    def estimator_at(self, index: int, X: Any = None, y: Any = None, **params: Any) -> Any:
        """Fit the estimator with the setting of any row of `cv_results_`.

        Parameters
        ----------
        index : int
            Row of `cv_results_`: one of `pareto_indices_`, or what `select` returns.
        X : array-like, image or stack of images, default=None
            What to fit to. None takes the data of the last `fit` with its parameters; a search
            that was pickled does not hold them any more.
        y : array-like or None, default=None
            Target or reference for `X`.
        **params : dict
            Passed to the estimator's `fit` along with `X`.

        Returns
        -------
        estimator : estimator object
            A clone with the setting, fitted; `best_estimator_` stays as it is.

        Raises
        ------
        IndexError
            If there is no such row.
        ValueError
            If `X` is needed, or there are `y` or `params` without it.
        """
        check_is_fitted(self, "cv_results_")
        row = operator.index(index)
        if not 0 <= row < self.n_evaluations_:
            raise IndexError(
                f"There is no row {index} of cv_results_; there are rows 0 to "
                f"{self.n_evaluations_ - 1}."
            )
        if X is None:
            if y is not None or params:
                raise ValueError("y and parameters of fit go with X, but X is None.")
            if not hasattr(self, "_fitted_to"):
                raise ValueError(
                    "This search was pickled and no longer holds what it was fitted to; give X."
                )
            X, y, params = self._fitted_to
        estimator = clone(self.estimator).set_params(**unshared(self.cv_results_["params"][row]))
        fit(estimator, X, y, params)
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        # The data are left out: they do not belong in the file of a model.
        return {name: v for name, v in super().__getstate__().items() if name != "_fitted_to"}

    def scores(self, X: Any, y: Any = None, **params: Any) -> dict[str, float]:
        """Score the best estimator by every scorer.

        Parameters
        ----------
        X : array-like, image or stack of images
            New data.
        y : array-like or None, default=None
            As scorers need it.
        **params : dict
            Metadata for the scorers; `sample_weight` only, unless scikit-learn's metadata routing
            is enabled.

        Returns
        -------
        scores : dict of str to float
            Greater is better.

        Raises
        ------
        AttributeError
            If no estimator was fitted, with ``refit=False``.
        ValueError
            For other metadata without routing.
        """
        if not self.refit:
            raise AttributeError(
                "With refit=False there is no best estimator; fit one with a setting of "
                "`pareto_params_`, or search with another `refit`."
            )
        check_is_fitted(self, "best_estimator_")
        unknown = sorted(params.keys() - {"sample_weight"})
        if unknown and not get_config()["enable_metadata_routing"]:
            raise ValueError(
                f"{unknown} reach no scorer: without metadata routing, which "
                "sklearn.set_config(enable_metadata_routing=True) enables, scorers take "
                "sample_weight only."
            )
        scorer: RewardScorer = self._reward_scorer
        return scorer(self.best_estimator_, X, y, **params)

    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """Score the best estimator by the scorer that `refit` names, else by the first.

        Parameters
        ----------
        X : array-like, image or stack of images
            New data.
        y : array-like or None, default=None
            As scorers need it.
        **params : dict
            As `scores` takes it.

        Returns
        -------
        score : float
            Greater is better.
        """
        scores = self.scores(X, y, **params)
        rule = self._own_name(self.refit)
        named = isinstance(rule, str) and rule in scores
        return scores[str(rule)] if named else next(iter(scores.values()))

    def surrogate(self, objective: str | None = None) -> SearchSurrogate:
        """Learn a model of one objective from all evaluations.

        Parameters
        ----------
        objective : str or None, default=None
            One of `objective_names_`; None is the first.

        Returns
        -------
        surrogate : SearchSurrogate
            Predicts the objective, with its uncertainty, at settings that were not evaluated.

        Raises
        ------
        ValueError
            For an unknown objective.
        """
        check_is_fitted(self, "cv_results_")
        names: tuple[str, ...] = self.objective_names_
        name = names[0] if objective is None else objective
        if name not in names:
            raise ValueError(f"objective={objective!r} must be one of {names}.")
        chosen: Objective = self._objectives[names.index(name)]
        return SearchSurrogate.from_search(self, chosen)

    @available_if(_estimator_has("set_output"))  # type: ignore[untyped-decorator]
    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what the estimator's `transform` returns, as scikit-learn's `set_output`.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            The container; None leaves it.

        Returns
        -------
        self : MOBOSearchCV
        """
        self.estimator.set_output(transform=transform)
        if hasattr(self, "best_estimator_"):
            self.best_estimator_.set_output(transform=transform)
        return self

    def to_frame(self, *, front_only: bool = False) -> DataFrame:
        """Return the evaluations as a table.

        Parameters
        ----------
        front_only : bool, default=False
            Whether to leave out what is not on the Pareto front.

        Returns
        -------
        frame : pandas.DataFrame
            Parameters, objectives in their own signs, whether and in which rank of front, and
            seconds; indexed as `cv_results_`, the rest of which has the single scores.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        check_is_fitted(self, "cv_results_")
        pandas = import_pandas()
        results = self.cv_results_
        columns: dict[str, Any] = {
            name: np.where(values.mask, None, values.data) if values.mask.any() else values.data
            for name, values in results.items()
            if name.startswith("param_")
        }
        columns |= {name: v for name, v in results.items() if name.startswith("objective_")}
        for name in ("is_pareto", "pareto_rank", "mean_fit_time", "mean_score_time", "ask_time"):
            columns[name] = results[name]
        frame = pandas.DataFrame(columns)
        return frame[frame["is_pareto"]] if front_only else frame
