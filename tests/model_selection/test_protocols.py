"""The sweep protocol: what a front may be, and the check that an estimator does as it says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from logstar.model_selection import check_sweep
from logstar.model_selection.protocols import Front, Interval, SupportsSweep
from logstar.pareto import is_non_dominated
from tests.model_selection.conftest import Valley


class TestFront:
    def test_columns_become_arrays(self):
        front = Front({"n": [1, 2]}, {"score": [-1, -2]}, {"extra": (3, 4)})
        assert len(front) == 2
        assert front.settings["n"].dtype.kind == "i"
        assert front.scores["score"].dtype == front.details["extra"].dtype == np.float64
        assert len(Front({"n": []}, {"score": []})) == 0

    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            (({"a": [1, 2]}, {"s": [1]}), r"one length, got .*'a'\]\": 2, .*'s'\]\": 1"),
            (({"a": [1]}, {"s": [1]}, {"d": []}), "one length"),
            (({"a": [[1]]}, {"s": [1]}), r"settings\['a'\] must be one-dimensional"),
            (({"a": ["x"]}, {"s": [1]}), r"settings\['a'\] must hold numbers"),
            (({}, {"s": [1]}), "a column of settings"),
            (({"a": [1]}, {}), "a column of scores"),
        ],
    )
    def test_what_is_no_table_is_refused(self, parts, message):
        with pytest.raises(ValueError, match=message):
            Front(*parts)


class Steps(Valley):
    """Its scores change at whole steps of `a` alone, so the front over it is exact."""

    def predict(self, X):
        step = np.floor(10 * self.a) / 10
        return Valley(step, self.b).predict(X)

    def sweep(self, X, _=None, *, settings, ranges, scorers):
        if set(ranges) != {"a"}:
            raise ValueError("only a is swept")
        return (self.front(X, setting, ranges["a"], scorers) for setting in settings)

    def front(self, X, setting, within, scorers):
        steps = np.arange(np.floor(10 * within.low), np.ceil(10 * within.high)) + 0.5
        a = np.clip(steps / 10, within.low, within.high)
        fitted = [clone(self).set_params(**setting, a=each).fit(X) for each in a.tolist()]
        scores = {name: np.array([s(one, X) for one in fitted]) for name, s in scorers.items()}
        best = is_non_dominated(-np.column_stack(list(scores.values())))
        return Front({"a": a[best]}, {name: column[best] for name, column in scores.items()})


def check(losses, image, estimator=None, **changes):
    given = {"ranges": {"a": Interval(0.0, 1.0)}, "settings": [{"b": 0.0}, {"b": 0.5}]}
    check_sweep(
        Steps() if estimator is None else estimator, image, scorers=losses, **(given | changes)
    )


def test_an_estimator_that_sweeps_exactly_passes(losses, image):
    assert isinstance(Steps(), SupportsSweep)
    check(losses, image)
    check(losses, image, settings=[{}], ranges={"a": Interval(0.15, 0.62)})


class WithoutCheck(Steps):
    def sweep(self, X, _=None, *, settings, ranges, scorers):
        return (self.front(X, setting, ranges["a"], scorers) for setting in settings)


class OneTooMany(Steps):
    def sweep(self, X, y=None, **given):
        yield from super().sweep(X, y, **given)
        yield self.front(X, {}, given["ranges"]["a"], given["scorers"])


class OneTooFew(Steps):
    def sweep(self, X, _=None, *, settings, ranges, scorers):
        return super().sweep(X, settings=settings[:1], ranges=ranges, scorers=scorers)


class Incomplete(Steps):
    def front(self, *given):
        front = super().front(*given)
        columns = (front.settings, front.scores)
        return Front(*({name: v[:2] for name, v in part.items()} for part in columns))


class Doubled(Steps):
    """Adds a setting that others beat."""

    def front(self, X, setting, within, scorers):
        front = super().front(X, setting, within, scorers)
        valley = clone(self).set_params(**setting, a=0.01).fit(X)
        return Front(
            {"a": np.append(front.settings["a"], 0.01)},
            {n: np.append(v, scorers[n](valley, X)) for n, v in front.scores.items()},
        )


class Optimist(Steps):
    def front(self, *given):
        front = super().front(*given)
        return Front(front.settings, {name: v + 1e-3 for name, v in front.scores.items()})


class Outside(Steps):
    def front(self, X, setting, within, scorers):
        return super().front(X, setting, Interval(within.low, within.high + 0.5), scorers)


class Renamed(Steps):
    def front(self, *given):
        front = super().front(*given)
        return Front({"alpha": front.settings["a"]}, front.scores)


class Tuples(Steps):
    def front(self, *given):
        front = super().front(*given)
        return front.settings, front.scores


class Forgetful(Steps):
    """Takes the first setting of those that are swept together for all."""

    def sweep(self, X, _=None, *, settings, ranges, scorers):
        same = [settings[0]] * len(settings) if settings else []
        return super().sweep(X, settings=same, ranges=ranges, scorers=scorers)


class Spoiled(Steps):
    def front(self, X, setting, within, scorers):
        self.set_params(**setting)
        return super().front(X, setting, within, scorers)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (Valley(), "Valley has no method sweep"),
        (WithoutCheck(), "must refuse a parameter that it does not have"),
        (OneTooMany(), "must yield nothing where settings is empty"),
        (OneTooFew(), "one front for each of 2 settings, got 1"),
        (Incomplete(), "lacks {'a': .*none of its settings is as good"),
        (Doubled(), "is beaten by another of the same front"),
        (Optimist(), "but the front has"),
        (Outside(), "outside of Interval"),
        (Renamed(), r"must have the settings \['a'\], got \['alpha'\]"),
        (Tuples(), "must yield a Front at {'b': 0.0}, got tuple"),
        (Forgetful(), "must not depend on the settings that are swept with it"),
        (Spoiled(), "must leave the estimator as it is"),
    ],
)
def test_what_does_not_sweep_as_it_should_fails(losses, image, estimator, message):
    with pytest.raises(AssertionError, match=message):
        check(losses, image, estimator, ranges={"a": Interval(0.0, 0.6)}, n_probes=60)


def test_approximate_fronts_pass_without_probes(losses, image):
    check(losses, image, Incomplete(), n_probes=0)
