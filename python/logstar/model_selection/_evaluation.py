"""Evaluation of one setting on one split."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from traceback import format_exc
from typing import Any

from sklearn.base import clone

from logstar._sweeping import Front, Interval

from ._outcome import SplitOutcome, Swept
from ._scoring import RewardScorer, share_predictions
from ._sklearn_private import check_method_params, safe_split

#: Row numbers to train on and to test on; None stands for all data, as they are, for both.
Split = tuple[Any, Any] | None
#: Types of values that copies of a setting share: to clone them costs more than a cheap evaluation.
_IMMUTABLE = (bool, int, float, str, type(None))


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
    swept: Mapping[str, Interval] = field(default_factory=dict)

    def check_sweep(self) -> None:
        """Let the estimator refuse what it cannot sweep, before anything is evaluated.

        Raises
        ------
        TypeError, ValueError
            For parameters or scorers that cannot be swept, and for parameters of `fit`, which a
            sweep has no way to pass on.
        """
        if not self.swept:
            return
        if passed := sorted({*self.fit_params, *self.score_params}):
            raise ValueError(
                f"sweep={list(self.swept)} cannot pass {passed} on to estimator and scorers, as "
                "one sweep fits and scores many settings; leave them out or leave `sweep` empty."
            )
        for _ in self._fronts([]):
            pass

    def sweep(
        self, settings: Sequence[Mapping[str, Any]], contexts: Iterable[Any]
    ) -> Generator[Swept, None, None]:
        """Let the estimator find the front over the swept parameters, the others at each setting.

        It is asked for all settings at once, so that it may share work between them and begin the
        next one early.
        """
        fronts: Iterator[Front] | None = None
        try:
            for index, context in enumerate(contexts):
                context.call_on_fit_task_begin(estimator=self.caller, X=self.X, y=self.y)
                start = time.perf_counter()
                front, errors, stop = None, [], False
                try:
                    if fronts is None:
                        fronts = self._fronts(settings[index:])
                    front = self._checked(next(fronts, None))
                except Exception:
                    if self.raise_errors:
                        raise
                    errors.append(format_exc())
                    # An iterator that has raised is at its end.
                    fronts = None
                finally:
                    stop = context.call_on_fit_task_end(estimator=self.caller, X=self.X, y=self.y)
                yield Swept(time.perf_counter() - start, front, errors, stop)
        finally:
            # An iterator that works ahead is to end now, not when its memory is collected.
            close = getattr(fronts, "close", None)
            if close is not None:
                close()

    def _fronts(self, settings: Sequence[Mapping[str, Any]]) -> Iterator[Front]:
        return iter(
            self._sweeper.sweep(
                self.X, self.y, settings=settings, ranges=self.swept, scorers=self.scorer.scorers
            )
        )

    def _checked(self, front: Any) -> Front:
        """Refuse what is no front of the parameters and scores that were asked for."""
        if front is None:
            raise RuntimeError("sweep has yielded fewer fronts than there are settings.")
        if not isinstance(front, Front):
            raise TypeError(
                "sweep must yield a logstar.model_selection.protocols.Front, got "
                f"{type(front).__name__}."
            )
        for wanted, columns in (
            (self.swept, front.settings),
            (self.scorer.scorers, front.scores),
        ):
            if set(wanted) != set(columns):
                raise ValueError(
                    f"the front that sweep has yielded must have the columns {sorted(wanted)}, "
                    f"got {sorted(columns)}."
                )
        return front

    @cached_property
    def _sweeper(self) -> Any:
        # One clone for all sweeps, which do not modify it: to clone takes a millisecond.
        return clone(self.estimator)

    def evaluate(self, params: Mapping[str, Any], split: Split, context: Any) -> SplitOutcome:
        """Fit a clone with `params` on one part, score it on the other."""
        estimator = clone(self.estimator)
        train, test = self._parts(estimator, split)
        X, y, fit_params, train_params = train
        X_test, y_test, _, score_params = test
        outcome = SplitOutcome()
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


def fit(estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> None:
    """Fit as scikit-learn does: an absent target is not passed."""
    if y is None:
        estimator.fit(X, **params)
    else:
        estimator.fit(X, y, **params)
