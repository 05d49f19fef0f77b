"""What a search can be told: engines, batches, constraints, where to begin and when to end."""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from logstar.model_selection import MOBOSearchCV
from logstar.model_selection._results import _column_type
from logstar.pareto import hypervolume
from tests.model_selection.conftest import Valley


def same_results(first, second):
    ours, theirs = first.cv_results_, second.cv_results_
    assert ours["params"] == theirs["params"]
    for name in ours:
        if name != "params" and not name.endswith("time"):
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    np.testing.assert_array_equal(first.pareto_front_, second.pareto_front_)
    np.testing.assert_array_equal(first.hypervolume_trace_, second.hypervolume_trace_)


@pytest.mark.parametrize("engine", ["ehvi", "parego", "random", "sobol"])
@pytest.mark.parametrize("n_points", [1, 3])
def test_engines_are_repeatable(make_search, image, engine, n_points):
    changes = {"engine": engine, "n_points": n_points, "n_iter": 10}
    search = make_search(**changes).fit(image)
    assert search.n_evaluations_ == 10
    same_results(search, make_search(**changes).fit(image))


def test_same_results_whatever_runs_in_parallel(make_search, image):
    changes = {"n_points": 2, "n_iter": 10, "stop_after": 3}
    search = make_search(**changes).fit(image)
    same_results(search, make_search(**changes, n_jobs=2).fit(image))
    assert search.cv_results_["params"] != make_search(n_iter=10).fit(image).cv_results_["params"]


def test_own_engine(make_search, image):
    class Corner:
        def __init__(self, space, *, step, n_initial_points, seed, n_objectives, noisy):
            assert (n_initial_points, seed, n_objectives, noisy) == (6, 0, 2, False)
            self.space, self.step, self.n = space, step, 0
            self.told = []

        def ask(self, n_points=1):
            self.n += n_points
            return [self.space.from_unit([0.0, self.step * (self.n - i)]) for i in range(n_points)]

        def tell(self, _, losses):
            self.told += losses

        def get_state(self):
            return {"n": self.n}

        def set_state(self, state):
            self.n = state["n"]

    search = make_search(engine=Corner, engine_options={"step": 0.1}, n_iter=8).fit(image)
    np.testing.assert_allclose(
        np.sort(search.cv_results_["param_b"]), 0.1 * np.arange(1, 9), atol=1e-12
    )


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"engine": "psychic"}, ValueError, "'psychic' must be one of"),
        ({"engine_options": {"depth": 3}}, ValueError, "depth"),
        ({"engine": 3}, ValueError, "'engine'"),
        ({"n_points": 0}, ValueError, "'n_points'"),
        ({"max_time": 0}, ValueError, "'max_time'"),
        ({"stop_after": 0}, ValueError, "'stop_after'"),
        ({"noisy": "yes"}, ValueError, "'noisy'"),
        ({"space_constraint": 3}, ValueError, "'space_constraint'"),
        ({"initial_points": "front"}, ValueError, "'initial_points'"),
        ({"initial_points": [3]}, TypeError, r"initial_points\[0\] must be a dict"),
        ({"initial_points": [{"a": 0.5}]}, ValueError, r"initial_points\[0\]: \['b'\] are missing"),
        ({"initial_points": [{"a": 2, "b": 0}]}, ValueError, r"a=2 must be a number from 0.0 to"),
        (
            {"initial_points": [{"a": i / 10, "b": 0.0} for i in range(10)]},
            ValueError,
            "10 different settings, more than n_iter=9",
        ),
        (
            {"initial_points": [{"a": 0.5, "b": 0.6}], "space_constraint": lambda s: s["b"] < 0.5},
            ValueError,
            "does not meet space_constraint",
        ),
        (
            {"space_constraint": lambda s: s["b"] > 2},
            ValueError,
            "space_constraint holds for only 0",
        ),
        ({"search_spaces": [{"a": (0.0, 1.0)}, {"c": [1, 2]}]}, ValueError, r"\['c'\]"),
        ({"checkpoint": 3}, ValueError, "'checkpoint'"),
    ],
)
def test_options_that_make_no_sense(make_search, valley, image, changes, error, words):
    def evaluated(_):
        pytest.fail("nothing may be evaluated before the check")

    with pytest.raises(error, match=words):
        make_search(valley.set_params(fails=evaluated), **changes).fit(image)


@pytest.mark.parametrize("engine", ["ehvi", "sobol"])
def test_a_budget_below_the_initial_points_is_all_initial(make_search, image, engine):
    search = make_search(n_iter=4, n_initial_points=10, engine=engine).fit(image)
    assert search.n_evaluations_ == 4
    assert search.stop_reason_ == "n_iter"
    # The first points of the larger design, and the corner that these give.
    whole = make_search(n_iter=10, n_initial_points=10, engine=engine).fit(image)
    assert search.cv_results_["params"] == whole.cv_results_["params"][:4]
    same = make_search(n_iter=4, n_initial_points=4, engine=engine).fit(image)
    np.testing.assert_array_equal(search.ref_point_, same.ref_point_)


@pytest.mark.parametrize("spaces", [{"a": [0.5]}, {}, [{"a": [0.5], "b": [0.0]}]])
@pytest.mark.parametrize("engine", ["ehvi", "parego", "random", "sobol"])
def test_a_space_of_one_setting(make_search, image, spaces, engine):
    with pytest.warns(UserWarning, match="only 1 different settings"):
        search = make_search(search_spaces=spaces, engine=engine).fit(image)
    assert search.n_evaluations_ == 1
    expected = dict(spaces[0] if isinstance(spaces, list) else spaces)
    assert search.best_params_ == {name: values[0] for name, values in expected.items()}
    assert search.best_estimator_.a == search.best_params_.get("a", 0.0)
    # A budget of one asks for no more.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_search(search_spaces=spaces, engine=engine, n_iter=1).fit(image)


def test_a_search_that_is_not_fitted_has_no_front(make_search, image):
    with pytest.raises(ValueError, match="not fitted"):
        make_search(initial_points=make_search()).fit(image)


def test_space_constraint_holds_for_all(make_search, image):
    search = make_search(space_constraint=lambda s: s["a"] + s["b"] < 0.7, n_iter=14).fit(image)
    assert all(s["a"] + s["b"] < 0.7 for s in search.cv_results_["params"])


def test_initial_points_come_first(make_search, image):
    given = [{"a": 0.25, "b": 0.5}, {"a": 0.5, "b": 0.0}, {"a": 0.25, "b": 0.5}]
    search = make_search(initial_points=given).fit(image)
    assert search.cv_results_["params"][:2] == given[:2]
    assert search.n_evaluations_ == 9
    assert len({tuple(s.values()) for s in search.cv_results_["params"]}) == 9


def test_the_front_of_another_search_is_begun_with(make_search, image):
    earlier = make_search(search_spaces={"a": (-1.0, 2.0), "b": (-1.0, 1.0)}, n_iter=20).fit(image)
    search = make_search(initial_points=earlier).fit(image)
    first = search.cv_results_["params"][:3]
    clipped = {name: min(max(value, 0.0), 1.0) for name, value in earlier.best_params_.items()}
    assert first[0] == clipped
    for setting in first[1:]:
        assert any(
            all(np.clip(other[name], 0, 1) == setting[name] for name in setting)
            for other in earlier.pareto_params_
        )
    assert all(0 <= s["a"] <= 1 and 0 <= s["b"] <= 1 for s in search.cv_results_["params"])
    cold = make_search().fit(image)
    assert hypervolume(search.pareto_front_, [1, 1]) > hypervolume(cold.pareto_front_, [1, 1])


def test_a_search_over_other_parameters_is_refused(make_search, image):
    earlier = make_search(search_spaces={"a": (0.0, 1.0)}).fit(image)
    with pytest.raises(ValueError, match=r"search over other parameters.*\['b'\]"):
        make_search(initial_points=earlier).fit(image)


def test_max_time_ends_the_search(make_search, image):
    class Sleepy(Valley):
        def fit(self, X, _=None):
            time.sleep(0.02)
            return super().fit(X)

    search = make_search(Sleepy(), max_time=0.1, n_iter=500, engine="random").fit(image)
    assert 3 <= search.n_evaluations_ <= 6
    assert search.stop_reason_ == "max_time"


def test_no_gain_ends_the_search(make_search, image):
    def flat(estimator, _):
        return 0.0 if estimator.a > 0.1 else -1.0

    search = make_search(
        scoring={"a": flat, "b": flat}, stop_after=4, n_iter=60, engine="random"
    ).fit(image)
    assert search.stop_reason_ == "stop_after"
    assert search.n_evaluations_ == 6 + 4
    whole = make_search(scoring={"a": flat, "b": flat}, n_iter=60, engine="random").fit(image)
    assert whole.cv_results_["params"][:10] == search.cv_results_["params"]
    assert whole.stop_reason_ == "n_iter"


def test_patience_is_counted_from_the_last_gain(make_search, image):
    search = make_search(stop_after=3, n_iter=200, engine="random").fit(image)
    trace = search.hypervolume_trace_
    assert 9 <= search.n_evaluations_ < 200
    assert trace[-1] == trace[-4]
    last_gain = np.flatnonzero(np.diff(trace) > 0)[-1] + 1
    assert search.n_evaluations_ == max(last_gain, 5) + 1 + 3


def test_warm_start_goes_on(make_search, losses, image):
    calls = []

    def left(estimator, X):
        calls.append(1)
        return losses["left"](estimator, X)

    scoring = {"left": left, "right": losses["right"]}
    search = make_search(warm_start=True, scoring=scoring, refit=False).fit(image)
    search.set_params(n_iter=14).fit(image)
    assert len(calls) == 14
    same_results(search, make_search(n_iter=14, scoring=scoring, refit=False).fit(image))


def test_warm_start_of_another_problem_is_refused(make_search, image):
    search = make_search(warm_start=True, engine="random").fit(image)
    with pytest.raises(ValueError, match=r"warm_start=True, but .* differs .* in: X"):
        search.fit(image + 1)
    with pytest.raises(ValueError, match="random_state"):
        search.set_params(random_state=3).fit(image)
    search.set_params(warm_start=False).fit(image + 1)


def test_without_warm_start_a_fit_begins_anew(make_search, image):
    search = make_search(engine="random").fit(image)
    assert search.fit(image + 1).n_evaluations_ == 9


def test_warm_start_is_written_to_a_new_checkpoint(make_search, image, tmp_path):
    search = make_search(warm_start=True, engine="random").fit(image)
    path = tmp_path / "search.jsonl"
    search.set_params(checkpoint=path, n_iter=12).fit(image)
    again = make_search(engine="random", n_iter=12, checkpoint=path)
    same_results(search, again.fit(image))


class Noisy(BaseEstimator):
    """Its losses change at each evaluation; only the means are those of the valley."""

    calls = 0

    def __init__(self, a=0):
        self.a = a

    def fit(self, *_):
        type(self).calls += 1
        self.noise_ = np.random.default_rng(type(self).calls).normal(scale=0.2, size=2)
        return self

    def losses(self):
        return np.array([self.a / 4, 1 - self.a / 4]) + self.noise_


def noisy_scores(estimator, *_):
    return dict(zip(("left", "right"), (-estimator.losses()).tolist(), strict=True))


def test_repeated_settings_are_compared_by_their_means(image):
    Noisy.calls = 0
    search = MOBOSearchCV(
        Noisy(),
        {"a": (0, 4)},
        scoring=noisy_scores,
        n_iter=40,
        n_initial_points=5,
        noisy=True,
        random_state=0,
        refit=False,
    ).fit(image)
    results = search.cv_results_
    assert search.n_evaluations_ == 40
    a = results["param_a"].astype(int)
    for value in range(5):
        rows = np.flatnonzero(a == value)
        mean = results["mean_test_left"][rows].mean()
        np.testing.assert_allclose(results["objective_left"][rows], mean, rtol=1e-12)
        assert len(set(results["pareto_rank"][rows])) == 1
        assert results["is_pareto"][rows[1:]].sum() == 0
    settings = [params["a"] for params in search.pareto_params_]
    assert len(settings) == len(set(settings))
    assert search.hypervolume_ == pytest.approx(
        hypervolume(-search.pareto_front_, -search.ref_point_)
    )


def test_training_scores_of_a_supervised_estimator_are_warned_of_once(make_search, image):
    rows = np.random.default_rng(0).normal(size=(20, 3))

    def search(estimator, **options):
        return MOBOSearchCV(
            estimator, {}, scoring={"a": lambda *_: 0.0}, n_iter=1, refit=False, **options
        )

    for estimator in (Ridge(), SVC(), make_pipeline(StandardScaler(), Ridge())):
        y = rows[:, 2] > 0
        with pytest.warns(UserWarning, match="on its own training data") as caught:
            search(estimator).fit(rows[:, :2], y)
        assert len(caught) == 1
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(Ridge(), cv=2).fit(rows[:, :2], rows[:, 2])
        # Without a target, or with a reference that only the scorers look at.
        search(PCA()).fit(rows)
        make_search(scoring={"a": lambda *_: 0.0}).fit(image, rows)


def test_branches_are_searched():
    rows = np.random.default_rng(0).normal(size=(40, 3))
    search = MOBOSearchCV(
        Pipeline([("scale", StandardScaler()), ("model", Ridge())]),
        [
            {"model": [Ridge()], "model__alpha": (1e-2, 1e2, "log-uniform")},
            {"model": [LinearRegression()], "scale": ["passthrough", MinMaxScaler()]},
        ],
        scoring=["neg_mean_absolute_error", "neg_max_error"],
        n_iter=12,
        n_initial_points=8,
        cv=2,
        random_state=0,
    ).fit(rows[:, :2], rows[:, 2])
    params = search.cv_results_["params"]
    linear = np.array([isinstance(p["model"], LinearRegression) for p in params])
    assert 0 < linear.sum() < 12
    np.testing.assert_array_equal(search.cv_results_["param_model__alpha"].mask, linear)
    np.testing.assert_array_equal(search.cv_results_["param_scale"].mask, ~linear)
    # No setting of the second branch, of which there are two, is evaluated twice.
    assert linear.sum() <= 2
    frame = search.to_frame()
    assert frame["param_scale"].isna().tolist() == (~linear).tolist()


def test_settings_are_not_shared_between_evaluations():
    given = StandardScaler()
    rows = np.random.default_rng(0).normal(size=(20, 3))
    MOBOSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"standardscaler": [given, "passthrough"]},
        scoring=["r2"],
        n_iter=2,
        n_initial_points=2,
        cv=2,
    ).fit(rows[:, :2], rows[:, 2])
    assert not hasattr(given, "mean_")


def test_times_are_split(make_search, image):
    search = make_search(n_iter=10).fit(image)
    results = search.cv_results_
    assert search.optimizer_time_ == pytest.approx(results["ask_time"].sum())
    assert search.estimator_time_ == pytest.approx(
        (results["mean_fit_time"] + results["mean_score_time"]).sum()
    )
    assert search.optimizer_time_ > 0


def test_ranks_peel_the_fronts(make_search, image):
    search = make_search(n_iter=12, engine="random", n_initial_points=12).fit(image)
    ranks = search.cv_results_["pareto_rank"]
    np.testing.assert_array_equal(ranks == 0, search.cv_results_["is_pareto"])
    table = np.column_stack([search.cv_results_[f"objective_{n}"] for n in ("left", "right")])
    for i, rank in enumerate(ranks):
        beaten_by = (table <= table[i]).all(axis=1) & (table < table[i]).any(axis=1)
        assert rank == (ranks[beaten_by].max() + 1 if beaten_by.any() else 0)


def test_to_frame(make_search, image, monkeypatch):
    search = make_search().fit(image)
    frame = search.to_frame()
    assert list(frame.columns) == [
        "param_a",
        "param_b",
        "objective_left",
        "objective_right",
        "is_pareto",
        "pareto_rank",
        "mean_fit_time",
        "mean_score_time",
        "ask_time",
    ]
    assert frame["param_a"].dtype == float
    assert len(frame) == 9
    front = search.to_frame(front_only=True)
    np.testing.assert_array_equal(front.index, search.pareto_indices_)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="needs pandas"):
        search.to_frame()


def test_the_knee_is_a_rule(make_search, image):
    search = make_search(refit="knee").fit(image)
    front = search.pareto_front_
    sums = ((front - front.min(axis=0)) / np.ptp(front, axis=0)).sum(axis=1)
    assert search.best_index_ == search.pareto_indices_[np.argmin(sums)]
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]


def test_volumes_are_measured_only_when_asked_for(make_search, losses, image, monkeypatch):
    calls = []

    def count(*arguments):
        calls.append(len(arguments[0]))
        return hypervolume(*arguments)

    monkeypatch.setattr("logstar.pareto.hypervolume", count)
    monkeypatch.setattr("logstar.model_selection._volumes.hypervolume", count)
    four = {f"{name} {i}": scorer for name, scorer in losses.items() for i in range(3)}
    search = make_search(scoring=four, engine="random").fit(image)
    assert search.pareto_front_.shape[1] == 6
    assert calls == []
    assert search.hypervolume_ == pytest.approx(search.hypervolume_trace_[-1], rel=1e-12)
    n_calls = len(calls)
    assert n_calls > 1
    assert (search.hypervolume_, len(search.hypervolume_trace_)) == (search.hypervolume_, 9)
    assert len(calls) == n_calls
    # Another fit is measured anew.
    assert len(search.set_params(n_iter=7).fit(image).hypervolume_trace_) == 7
    assert not hasattr(make_search(), "hypervolume_")
    assert not hasattr(make_search(), "hypervolume_trace_")


def test_constant_objectives(make_search, image):
    search = make_search(scoring={"a": lambda *_: 1.0, "b": lambda *_: 0.0}, n_iter=12).fit(image)
    assert len(search.pareto_indices_) == 12
    assert search.best_index_ == 0
    assert np.isfinite(search.hypervolume_)


def test_one_objective_is_plain_optimisation(make_search, losses, image):
    search = make_search(scoring={"left": losses["left"]}, n_iter=25).fit(image)
    assert search.best_score_["left"] > -1e-3


def test_all_fail_with_the_engine_asked_after_that(make_search, valley, image):
    with pytest.raises(ValueError, match="Every one of the 9"):
        make_search(valley.set_params(fails=lambda _: True), n_initial_points=3).fit(image)


def test_three_objectives(make_search, losses, image):
    scoring = losses | {"b": lambda estimator, *_: -abs(estimator.b - 0.5)}
    search = make_search(scoring=scoring, n_iter=12).fit(image)
    assert search.pareto_front_.shape[1] == search.ref_point_.size == 3


def fit_time(estimator, *_):
    return -estimator.seconds_


class Timed(SVC):
    """Remembers how long its fit took."""

    def fit(self, X, y, sample_weight=None):
        start = time.perf_counter()
        super().fit(X, y, sample_weight)
        self.seconds_ = time.perf_counter() - start
        return self


def test_accuracy_against_fit_time_of_a_pipeline():
    X, y = load_breast_cancer(return_X_y=True)
    search = MOBOSearchCV(
        Pipeline([("scale", StandardScaler()), ("svc", Timed())]),
        [
            {"svc__kernel": ["linear"], "svc__C": (1e-3, 1e2, "log-uniform")},
            {
                "svc__kernel": ["rbf"],
                "svc__C": (1e-3, 1e2, "log-uniform"),
                "svc__gamma": (1e-4, 1.0, "log-uniform"),
            },
        ],
        scoring={
            "accuracy": "accuracy",
            "time": lambda pipeline, *_: fit_time(pipeline.named_steps["svc"]),
        },
        n_iter=14,
        n_initial_points=8,
        cv=3,
        refit="accuracy",
        random_state=0,
    ).fit(X, y)
    assert search.best_score_["accuracy"] > 0.95
    assert search.score(X, y) > 0.95
    front = search.pareto_front_[np.argsort(search.pareto_front_[:, 0])]
    assert (np.diff(front[:, 1]) <= 0).all()


def test_nested_cross_validation():
    X, y = load_breast_cancer(return_X_y=True)
    search = MOBOSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": (1e-2, 1e2, "log-uniform")},
        scoring=["balanced_accuracy", "precision"],
        n_iter=5,
        n_initial_points=4,
        cv=2,
        random_state=0,
    )
    nested = cross_validate(search, X, y, cv=3, return_estimator=True)
    assert nested["test_score"].min() > 0.9
    assert len({found.best_params_["svc__C"] for found in nested["estimator"]}) >= 1


def test_metadata_is_routed():
    rows = np.random.default_rng(0).normal(size=(30, 3))
    weights = np.arange(30.0)
    seen = []

    def weighted(y_true, y_pred, sample_weight=None):
        seen.append(len(sample_weight))
        return mean_absolute_error(y_true, y_pred, sample_weight=sample_weight)

    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(weighted, greater_is_better=False)
        search = MOBOSearchCV(
            Ridge().set_fit_request(sample_weight=True),
            {"alpha": (0.1, 1.0)},
            scoring={
                "weighted": scorer.set_score_request(sample_weight=True),
                "plain": "neg_max_error",
            },
            n_iter=3,
            n_initial_points=3,
            cv=KFold(3),
        )
        search.fit(rows[:, :2], rows[:, 2], sample_weight=weights)
    assert seen == [10] * 9


def test_sample_weights_reach_scorers_without_routing():
    rows = np.random.default_rng(0).normal(size=(30, 3))
    arguments = {
        "scoring": ["neg_mean_absolute_error", "r2"],
        "n_iter": 2,
        "n_initial_points": 2,
        "random_state": 0,
        "cv": 3,
    }
    fits = [
        MOBOSearchCV(Ridge(), {"alpha": (0.1, 1.0)}, **arguments)
        .fit(rows[:, :2], rows[:, 2], **extra)
        .best_score_["r2"]
        for extra in ({}, {"sample_weight": np.arange(30.0)})
    ]
    assert fits[0] != fits[1]


def test_set_output_of_a_transformer():
    pandas = pytest.importorskip("pandas")
    rows = np.random.default_rng(0).normal(size=(30, 5))
    search = MOBOSearchCV(
        make_pipeline(StandardScaler(), PCA(random_state=0)),
        {"pca__n_components": (1, 4)},
        scoring={
            "score": lambda e, *_: e[-1].explained_variance_ratio_.sum(),
            "size": lambda e, *_: -e[-1].n_components_,
        },
        n_iter=3,
        n_initial_points=3,
        random_state=0,
    ).set_output(transform="pandas")
    assert isinstance(search.fit(rows).transform(rows), pandas.DataFrame)
    assert isinstance(search.set_output(transform="default").fit(rows).transform(rows), np.ndarray)
    assert not hasattr(MOBOSearchCV(Ridge(), {"alpha": (0.1, 1)}, scoring="r2"), "set_output")


def test_feature_names_and_frames_are_passed_on():
    pandas = pytest.importorskip("pandas")
    rows = pandas.DataFrame(np.random.default_rng(0).normal(size=(30, 4)), columns=list("abcd"))
    search = MOBOSearchCV(
        make_pipeline(SelectKBest(f_regression), Ridge()),
        {"selectkbest__k": [1, 2, 3]},
        scoring=["r2", "neg_max_error"],
        n_iter=3,
        n_initial_points=3,
        cv=3,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(rows[["a", "b", "c"]], rows["d"])
        search.predict(rows[["a", "b", "c"]])
    assert list(search.feature_names_in_) == ["a", "b", "c"]


def test_estimator_without_predict_can_be_searched(image):
    class Counter(TransformerMixin, BaseEstimator):
        def __init__(self, level=0.0):
            self.level = level

        def fit(self, X, _=None):
            self.count_ = int((self.level < X).sum())
            return self

        def transform(self, X):
            return self.level < X

    search = MOBOSearchCV(
        Counter(),
        {"level": (0.0, 1.0)},
        scoring={"few": lambda e, *_: -e.count_, "half": lambda e, *_: -abs(e.count_ - 42)},
        n_iter=8,
        n_initial_points=5,
        random_state=0,
    ).fit(image)
    assert not hasattr(search, "predict")
    assert search.transform(image).dtype == bool


def test_dask_gives_the_front_of_one_process(make_search, image):
    distributed = pytest.importorskip("distributed")
    joblib = pytest.importorskip("joblib")
    here = make_search(n_points=2, n_iter=10).fit(image)
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        there = make_search(n_points=2, n_iter=10, n_jobs=2).fit(image)
    same_results(here, there)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_backends_of_joblib(make_search, image, backend):
    joblib = pytest.importorskip("joblib")
    here = make_search(n_points=2, n_iter=8).fit(image)
    with joblib.parallel_config(backend, n_jobs=2):
        same_results(here, make_search(n_points=2, n_iter=8, n_jobs=2).fit(image))


def test_columns_have_the_types_that_scikit_learn_gives_them(make_search, image):
    numbers = make_search(n_iter=4, n_initial_points=4).fit(image).cv_results_["param_a"]
    assert numbers.dtype == np.float64
    assert _column_type(["x", "y"]).kind == "O"
    assert _column_type([(1, 2), (3, 4)]).kind == "O"
    assert _column_type([(1, 2), (3,)]).kind == "O"
    assert _column_type([1, 2]) == np.int64
