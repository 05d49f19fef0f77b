"""Parameters that the estimator evaluates exactly."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import RegressorMixin, clone
from sklearn.exceptions import FitFailedWarning

from logstar import LoGStarDetector
from logstar.model_selection import MOBOSearchCV
from logstar.model_selection._checks import check_space
from logstar.model_selection.protocols import Front
from logstar.rewards import QualityCount
from tests.model_selection.conftest import Valley


class SweptValley(Valley):
    """Knows its front over `a`: every a between the two minima."""

    def sweep(self, X, _=None, *, settings, ranges, scorers):
        if set(ranges) != {"a"}:
            raise ValueError(f"only a is swept, got {sorted(ranges)}")
        return self.fronts(X, settings, ranges["a"], scorers)

    def fronts(self, X, settings, within, scorers):
        for setting in settings:
            valley = clone(self).set_params(**setting)
            if valley.b > 0.9:
                raise RuntimeError("too high")
            yield valley.front(X, within, scorers)

    def front(self, X, within, scorers):
        a = np.linspace(max(within.low, 0.2), min(within.high, 0.8), 7)
        fitted = [Valley(each, self.b).fit(X) for each in a.tolist()]
        scores = {name: [scorer(one, X) for one in fitted] for name, scorer in scorers.items()}
        return Front({"a": a}, scores, {"height": np.full(7, 10.0 * self.b)})


def search(losses, **changes):
    arguments = {
        "search_spaces": {"a": (0.0, 1.0), "b": [0.0, 0.5]},
        "scoring": losses,
        "sweep": ["a"],
        "n_iter": 10,
        "random_state": 0,
    }
    return MOBOSearchCV(changes.pop("estimator", SweptValley()), **(arguments | changes))


def test_every_setting_of_a_sweep_becomes_a_row(losses, image):
    found = search(losses).fit(image)
    assert found.n_evaluations_ == 14
    assert set(found.cv_results_["param_b"]) == {0.0, 0.5}
    # The front of the valley is b = 0, all seven settings of its sweep.
    assert len(found.pareto_indices_) == 7
    assert {params["b"] for params in found.pareto_params_} == {0.0}
    assert found.best_params_ == {"a": pytest.approx(0.5), "b": 0.0}
    assert list(found.best_params_) == ["b", "a"]
    assert found.predict(image) == pytest.approx([0.09, 0.09])


def test_scores_are_those_of_an_evaluation(losses, image):
    found = search(losses).fit(image)
    for params, left in zip(
        found.cv_results_["params"], found.cv_results_["mean_test_left"], strict=True
    ):
        assert left == losses["left"](SweptValley(**params).fit(image), image)


def test_all_parameters_may_be_swept(losses, image):
    found = search(losses, search_spaces={"a": (0.0, 1.0)}).fit(image)
    assert found.n_evaluations_ == 7
    assert found.best_params_ == {"a": pytest.approx(0.5)}


def test_others_are_searched_by_the_engine(losses, image):
    space = {"a": (0.0, 1.0), "b": (-1.0, 1.0)}
    changes = {"search_spaces": space, "n_iter": 9, "n_initial_points": 4}
    # One setting that fails, and that the engine learns to avoid.
    changes |= {"initial_points": [{"b": 0.95}], "error_score": np.nan}
    with pytest.warns(FitFailedWarning, match="evaluations failed"):
        found = search(losses, **changes).fit(image)
    assert abs(found.best_params_["b"]) < 0.1
    again = search(losses, **changes)
    with pytest.warns(FitFailedWarning, match="evaluations failed"):
        again.fit(image)
    assert again.cv_results_["params"] == found.cv_results_["params"]


def test_callbacks_count_sweeps(losses, image):
    seen = []
    search(losses, callback=seen.append).fit(image)
    assert [(progress.n_done, progress.n_iter) for progress in seen] == [(1, 10), (2, 10)]
    assert seen[-1].best_params == {"a": pytest.approx(0.5), "b": 0.0}


def test_a_callback_ends_the_search(losses, image):
    found = search(losses, callback=lambda _: True).fit(image)
    assert found.n_evaluations_ == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sweep": ["c"]}, r"sweep names \['c'\], which search_spaces lacks"),
        ({"cv": 3}, "needs cv=None"),
        ({"estimator": Valley()}, "Valley has no method `sweep`"),
        ({"sweep": ["b"]}, "'b', whose domain is a list of choices"),
        ({"sweep": ["a", "b"], "search_spaces": {"a": (0, 1), "b": (0, 1)}}, "only a is swept"),
    ],
)
def test_bad_sweeps_are_refused_before_anything_is_evaluated(
    losses, image, tmp_path, changes, message
):
    path = tmp_path / "search.jsonl"
    asked = search(losses, checkpoint=path, callback=lambda _: pytest.fail("evaluated"))
    with pytest.raises(ValueError, match=message):
        asked.set_params(**changes).fit(image)
    # Nothing is left behind that another search would have to agree with.
    assert not path.exists()


def test_errors_are_raised_if_asked_for(losses, image):
    with pytest.raises(RuntimeError, match="too high"):
        search(losses, search_spaces={"a": (0.0, 1.0), "b": [0.95]}, error_score="raise").fit(image)


def test_a_sweep_may_find_nothing(losses, image):
    class Barren(SweptValley):
        def front(self, X, within, scorers):
            found = super().front(X, within, scorers)
            n = 0 if self.b else 7
            return Front(
                {name: column[:n] for name, column in found.settings.items()},
                {name: column[:n] for name, column in found.scores.items()},
            )

    found = search(losses, estimator=Barren(), verbose=1).fit(image)
    assert found.n_evaluations_ == 7
    assert {params["b"] for params in found.cv_results_["params"]} == {0.0}


class Batched(SweptValley):
    """Notes what it was asked for and what became of it."""

    log: ClassVar[list] = []

    def fronts(self, X, settings, within, scorers):
        if not settings:
            return
        self.log.append([setting["b"] for setting in settings])
        try:
            yield from super().fronts(X, settings, within, scorers)
        finally:
            self.log.append("closed")


@pytest.fixture
def log(monkeypatch):
    log = []
    monkeypatch.setattr(Batched, "log", log)
    return log


SPACE = {"a": (0.0, 1.0), "b": [0.0, 0.1, 0.95, 0.5, 0.3]}


def test_a_batch_is_swept_at_once(losses, image, log):
    space = {"search_spaces": SPACE, "n_iter": 5, "n_initial_points": 5}
    with pytest.warns(FitFailedWarning):
        one_by_one = search(losses, **space).fit(image)
    with pytest.warns(FitFailedWarning):
        found = search(losses, estimator=Batched(), **space).fit(image)
    asked = [setting["b"] for setting in one_by_one.cv_results_["params"]]
    order = list(dict.fromkeys(asked))
    # What fails ends the iterator; the settings behind are asked for again.
    failed = order.index(0.95)
    batches = [order, order[failed + 1 :]] if failed < 4 else [order]
    assert log == [entry for batch in batches for entry in (batch, "closed")]
    assert found.cv_results_["params"] == one_by_one.cv_results_["params"]
    np.testing.assert_array_equal(found.pareto_front_, one_by_one.pareto_front_)
    b = np.asarray(found.cv_results_["param_b"], dtype=float)
    np.testing.assert_allclose(
        found.cv_results_["detail_height"], np.where(b > 0.9, np.nan, 10 * b)
    )


def test_what_is_not_taken_is_closed(losses, image, log):
    space = {"a": (0.0, 1.0), "b": [0.0, 0.1, 0.5, 0.3]}
    given = {"search_spaces": space, "n_iter": 4, "n_initial_points": 4, "estimator": Batched()}
    search(losses, callback=lambda progress: progress.n_done == 2, **given).fit(image)
    assert len(log[0]) == 4
    assert log[1:] == ["closed"]

    def interrupt(progress):
        if progress.n_done == 3:
            raise KeyboardInterrupt

    log.clear()
    with pytest.warns(UserWarning, match="interrupted after 3 of 4"):
        found = search(losses, callback=interrupt, **given).fit(image)
    assert log[1:] == ["closed"]
    assert found.interrupted_
    assert found.n_evaluations_ == 21


def test_details_are_kept_in_a_checkpoint(losses, image, log, tmp_path):
    given = {"search_spaces": {"a": (0.0, 1.0), "b": [0.0, 0.1, 0.5]}, "estimator": Batched()}
    path = tmp_path / "search.jsonl"
    first = search(losses, checkpoint=path, n_iter=10, **given).fit(image)
    log.clear()
    again = search(losses, checkpoint=path, n_iter=10, **given).fit(image)
    assert log == []
    np.testing.assert_array_equal(
        again.cv_results_["detail_height"], first.cv_results_["detail_height"]
    )


def test_scorers_that_cannot_be_swept_are_refused_before_anything_is_evaluated(image):
    space = {"threshold": (0.01, 0.4), "overlap": (0.01, 0.5)}
    asked = MOBOSearchCV(
        LoGStarDetector(),
        space,
        scoring={"qc": QualityCount(9)},
        sweep=list(space),
        callback=lambda _: pytest.fail("evaluated"),
    )
    with pytest.raises(TypeError, match="Leave `sweep` empty for other scorers"):
        asked.fit(image)


class Weighted(SweptValley):
    def fit(self, X, y=None, sample_weight=None):
        assert sample_weight is not None
        return super().fit(X, y)


def weighted(estimator, X, sample_weight=None):
    assert sample_weight is not None
    return -float(estimator.predict(X)[0])


@pytest.mark.filterwarnings("ignore:The scorer .* does not support sample_weight")
@pytest.mark.parametrize("scorer", [None, weighted])
def test_parameters_of_fit_and_scorers_are_refused(losses, image, scorer):
    scoring = losses if scorer is None else {"weighted": scorer}
    with pytest.raises(ValueError, match=r"cannot pass \['sample_weight'\] on"):
        search(scoring, estimator=Weighted()).fit(image, sample_weight=np.ones(12))
    # They are passed on where nothing is swept.
    search(scoring, estimator=Weighted(), sweep=[]).fit(image, sample_weight=np.ones(12))


def test_scores_on_the_training_data_are_those_of_all_data(losses, image):
    found = search(losses, return_train_score=True).fit(image)
    for name in losses:
        for key in (f"mean_train_{name}", f"split0_train_{name}"):
            np.testing.assert_array_equal(
                found.cv_results_[key], found.cv_results_[f"mean_test_{name}"]
            )
    given = {"search_spaces": {"a": (0.0, 1.0), "b": [0.95, 0.0]}}
    with pytest.warns(FitFailedWarning):
        failed = search(losses, return_train_score=True, error_score=-9.0, **given).fit(image)
    (row,) = np.flatnonzero(failed.cv_results_["param_b"] == 0.95)
    assert failed.cv_results_["mean_train_left"][row] == -9


@pytest.mark.parametrize(
    ("front", "message"),
    [
        (({"a": [0.5]}, {"left": [0.0], "right": [0.0]}), "must yield a .*Front, got tuple"),
        (Front({"a": [0.5]}, {"left": [0.0]}), r"columns \['left', 'right'\], got \['left'\]"),
        (Front({"c": [0.5]}, {"left": [0.0], "right": [0.0]}), r"columns \['a'\], got \['c'\]"),
        (None, "fewer fronts than there are settings"),
    ],
)
def test_what_is_no_front_is_said(losses, image, front, message):
    class Wrong(SweptValley):
        def fronts(self, _X, settings, *_):
            yield from [] if front is None else [front] * len(settings)

    with pytest.raises((RuntimeError, TypeError, ValueError), match=message):
        search(losses, estimator=Wrong(), error_score="raise").fit(image)


def test_integers_stay_integers(losses, image, tmp_path):
    class Whole(SweptValley):
        def front(self, _X, _within, scorers):
            scores = {name: [-1.0, -2.0 + i] for i, name in enumerate(scorers)}
            return Front({"a": np.array([1, 2])}, scores)

    given = {"estimator": Whole(), "checkpoint": tmp_path / "search.jsonl", "refit": False}
    given["search_spaces"] = {"a": (1, 9), "b": [0.0, 0.5]}
    for _ in range(2):  # The second reads the checkpoint.
        found = search(losses, **given).fit(image)
        assert [type(params["a"]) for params in found.cv_results_["params"]] == [int] * 4
        assert found.cv_results_["param_a"].tolist() == [1, 2, 1, 2]


def test_a_supervised_sweep_is_not_told_to_split(losses, image):
    """Without a sweep cv=None is warned of, but a sweep has no other choice."""

    class Supervised(RegressorMixin, SweptValley):
        def fit(self, X, y):
            return super().fit(X, y)

    y = np.zeros(len(image))
    search(losses, estimator=Supervised()).fit(image, y)
    with pytest.warns(UserWarning, match="cv=None scores each setting of Supervised"):
        search(losses, estimator=Supervised(), sweep=[]).fit(image, y)


def test_any_row_of_a_sweep_becomes_a_fitted_estimator(losses, image):
    found = search(losses).fit(image)
    for row in range(found.n_evaluations_):
        estimator = found.estimator_at(row)
        assert estimator.fitted_on_ is image
        assert {"a": estimator.a, "b": estimator.b} == found.cv_results_["params"][row]
        assert losses["left"](estimator, image) == found.cv_results_["mean_test_left"][row]


def test_what_is_swept_is_not_searched():
    search = MOBOSearchCV(
        SweptValley(), {"a": (0.0, 1.0), "b": (0.0, 1.0)}, scoring={"x": "x", "y": "y"}, sweep=["a"]
    )
    space, intervals = check_space(search)
    assert space.names == ("b",)
    assert set(intervals) == {"a"}
