"""A test that an estimator sweeps as the protocol says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from logstar._sweeping import Front, Interval, SupportsSweep
from logstar._validation import FloatArray
from logstar.pareto import is_non_dominated

from ._evaluation import fit, unshared

#: Rows of a front that are fitted and scored one by one, evenly chosen.
_MAX_ROWS = 50


def check_sweep(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    ranges: Mapping[str, Interval],
    scorers: Mapping[str, Any],
    settings: Sequence[Mapping[str, Any]] = ({},),
    n_probes: int = 20,
    atol: float = 1e-9,
    random_state: int | None = 0,
) -> None:
    """Check that an estimator's `sweep` does what `SupportsSweep` says.

    It is called with no settings, with all and with each alone; parameters that it cannot know
    must be refused. Fronts must name the swept parameters and the scorers, lie within the ranges,
    hold no setting that another of them beats, and score as the fitted estimator does. And for
    each setting that is drawn from the ranges there must be one on the front that is as good by
    every scorer.

    Parameters
    ----------
    estimator : estimator object
        Left as it is.
    X, y : as the estimator takes them
        Data to sweep on; `y` may be None.
    ranges : mapping of str to Interval
        The parameters to sweep.
    scorers : mapping of str to callable
        Scorers ``scorer(estimator, X, y)``.
    settings : sequence of mapping, default=({},)
        Values of other parameters.
    n_probes : int, default=20
        How many settings are drawn from the ranges for each front, evenly, or if both ends are
        above 0 evenly in the logarithm. 0 for an estimator whose fronts are approximate.
    atol : float, default=1e-9
        How far scores may differ, because they are added up in another order.
    random_state : int or None, default=0
        Seed of the settings that are drawn.

    Raises
    ------
    AssertionError
        If the estimator does not do as it should; the message tells what, and at which setting.

    See Also
    --------
    logstar.model_selection.protocols : What an estimator should do, with an example.

    Examples
    --------
    >>> from logstar import Lattice, LoGStarDetector
    >>> from logstar.datasets import make_scene
    >>> from logstar.model_selection import check_sweep
    >>> from logstar.model_selection.protocols import Interval
    >>> from logstar.rewards import ErrorRate, QualityCount
    >>> scene = make_scene(shape=(64, 64), random_state=0)
    >>> check_sweep(
    ...     LoGStarDetector(),
    ...     scene.image,
    ...     ranges={"threshold": Interval(0.005, 0.4), "overlap": Interval(0.01, 0.5)},
    ...     scorers={"qc": QualityCount(25), "er": ErrorRate(30.0, n_expected=25)},
    ...     settings=[{"max_sigma": 4.0}, {"max_sigma": 5.0}],
    ... )
    """
    _require(
        isinstance(estimator, SupportsSweep), f"{type(estimator).__name__} has no method sweep."
    )
    before = repr(estimator.get_params())
    asked = {"ranges": ranges, "scorers": scorers}
    _require(
        not list(estimator.sweep(X, y, settings=[], **asked)),
        "sweep must yield nothing where settings is empty.",
    )
    unknown = {**ranges, "no_such_parameter": Interval(0.0, 1.0)}
    try:
        estimator.sweep(X, y, settings=[], ranges=unknown, scorers=scorers)
    except (TypeError, ValueError):
        pass
    else:
        raise AssertionError(
            "sweep must refuse a parameter that it does not have by a TypeError or ValueError, at "
            "once and not when the first front is asked for."
        )
    fronts = list(estimator.sweep(X, y, settings=settings, **asked))
    _require(
        len(fronts) == len(settings),
        f"sweep must yield one front for each of {len(settings)} settings, got {len(fronts)}.",
    )
    rng = np.random.default_rng(random_state)
    for setting, front in zip(settings, fronts, strict=True):
        where = f"at {dict(setting)!r}"
        _check_columns(front, ranges, scorers, where)
        (alone,) = estimator.sweep(X, y, settings=[setting], **asked)
        _require(
            all(
                np.array_equal(front.scores[name], alone.scores[name], equal_nan=True)
                for name in scorers
            ),
            f"the front {where} must not depend on the settings that are swept with it.",
        )
        table = np.column_stack([front.scores[name] for name in scorers])
        _require(
            bool(is_non_dominated(-table).all()),
            f"a setting of the front {where} is beaten by another of the same front.",
        )
        own = clone(estimator).set_params(**unshared(setting))
        rows = np.unique(np.linspace(0, len(front) - 1, min(len(front), _MAX_ROWS)).astype(int))
        for row in rows:
            swept = {name: column[row].item() for name, column in front.settings.items()}
            scores = _scores_of(own, swept, X, y, scorers)
            _require(
                np.allclose(scores, table[row], rtol=0, atol=atol),
                f"the scores {where} with {swept} are {_named(scorers, scores)}, but the front has "
                f"{_named(scorers, table[row])}.",
            )
        for _ in range(n_probes):
            swept = {name: _draw(interval, rng) for name, interval in ranges.items()}
            scores = _scores_of(own, swept, X, y, scorers)
            _require(
                bool((table >= scores - atol).all(axis=1).any()),
                f"the front {where} lacks {swept}, which scores {_named(scorers, scores)}: none of "
                "its settings is as good.",
            )
    _require(repr(estimator.get_params()) == before, "sweep must leave the estimator as it is.")


def _check_columns(
    front: Any, ranges: Mapping[str, Interval], scorers: Mapping[str, Any], where: str
) -> None:
    _require(
        isinstance(front, Front), f"sweep must yield a Front {where}, got {type(front).__name__}."
    )
    for names, columns, what in (
        (ranges, front.settings, "settings"),
        (scorers, front.scores, "scores"),
    ):
        _require(
            set(names) == set(columns),
            f"the front {where} must have the {what} {sorted(names)}, got {sorted(columns)}.",
        )
    for name, interval in ranges.items():
        column = front.settings[name]
        _require(
            bool(((column >= interval.low) & (column <= interval.high)).all()),
            f"the front {where} has {name} from {column.min(initial=np.inf)} to "
            f"{column.max(initial=-np.inf)}, outside of {interval}.",
        )


def _scores_of(
    estimator: Any, swept: Mapping[str, Any], X: Any, y: Any, scorers: Mapping[str, Any]
) -> FloatArray:
    fitted = clone(estimator).set_params(**swept)
    fit(fitted, X, y, {})
    given = (X,) if y is None else (X, y)
    return np.array([float(scorer(fitted, *given)) for scorer in scorers.values()])


def _named(scorers: Mapping[str, Any], scores: FloatArray) -> dict[str, float]:
    return dict(zip(scorers, scores.tolist(), strict=True))


def _draw(interval: Interval, rng: np.random.Generator) -> float:
    low, high = interval.low, interval.high
    value = np.exp(rng.uniform(np.log(low), np.log(high))) if low > 0 else rng.uniform(low, high)
    return float(np.clip(value, low, high))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
