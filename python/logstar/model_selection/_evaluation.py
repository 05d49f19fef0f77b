"""Evaluation of one setting on one split."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from traceback import format_exc
from typing import Any

from sklearn.base import clone

from ._scoring import RewardScorer, share_predictions
from ._sklearn_private import check_method_params, safe_split
from ._spaces import Dimension

#: Row numbers to train and to test on; None stands for everything, as it is, for both.
Split = tuple[Any, Any] | None


@dataclass
class Outcome:
    """What came of fitting and scoring one setting on one split; a failed score is missing."""

    fit_time: float = 0.0
    score_time: float = 0.0
    test_scores: dict[str, float] = field(default_factory=dict)
    train_scores: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


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

    def sweep(
        self, params: Mapping[str, Any], context: Any
    ) -> list[tuple[dict[str, Any], Outcome]]:
        """Let the estimator find the front over the swept parameters, the others at `params`.

        The estimator's `sweep(X, y, ranges=..., scorers=...)` returns pairs of a setting of the
        swept parameters and its scores.
        """
        estimator = clone(self.estimator)
        context.call_on_fit_task_begin(estimator=self.caller, X=self.X, y=self.y)
        start = time.perf_counter()
        front: list[tuple[dict[str, Any], dict[str, float]]] = []
        errors: list[str] = []
        try:
            estimator.set_params(**clone(dict(params), safe=False))
            front = estimator.sweep(self.X, self.y, ranges=self.swept, scorers=self.scorer.scorers)
        except Exception:
            if self.raise_errors:
                raise
            errors.append(format_exc())
        finally:
            context.call_on_fit_task_end(estimator=self.caller, X=self.X, y=self.y)
        # A sweep is one piece of work; its rows share the time that it took.
        seconds = (time.perf_counter() - start) / max(1, len(front))
        if errors:
            return [(dict(params), Outcome(fit_time=seconds, errors=errors))]
        return [
            ({**params, **setting}, Outcome(fit_time=seconds, test_scores=dict(scores)))
            for setting, scores in front
        ]

    def evaluate(self, params: Mapping[str, Any], split: Split, context: Any) -> Outcome:
        """Fit a clone with `params` on one part, score it on the other."""
        estimator = clone(self.estimator)
        train, test = self._parts(estimator, split)
        X, y, fit_params, train_params = train
        X_test, y_test, _, score_params = test
        outcome = Outcome()
        start = time.perf_counter()
        try:
            # Settings may be estimators themselves, which must not be shared between evaluations.
            estimator.set_params(**clone(dict(params), safe=False))
            with context.propagate_callback_context(estimator):
                context.call_on_fit_task_begin(estimator=self.caller, X=X, y=y)
                fit(estimator, X, y, fit_params)
        except Exception:
            if self.raise_errors:
                raise
            outcome.errors.append(format_exc())
        finally:
            context.call_on_fit_task_end(estimator=self.caller, X=X, y=y)
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


def fit(estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> None:
    """Fit as scikit-learn does: an absent target is not passed."""
    if y is None:
        estimator.fit(X, **params)
    else:
        estimator.fit(X, y, **params)
