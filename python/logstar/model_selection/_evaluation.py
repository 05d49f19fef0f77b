"""Evaluation of one setting on one split."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn.base import clone

from logstar._validation import FloatArray

from ._scoring import RewardScorer, share_predictions
from ._sklearn_private import check_method_params, safe_split
from ._spaces import Dimension

#: Row numbers to train and to test on; None stands for everything, as it is, for both.
Split = tuple[Any, Any] | None
#: Values that copies may share; cloning costs more than a cheap evaluation.
_IMMUTABLE = (bool, int, float, str, type(None))


@dataclass
class Outcome:
    """What came of fitting and scoring one setting on one split; a failed score is missing."""

    fit_time: float = 0.0
    score_time: float = 0.0
    test_scores: dict[str, float] = field(default_factory=dict)
    train_scores: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    #: Whether a callback of scikit-learn wants the search to end.
    stop: bool = False


@dataclass
class Swept:
    """The front that an estimator found over its swept parameters, as columns.

    Parameters
    ----------
    fit_time : float
        Seconds that the whole took.
    settings, scores : dict of str to ndarray of shape (n_rows,)
        Values of the swept parameters, and what they score.
    details : dict of str to ndarray of shape (n_rows,)
        What else the estimator tells of them.
    errors : list of str
        Why there is none.
    stop : bool
        Whether a callback of scikit-learn wants the search to end.
    """

    fit_time: float = 0.0
    settings: dict[str, FloatArray] = field(default_factory=dict)
    scores: dict[str, FloatArray] = field(default_factory=dict)
    details: dict[str, FloatArray] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    stop: bool = False


@dataclass(frozen=True)
class Task:
    """What all evaluations of a search have in common; travels to the workers."""

    estimator: Any
    scorer: RewardScorer
    X: Any
    y: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    return_train_score: bool
    raise_errors: bool
    caller: Any
    swept: Mapping[str, Dimension] = field(default_factory=dict)

    def sweeps(
        self, settings: Sequence[Mapping[str, Any]], contexts: Iterable[Any]
    ) -> Generator[Swept, None, None]:
        """Let the estimator find the front over the swept parameters, the others at each setting.

        Its `sweeps(X, y, settings=..., ranges=..., scorers=...)` yields them in order, so that it
        may share work between settings and go ahead of us; or else it has `sweep(X, y, ranges=...,
        scorers=...)` for one. A front is a list of pairs of a setting of the swept parameters and
        its scores, or all settings, all scores and perhaps further details as dicts of columns.
        """
        fronts: Iterator[Any] | None = None
        try:
            for index, context in enumerate(contexts):
                context.call_on_fit_task_begin(estimator=self.caller, X=self.X, y=self.y)
                start = time.perf_counter()
                outcome = Swept()
                try:
                    if fronts is None:
                        fronts = self._fronts(settings[index:])
                    columns = _as_columns(next(fronts))
                    outcome.settings, outcome.scores, outcome.details = columns
                except Exception:
                    if self.raise_errors:
                        raise
                    outcome.errors.append(format_exc())
                    # An iterator that has raised is at its end.
                    fronts = None
                finally:
                    outcome.stop = context.call_on_fit_task_end(
                        estimator=self.caller, X=self.X, y=self.y
                    )
                outcome.fit_time = time.perf_counter() - start
                yield outcome
        finally:
            # What it has in hand is not waited for until somebody collects it.
            close = getattr(fronts, "close", None)
            if close is not None:
                close()

    def _fronts(self, settings: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
        given = {"ranges": self.swept, "scorers": self.scorer.scorers}
        estimator = self._sweeper
        if hasattr(estimator, "sweeps"):
            return iter(estimator.sweeps(self.X, self.y, settings=settings, **given))
        return (
            estimator.set_params(**unshared(params)).sweep(self.X, self.y, **given)
            for params in settings
        )

    @cached_property
    def _sweeper(self) -> Any:
        # One for all sweeps, which leave nothing fitted behind: a clone takes a millisecond.
        return clone(self.estimator)

    def evaluate(self, params: Mapping[str, Any], split: Split, context: Any) -> Outcome:
        """Fit a clone with `params` on one part, score it on the other."""
        estimator = clone(self.estimator)
        train, test = self._parts(estimator, split)
        X, y, fit_params, train_params = train
        X_test, y_test, _, score_params = test
        outcome = Outcome()
        told = {"X": X, "y": y, "metadata": metadata_of(fit_params)}
        start = time.perf_counter()
        try:
            estimator.set_params(**unshared(params))
            with context.propagate_callback_context(estimator):
                context.call_on_fit_task_begin(estimator=self.caller, **told)
                fit(estimator, X, y, fit_params)
        except Exception:
            if self.raise_errors:
                raise
            outcome.errors.append(format_exc())
        finally:
            outcome.stop = context.call_on_fit_task_end(estimator=self.caller, **told)
        fitted = time.perf_counter()
        outcome.fit_time = fitted - start
        if not outcome.errors:
            shared = share_predictions(estimator)
            errors = None if self.raise_errors else outcome.errors
            outcome.test_scores = self.scorer.score(shared, X_test, y_test, score_params, errors)
            outcome.score_time = time.perf_counter() - fitted
            if self.return_train_score:
                outcome.train_scores = self.scorer.score(shared, X, y, train_params, errors)
        return outcome

    def _parts(self, estimator: Any, split: Split) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return (X, y, parameters of fit, parameters of the scorers) to train and to test."""
        if split is None:
            # The very objects: nothing is copied, and estimators may recognise their input.
            everything = (self.X, self.y, self.fit_params, self.score_params)
            return everything, everything
        train, test = split
        parts = []
        for rows, kernel_columns in ((train, None), (test, train)):
            X, y = safe_split(estimator, self.X, self.y, rows, kernel_columns)
            parts.append(
                (
                    X,
                    y,
                    check_method_params(self.X, params=self.fit_params, indices=rows),
                    check_method_params(self.X, params=self.score_params, indices=rows),
                )
            )
        return parts[0], parts[1]


def metadata_of(fit_params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Choose what scikit-learn's callbacks are told beside the data: the weights, if any."""
    weights = fit_params.get("sample_weight")
    return None if weights is None else {"sample_weight": weights}


def unshared(params: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a setting for one evaluation: estimators among its values must not be shared."""
    return {
        name: value if isinstance(value, _IMMUTABLE) else clone(value, safe=False)
        for name, value in params.items()
    }


def _as_columns(
    front: Any,
) -> tuple[dict[str, FloatArray], dict[str, FloatArray], dict[str, FloatArray]]:
    if isinstance(front, tuple) and front and isinstance(front[0], Mapping):
        settings, scores, details = front if len(front) > 2 else (*front, {})
    else:
        settings, scores = (
            {name: [row[part][name] for row in front] for name in (front[0][part] if front else ())}
            for part in (0, 1)
        )
        details = {}
    return _as_arrays(settings), _as_arrays(scores), _as_arrays(details)


def _as_arrays(columns: Mapping[str, Any]) -> dict[str, FloatArray]:
    return {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}


def fit(estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> None:
    """Fit as scikit-learn does: an absent target is not passed."""
    if y is None:
        estimator.fit(X, **params)
    else:
        estimator.fit(X, y, **params)
