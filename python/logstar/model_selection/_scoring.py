"""Several scorers that share the estimator's predictions."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from traceback import format_exc
from typing import Any

from sklearn import get_config
from sklearn.metrics import check_scoring
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from ._compromise import Objective
from ._sklearn_private import check_multimetric_scoring

#: Methods whose results scorers ask for again and again.
_SHARED_METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
#: scikit-learn's name for the score where there is only one.
SINGLE = "score"

Scorer = Callable[..., Any]


class RewardScorer:
    """Calls every scorer with the same estimator, which predicts each input only once.

    Parameters
    ----------
    scorers : dict of str to callable
        The scorers by name.
    single : bool, default=False
        Whether this is one unnamed scorer, which may return a dict of scores instead of a number.
    """

    def __init__(self, scorers: dict[str, Scorer], *, single: bool = False) -> None:
        self.scorers = scorers
        self.single = single

    @classmethod
    def from_scoring(cls, estimator: Any, scoring: Any) -> RewardScorer:
        """Make one of what scikit-learn takes as `scoring`."""
        if scoring is None or isinstance(scoring, str) or callable(scoring):
            return cls({SINGLE: check_scoring(estimator, scoring)}, single=True)
        return cls(check_multimetric_scoring(estimator, scoring))

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the scores; None if they are known only after the first call."""
        callable_may_name = self.single and not hasattr(self.scorers[SINGLE], "_score_func")
        return None if callable_may_name else tuple(self.scorers)

    def objectives(self, names: tuple[str, ...]) -> tuple[Objective, ...]:
        """Read what the scorer behind each score declares."""
        return tuple(
            Objective.from_scorer(name, self.scorers[SINGLE if self.single else name])
            for name in names
        )

    def __call__(self, estimator: Any, X: Any, y: Any = None, **params: Any) -> dict[str, float]:
        """Return every score; the first error is raised."""
        return self.score(share_predictions(estimator), X, y, params)

    def score(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        params: Mapping[str, Any],
        errors: list[str] | None = None,
    ) -> dict[str, float]:
        """Return the scores that could be had; errors go into `errors`, or are raised if None."""
        routed = self._route(params)
        given = (X,) if y is None else (X, y)
        scores: dict[str, float] = {}
        for name, scorer in self.scorers.items():
            try:
                result = scorer(estimator, *given, **routed[name])
            except Exception:
                if errors is None:
                    raise
                errors.append(format_exc())
                continue
            named = result if self.single and isinstance(result, Mapping) else {name: result}
            scores.update({key: _as_number(value, key) for key, value in named.items()})
        return scores

    def _route(self, params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Tell which of `params` each scorer gets."""
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "score", **params)
            return {name: routed[name].score for name in self.scorers}
        return {
            name: dict(params) if accepts_sample_weight(scorer) else {}
            for name, scorer in self.scorers.items()
        }

    def get_metadata_routing(self) -> Any:
        """Tell scikit-learn which metadata the scorers request."""
        mapping = MethodMapping().add(caller="score", callee="score")
        return MetadataRouter(owner=self).add(method_mapping=mapping, **self.scorers)


def check_scorers(scorers: Mapping[str, Scorer], *, has_target: bool) -> None:
    """Refuse scorers that no evaluation could call, before the first one.

    Raises
    ------
    TypeError
        If a scorer is a class, or cannot be called with the estimator and the data.
    ValueError
        If it compares predictions with a target and there is none.
    TypeError, ValueError
        Whatever the method `check_scorable` of a scorer raises, if it has one.
    """
    for name, scorer in scorers.items():
        if isinstance(scorer, type):
            raise TypeError(
                f"The scorer {name!r} is the class {scorer.__name__}; give an object of it: "
                f"{scorer.__name__}(...)."
            )
        # scikit-learn's scorers by name, or of `make_scorer`.
        if not has_target and hasattr(scorer, "_score_func"):
            raise ValueError(
                f"The scorer {name!r} compares predictions with a target, but fit was given none "
                "(y=None)."
            )
        # Such as rewards: they know what they need.
        if hasattr(scorer, "check_scorable"):
            try:
                scorer.check_scorable(has_target=has_target)
            except (TypeError, ValueError) as error:
                raise type(error)(f"The scorer {name!r}: {error}") from None
        given = ("estimator", "X", "y") if has_target else ("estimator", "X")
        try:
            parameters = signature(scorer)
        except (TypeError, ValueError):
            continue  # written in C; the first call tells
        try:
            parameters.bind(*given)
        except TypeError as error:
            raise TypeError(
                f"The scorer {name!r} cannot be called with ({', '.join(given)}), as it will be "
                f"{'where fit is given y' if has_target else 'where fit is given no y'}: {error}."
            ) from None


def accepts_sample_weight(scorer: Any) -> bool:
    """Tell whether a scorer takes `sample_weight`, the only metadata passed on without routing."""
    own_answer = getattr(scorer, "_accept_sample_weight", None)
    if own_answer is not None:
        return bool(own_answer())
    return "sample_weight" in signature(scorer).parameters


def share_predictions(estimator: Any) -> Any:
    """Copy a fitted estimator such that its predictions are computed once for each input.

    The copy is shallow: fitted attributes are the estimator's own. Scorers that ask it for the
    predictions of the same object again get the same result object, not to be modified.
    """
    shared = copy.copy(estimator)
    for method in _SHARED_METHODS:
        if hasattr(estimator, method):
            setattr(shared, method, _memoised(getattr(estimator, method)))
    return shared


def _memoised(method: Callable[..., Any]) -> Callable[..., Any]:
    # The input is kept beside the result, so that its id is not given to another object.
    results: dict[int, tuple[Any, Any]] = {}

    @wraps(method)  # scikit-learn's scorers go by the method's name
    def call(X: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            return method(X, *args, **kwargs)
        if id(X) not in results:
            results[id(X)] = (X, method(X))
        return results[id(X)][1]

    return call


def _as_number(value: Any, name: str) -> float:
    plain = value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value
    if not isinstance(plain, numbers.Real):
        raise TypeError(
            f"The scorer {name!r} must return a number, or as the only scorer a dict of numbers; "
            f"got {value!r} of type {type(value).__name__}."
        )
    return float(plain)
