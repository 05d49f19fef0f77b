"""Parameters that the estimator evaluates exactly."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning

from logstar.model_selection import MOBOSearchCV
from tests.model_selection.conftest import Valley


class SweptValley(Valley):
    """Knows its front over `a`: every a between the two minima."""

    def sweep(self, X, y=None, *, ranges, scorers):
        if self.b > 0.9:
            raise RuntimeError("too high")
        low, high = ranges["a"].low, ranges["a"].high
        front = []
        for a in np.linspace(max(low, 0.2), min(high, 0.8), 7).tolist():
            fitted = Valley(a, self.b).fit(X, y)
            front.append(({"a": a}, {name: s(fitted, X) for name, s in scorers.items()}))
        return front


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
    ],
)
def test_bad_sweeps_are_refused(losses, image, changes, message):
    with pytest.raises(ValueError, match=message):
        search(losses).set_params(**changes).fit(image)


def test_errors_are_raised_if_asked_for(losses, image):
    with pytest.raises(RuntimeError, match="too high"):
        search(losses, search_spaces={"a": (0.0, 1.0), "b": [0.95]}, error_score="raise").fit(image)


def test_fronts_may_come_as_columns(losses, image):
    class InColumns(SweptValley):
        def sweep(self, X, y=None, *, ranges, scorers):
            front = super().sweep(X, y, ranges=ranges, scorers=scorers)
            settings, scores = (
                {name: np.array([row[part][name] for row in front]) for name in front[0][part]}
                for part in (0, 1)
            )
            return settings, scores

    rows = search(losses).fit(image)
    columns = search(losses, estimator=InColumns()).fit(image)
    assert columns.cv_results_["params"] == rows.cv_results_["params"]
    np.testing.assert_array_equal(columns.pareto_front_, rows.pareto_front_)
    assert list(rows.hypervolume_trace_) == sorted(rows.hypervolume_trace_)


def test_a_sweep_may_find_nothing(losses, image):
    class Barren(SweptValley):
        def sweep(self, X, y=None, *, ranges, scorers):
            return [] if self.b else super().sweep(X, y, ranges=ranges, scorers=scorers)

    found = search(losses, estimator=Barren(), verbose=1).fit(image)
    assert found.n_evaluations_ == 7
    assert {params["b"] for params in found.cv_results_["params"]} == {0.0}


class Batched(SweptValley):
    """Yields fronts one after another, and notes what it was asked for and what became of it."""

    log: ClassVar[list] = []

    def sweeps(self, X, y=None, *, settings, ranges, scorers):
        self.log.append([setting["b"] for setting in settings])
        try:
            for setting in settings:
                front = SweptValley(**setting).sweep(X, y, ranges=ranges, scorers=scorers)
                columns = [
                    {name: np.array([row[part][name] for row in front]) for name in front[0][part]}
                    for part in (0, 1)
                ]
                yield (*columns, {"height": np.full(len(front), 10.0 * setting["b"])})
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
