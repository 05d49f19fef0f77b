"""The search as a scikit-learn estimator: results, rules, data of any shape."""

import pickle
import sys
import warnings
from subprocess import run

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import get_tags

from logstar.model_selection import MOBOSearchCV
from logstar.pareto import hypervolume, is_non_dominated


@pytest.fixture
def regression():
    return make_regression(n_samples=30, n_features=4, noise=5.0, random_state=0)


TWO_ERRORS = {"mae": "neg_mean_absolute_error", "max": "neg_max_error"}


def test_results_agree_with_the_closed_form(make_search, image):
    search = make_search().fit(image)
    results = search.cv_results_
    a, b = (np.asarray(results[f"param_{name}"], dtype=float) for name in "ab")
    left, right = (a - 0.2) ** 2 + b**2, (a - 0.8) ** 2 + b**2
    np.testing.assert_allclose(results["objective_left"], left, rtol=1e-12)
    np.testing.assert_allclose(results["mean_test_right"], -right, rtol=1e-12)
    table = np.column_stack([left, right])
    np.testing.assert_array_equal(results["is_pareto"], is_non_dominated(table))
    np.testing.assert_array_equal(search.pareto_indices_, np.flatnonzero(is_non_dominated(table)))
    np.testing.assert_allclose(search.pareto_front_, table[search.pareto_indices_])
    assert search.objective_names_ == ("left", "right")
    assert search.pareto_params_ == [
        {"a": a[index], "b": b[index]} for index in search.pareto_indices_
    ]
    initial = table[:6]
    np.testing.assert_allclose(
        search.ref_point_, initial.max(axis=0) + 0.1 * np.ptp(initial, axis=0)
    )
    assert search.hypervolume_ == pytest.approx(hypervolume(table, search.ref_point_))
    assert len(search.hypervolume_trace_) == search.n_evaluations_ == 9
    assert (np.diff(search.hypervolume_trace_) >= 0).all()
    assert search.interrupted_ is False
    assert (results["mean_fit_time"] >= 0).all()


def test_search_finds_the_compromise(make_search, image):
    search = make_search(n_iter=25).fit(image)
    # By symmetry the middle between the valleys, (0.5, 0).
    assert search.best_params_["a"] == pytest.approx(0.5, abs=0.06)
    assert search.best_params_["b"] == pytest.approx(0.0, abs=0.06)
    assert search.best_estimator_.a == search.best_params_["a"]
    assert (
        search.best_score_["left"]
        == -search.pareto_front_[list(search.pareto_indices_).index(search.best_index_), 0]
    )


def test_rules_and_select(make_search, image):
    search = make_search().fit(image)
    table = np.column_stack([search.cv_results_[f"objective_{n}"] for n in ("left", "right")])
    assert search.best_index_ == np.argmin(np.hypot(*table.T)) == search.select("euclidean")
    assert search.select("chebyshev") == np.argmin(table.max(axis=1))
    assert search.select("left") == np.argmin(table[:, 0])
    assert search.select(lambda results: np.argmax(results["param_a"])) == np.argmax(
        search.cv_results_["param_a"]
    )
    for rule in ("chebyshev", "right", True):
        again = make_search(refit=rule).fit(image)
        assert again.best_index_ == search.select(rule)
        assert again.best_estimator_.a == again.best_params_["a"]


def test_callable_refit_scores(make_search, image):
    search = make_search(refit=lambda _: 3).fit(image)
    assert search.best_index_ == 3
    scores = search.scores(image)
    assert scores == {
        name: pytest.approx(search.cv_results_[f"mean_test_{name}"][3]) for name in scores
    }
    assert search.score(image) == scores["left"]
    assert isinstance(search.score(image), float)


@pytest.mark.parametrize(
    ("answer", "error"), [(99, IndexError), (-1, IndexError), ("a", TypeError), (1.0, TypeError)]
)
def test_callable_refit_must_return_a_row(make_search, image, answer, error):
    with pytest.raises(error, match="row"):
        make_search(refit=lambda _: answer).fit(image)


def test_refit_false(make_search, image):
    search = make_search(refit=False).fit(image)
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "predict")
    assert search.pareto_params_[0] == search.cv_results_["params"][search.pareto_indices_[0]]
    assert search.select() in search.pareto_indices_
    with pytest.raises(AttributeError, match="refit=False"):
        search.score(image)


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((5, 8)),
        np.zeros((3, 5, 8)),
        [np.zeros((4, 4)), np.zeros((6, 3))],
    ],
    ids=["image", "stack", "list"],
)
def test_without_cv_the_data_are_passed_on_as_they_are(make_search, data):
    seen = []

    def remember(estimator, X, y):
        seen.append((estimator.fitted_on_, X, y))
        return 0.0

    # A reference of another length than the image has rows.
    reference = np.zeros((17, 3))
    make_search(scoring={"a": remember, "b": remember}, n_iter=6).fit(data, reference)
    assert len(seen) == 12
    assert all(fitted is data and X is data and y is reference for fitted, X, y in seen)


@pytest.mark.parametrize("data", [np.zeros((6, 5, 8)), [np.zeros((4, i + 1)) for i in range(6)]])
def test_splitters_split_stacks(make_search, data):
    seen = []

    def remember(estimator, X):
        seen.append((len(estimator.fitted_on_), len(X)))
        return 0.0

    search = make_search(scoring={"a": remember}, n_iter=6, cv=KFold(3), refit=False).fit(data)
    assert seen == [(4, 2)] * 18
    assert search.n_splits_ == 3


def test_cross_validated_scores_are_those_of_grid_search(regression):
    alphas = [0.1, 1.0, 10.0]
    search = MOBOSearchCV(
        Ridge(),
        {"alpha": alphas},
        scoring=TWO_ERRORS,
        n_iter=3,
        n_initial_points=3,
        cv=4,
        return_train_score=True,
        refit="mae",
    ).fit(*regression)
    grid = GridSearchCV(
        Ridge(), {"alpha": alphas}, scoring=TWO_ERRORS, cv=4, return_train_score=True, refit="mae"
    ).fit(*regression)
    order = np.argsort(search.cv_results_["param_alpha"])
    timed = {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time", "params"}
    for key in set(grid.cv_results_) - timed:
        np.testing.assert_allclose(
            np.asarray(search.cv_results_[key][order], dtype=float),
            np.asarray(grid.cv_results_[key], dtype=float),
            rtol=1e-9,
            err_msg=key,
        )
    assert set(search.cv_results_) - set(grid.cv_results_) == {
        "objective_mae",
        "objective_max",
        "is_pareto",
        "pareto_rank",
        "ask_time",
    }
    assert search.best_params_ == grid.best_params_
    assert search.best_score_["mae"] == pytest.approx(grid.best_score_)


def test_random_splits_are_drawn_once(regression):
    search = MOBOSearchCV(
        Ridge(),
        {"alpha": [1.0, np.nextafter(1.0, 2.0)]},
        scoring=TWO_ERRORS,
        n_iter=2,
        n_initial_points=2,
        cv=ShuffleSplit(2, test_size=0.5),
    ).fit(*regression)
    np.testing.assert_allclose(*search.cv_results_["mean_test_mae"], rtol=1e-9)


def test_same_seed_gives_the_same_whatever_n_jobs(regression):
    def fronts(n_jobs, seed, n_iter):
        search = MOBOSearchCV(
            Ridge(),
            {"alpha": (1e-3, 1e3, "log-uniform"), "fit_intercept": [True, False]},
            scoring=TWO_ERRORS,
            n_iter=n_iter,
            n_initial_points=5,
            cv=3,
            n_jobs=n_jobs,
            random_state=seed,
        ).fit(*regression)
        return search.cv_results_["params"], search.pareto_front_

    one, two = fronts(1, 7, 8), fronts(2, 7, 8)
    assert one[0] == two[0]
    np.testing.assert_array_equal(one[1], two[1])
    assert fronts(1, 8, 5)[0] != one[0][:5]


def test_fitting_twice_and_cloning_give_the_same(make_search, image):
    search = make_search()
    first = search.fit(image).cv_results_["params"]
    assert search.fit(image).cv_results_["params"] == first
    assert clone(search).fit(image).cv_results_["params"] == first


def test_single_scorer(make_search, image, losses):
    search = make_search(scoring=losses["left"], n_iter=16).fit(image)
    assert search.objective_names_ == ("score",)
    assert search.multimetric_ is False
    assert search.pareto_front_.shape == (1, 1)
    assert search.pareto_front_[0, 0] < 0.01
    assert search.best_score_ == -search.pareto_front_[0, 0]
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.scorer_ is losses["left"]


def test_one_callable_for_all_scores(make_search, image):
    def both(estimator, X):
        left, right = estimator.predict(X)
        return {"left": -left, "right": -right}

    search = make_search(scoring=both).fit(image)
    named = make_search().fit(image)
    assert search.cv_results_["params"] == named.cv_results_["params"]
    # It declares nothing, so objectives are the scores themselves.
    np.testing.assert_array_equal(search.pareto_front_, -named.pareto_front_)
    assert search.multimetric_ is True
    assert set(search.scores(image)) == {"left", "right"}


def test_pipeline_with_strings_on_a_classifier():
    X, y = load_iris(return_X_y=True)
    search = MOBOSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": (1e-2, 1e2, "log-uniform"), "svc__kernel": ["rbf", "linear"]},
        scoring=["accuracy", "f1_macro"],
        n_iter=6,
        n_initial_points=5,
        cv=3,
        random_state=0,
    ).fit(X, y)
    assert search.score(X, y) == pytest.approx(np.mean(search.predict(X) == y))
    assert list(search.classes_) == [0, 1, 2]
    assert search.n_features_in_ == 4
    assert isinstance(search.best_params_["svc__C"], float)
    assert isinstance(search.best_params_["svc__kernel"], str)
    nested = cross_validate(search, X, y, cv=2)
    assert nested["test_score"].min() > 0.9


def test_pickled_search_predicts_the_same(make_search, image):
    search = make_search().fit(image)
    copied = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copied.predict(image), search.predict(image))
    assert copied.select("chebyshev") == search.select("chebyshev")


def test_tags_are_those_of_the_estimator(valley, make_search):
    class OfStacks(type(valley)):
        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.input_tags.two_d_array = False
            tags.input_tags.three_d_array = True
            return tags

    tags = get_tags(make_search(OfStacks())).input_tags
    assert (tags.two_d_array, tags.three_d_array) == (False, True)
    assert get_tags(make_search(Ridge(), search_spaces={"alpha": (0.1, 1.0)})).input_tags.sparse


def test_callback_is_told_and_can_stop(make_search, image):
    told = []

    def stop_at_seven(progress):
        told.append(progress)
        return progress.n_done == 7

    also_told = []
    search = make_search(callback=[stop_at_seven, also_told.append]).fit(image)
    assert [progress.n_done for progress in told] == list(range(1, 8))
    assert also_told == told
    assert search.n_evaluations_ == 7
    assert search.interrupted_ is False
    last = told[-1]
    assert last.n_iter == 9
    assert last.params == search.cv_results_["params"][-1]
    assert last.objectives == {
        name: search.cv_results_[f"objective_{name}"][-1] for name in ("left", "right")
    }
    assert last.best_params == search.best_params_
    assert last.best_objectives["left"] == -search.best_score_["left"]
    # The search stopped is the beginning of the whole.
    assert make_search().fit(image).cv_results_["params"][:7] == search.cv_results_["params"]


def test_callback_that_returns_something_else_does_not_stop(make_search, image):
    assert make_search(callback=lambda progress: progress.n_done).fit(image).n_evaluations_ == 9


def test_scikit_learns_callbacks_work(make_search, image):
    callback = pytest.importorskip("sklearn.callback")

    class Recorder(callback.FitCallback):
        def __init__(self):
            self.begun, self.ended = [], []

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, _, context):
            self.begun.append(context.task_name)

        def on_fit_task_end(self, _, context):
            self.ended.append(context.task_name)

    recorder = Recorder()
    make_search().set_callbacks(recorder).fit(image)
    assert recorder.begun == [
        "fit",
        "search",
        *["candidate-split-evaluation"] * 9,
        "refit-with-best-params",
    ]
    assert sorted(recorder.begun) == sorted(recorder.ended)


def test_scikit_learns_callbacks_may_stop_the_search(make_search, image):
    callback = pytest.importorskip("sklearn.callback")

    class Patience(callback.FitCallback):
        def __init__(self):
            self.n_ended = 0

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, _, context):
            self.n_ended += context.task_name == "candidate-split-evaluation"
            return self.n_ended >= 4

    search = make_search().set_callbacks(Patience()).fit(image)
    assert search.n_evaluations_ == 4
    assert search.stop_reason_ == "callback"


def test_verbose_prints_each_evaluation(make_search, image, capsys):
    make_search(verbose=1).fit(image)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert lines[-1].startswith("[9/9] {'a': ")
    assert "left=" in lines[-1]


def test_constructor_parameters_are_left_alone(make_search, image):
    search = make_search()
    before = dict(search.get_params(deep=False))
    search.fit(image)
    assert search.get_params(deep=False) == before


def test_skopt_is_not_imported_before_a_search():
    code = "import sys, logstar.model_selection; sys.exit('skopt' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


class TestEstimatorAt:
    """Any row of the results as a fitted estimator."""

    def test_of_an_ordinary_search(self, make_search, image):
        search = make_search(refit=False).fit(image)
        for row in (0, 3, search.n_evaluations_ - 1):
            estimator = search.estimator_at(row)
            assert estimator.get_params()["a"] == search.cv_results_["params"][row]["a"]
            assert estimator.fitted_on_ is image
            assert estimator.predict(image)[0] == search.cv_results_["objective_left"][row]
        other = image + 1
        assert search.estimator_at(0, other).fitted_on_ is other

    def test_best_is_as_it_was(self, make_search, image):
        search = make_search().fit(image)
        best = search.best_estimator_
        again = search.estimator_at(search.best_index_)
        assert again is not best
        assert again.get_params() == best.get_params()
        assert search.best_estimator_ is best

    def test_targets_and_parameters_of_fit_are_those_of_the_search(self):
        X, y = make_regression(n_samples=40, n_features=3, noise=5, random_state=0)
        weights = np.linspace(0.1, 3, 40)
        search = MOBOSearchCV(
            Ridge(), {"alpha": (0.1, 100.0)}, scoring="r2", n_iter=3, n_initial_points=3, cv=3,
            random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not support sample_weight")
            search.fit(X, y, sample_weight=weights)
        alpha = search.cv_results_["params"][1]["alpha"]
        expected = Ridge(alpha=alpha).fit(X, y, sample_weight=weights)
        np.testing.assert_array_equal(search.estimator_at(1).coef_, expected.coef_)
        np.testing.assert_array_equal(
            search.estimator_at(1, X, y).coef_, Ridge(alpha=alpha).fit(X, y).coef_
        )

    def test_a_pickled_search_needs_the_data(self, make_search, image):
        search = make_search().fit(image)
        again = pickle.loads(pickle.dumps(search))
        with pytest.raises(ValueError, match="no longer holds what it was fitted to; give X"):
            again.estimator_at(0)
        assert again.estimator_at(0, image).a == search.estimator_at(0).a

    @pytest.mark.parametrize("row", [-1, 9])
    def test_rows_that_are_not_there(self, make_search, image, row):
        search = make_search().fit(image)
        with pytest.raises(IndexError, match=f"no row {row} of cv_results_; there are rows 0 to 8"):
            search.estimator_at(row)
        with pytest.raises(ValueError, match="go with X"):
            search.estimator_at(0, y=image)
