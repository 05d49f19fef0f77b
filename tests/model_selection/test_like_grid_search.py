"""Side by side with GridSearchCV: what a user who comes from there may rely on."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from joblib import parallel_config
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs, make_classification, make_multilabel_classification
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer, recall_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    ParameterGrid,
    StratifiedShuffleSplit,
)
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from logstar.model_selection import MOBOSearchCV

#: Columns of `cv_results_` that only ours has.
OURS_ALONE = {"ask_time", "is_pareto", "pareto_rank"}
TIMES = {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}


@pytest.fixture(scope="module")
def data():
    return make_classification(n_samples=60, n_features=5, flip_y=0.2, random_state=0)


def ours(estimator, grid, *, scoring=None, cv=3, **options):
    """Make the search that evaluates a grid in its order."""
    settings = list(ParameterGrid(grid))
    return MOBOSearchCV(
        estimator,
        grid,
        scoring=scoring,
        cv=cv,
        n_iter=len(settings),
        initial_points=settings,
        engine="random",
        **options,
    )


def theirs(estimator, grid, *, scoring=None, cv=3, **options):
    return GridSearchCV(estimator, grid, scoring=scoring, cv=cv, **options)


def pair(estimator, grid, *given, fit_params=None, **options):
    """Fit both, each with a clone of the estimator; return ours, then GridSearchCV's."""
    return tuple(
        make(clone(estimator), grid, **options).fit(*given, **(fit_params or {}))
        for make in (ours, theirs)
    )


def same_results(search, grid):
    assert search.cv_results_["params"] == grid.cv_results_["params"]
    for name, column in grid.cv_results_.items():
        if name == "params" or name in TIMES:
            continue
        np.testing.assert_array_equal(search.cv_results_[name], column, err_msg=name)
        assert search.cv_results_[name].dtype == column.dtype, name
        if isinstance(column, np.ma.MaskedArray):
            np.testing.assert_array_equal(search.cv_results_[name].mask, column.mask)


# Results.


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    ("scoring", "refit"),
    [
        (None, True),
        ("accuracy", True),
        (["accuracy", "recall"], "recall"),
        ({"a": "accuracy", "r": make_scorer(recall_score)}, "a"),
        (make_scorer(accuracy_score), True),
        (lambda e, X, y: float((e.predict(X) == y).mean()), True),
        (lambda e, X, y: {"x": e.score(X, y), "y": -e.score(X, y)}, "y"),
    ],
    ids=["none", "name", "list", "dict", "scorer", "callable", "callable of several"],
)
def test_results(data, scoring, refit, train):
    spaces = [
        {"kernel": ["rbf"], "C": [0.1, 1.0, 10.0], "gamma": [0.1, 1.0]},
        {"kernel": ["poly"], "degree": [1, 2]},
    ]
    search, grid = pair(
        SVC(), spaces, *data, scoring=scoring, refit=refit, return_train_score=train
    )
    same_results(search, grid)
    extra = set(search.cv_results_) - set(grid.cv_results_)
    assert {name for name in extra if not name.startswith("objective_")} == OURS_ALONE
    assert search.best_index_ == grid.best_index_
    assert search.best_params_ == grid.best_params_
    assert search.best_estimator_.get_params() == grid.best_estimator_.get_params()
    assert search.n_splits_ == grid.n_splits_
    assert search.multimetric_ is grid.multimetric_
    assert search.score(*data) == grid.score(*data)
    named = search.best_score_[refit] if search.multimetric_ else search.best_score_
    assert named == grid.best_score_
    for name in TIMES:
        assert (search.cv_results_[name] >= 0).all()
    assert search.refit_time_ >= 0


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5],
        [None, 3],
        ["auto", 2],
        [[1], [2, 3]],
        [[1, 2], [3, 4]],
        [(1, 2), (3, 4)],
        [np.array([1, 2]), np.array([3, 4])],
        [np.array([[1], [2]]), np.array([[3], [4]])],
        range(1, 4),
        np.array([1, 5]),
        np.array([0.5, 0.25, 2.0]),
        np.array([None, "a"], dtype=object),
        np.array([True, False]),
        (1, 2, 3),
        (True, False),
        [StandardScaler(), StandardScaler(with_mean=False)],
        [True, 1, "1"],
    ],
    ids=str,
)
def test_values_of_any_kind_and_the_type_of_their_column(values):
    rows = np.zeros((6, 1))

    class Holder(BaseEstimator):
        def __init__(self, value=None):
            self.value = value

        def fit(self, *_):
            return self

        def score(self, *_):
            return 0.0

    search, grid = pair(Holder(), {"value": values}, rows)
    if not isinstance(values, np.ndarray):  # whose values ours are as plain Python numbers
        assert str(search.cv_results_["params"]) == str(grid.cv_results_["params"])
    column, expected = (s.cv_results_["param_value"] for s in (search, grid))
    assert column.dtype == expected.dtype
    assert str(column) == str(expected)


def test_ties_go_to_the_first(data):
    search, grid = pair(DecisionTreeClassifier(random_state=0), {"max_depth": [8, 9, 10]}, *data)
    assert len(set(grid.cv_results_["mean_test_score"])) == 1
    assert search.best_index_ == grid.best_index_ == 0
    np.testing.assert_array_equal(search.cv_results_["rank_test_score"], [1, 1, 1])


# Choosing and fitting.


def test_without_refit(data):
    search, grid = pair(SVC(), {"C": [0.1, 1.0]}, *data, refit=False)
    for name in ("best_index_", "best_params_", "best_score_"):
        assert getattr(search, name) == getattr(grid, name)
    for found in (search, grid):
        for name in ("best_estimator_", "predict", "classes_", "n_features_in_", "refit_time_"):
            assert not hasattr(found, name)
        with pytest.raises(AttributeError, match="refit"):
            found.score(*data)


def test_the_only_scorer_may_be_refitted_by_its_name(data):
    search, grid = pair(SVC(), {"C": [0.1, 1.0]}, *data, scoring="accuracy", refit="accuracy")
    assert search.best_params_ == grid.best_params_
    assert search.score(*data) == grid.score(*data)
    assert search.select("accuracy") == search.select("score") == grid.best_index_


def test_a_callable_chooses(data):
    def most_flexible(results):
        return int(np.argmax(results["param_C"]))

    search, grid = pair(SVC(), {"C": [0.1, 5.0, 1.0]}, *data, refit=most_flexible)
    assert search.best_index_ == grid.best_index_ == 1


@pytest.mark.parametrize(
    ("answer", "error"), [("a", TypeError), (1.5, TypeError), (-1, IndexError), (7, IndexError)]
)
def test_a_callable_that_chooses_no_row(data, answer, error):
    for make in (ours, theirs):
        with pytest.raises(error):
            make(SVC(), {"C": [0.1, 1.0]}, refit=lambda _: answer).fit(*data)


@pytest.mark.parametrize(
    ("estimator", "grid", "methods"),
    [
        (SVC(), {"C": [0.1, 1.0]}, ["predict", "decision_function"]),
        (
            LogisticRegression(),
            {"C": [0.1, 1.0]},
            ["predict", "predict_proba", "predict_log_proba", "decision_function"],
        ),
        (KernelDensity(), {"bandwidth": [0.1, 1.0]}, ["score_samples"]),
        (StandardScaler(), {"with_mean": [True, False]}, ["transform", "inverse_transform"]),
    ],
    ids=["svc", "logistic", "density", "scaler"],
)
def test_methods_of_the_estimator(data, estimator, grid, methods):
    X, y = data
    scoring = None if hasattr(estimator, "score") else (lambda *_: 0.0)
    search, reference = pair(estimator, grid, X, y, scoring=scoring)
    for name in (
        "predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples",
        "transform", "inverse_transform",
    ):  # fmt: skip
        assert hasattr(search, name) == hasattr(reference, name) == (name in methods)
        if name in methods:
            np.testing.assert_array_equal(getattr(search, name)(X), getattr(reference, name)(X))
            with pytest.raises(NotFittedError):
                getattr(ours(estimator, grid, scoring=scoring), name)(X)
    assert search.n_features_in_ == reference.n_features_in_
    assert hasattr(search, "classes_") == hasattr(reference, "classes_")


# Data.


@pytest.mark.parametrize("kind", ["csr", "list", "frame", "4d", "nan", "strings"])
def test_data_of_any_kind(data, kind):
    X, y = data
    estimator, grid = LinearSVC(random_state=0), {"C": [0.1, 1.0]}
    if kind == "csr":
        X = sparse.csr_array(np.maximum(X, 0))
    elif kind == "list":
        X, y = X.tolist(), y.tolist()
    elif kind == "frame":
        pandas = pytest.importorskip("pandas")
        X, y = pandas.DataFrame(X, columns=list("abcde")), pandas.Series(y)
    elif kind == "4d":
        X = X.reshape(60, 5, 1, 1)
        estimator, grid = Flat(), {"C": [0.1, 1.0]}
    elif kind == "nan":
        X = np.where(np.abs(X) > 2, np.nan, X)
        estimator, grid = (
            make_pipeline(SimpleImputer(), LogisticRegression()),
            {"simpleimputer__strategy": ["mean", "median"]},
        )
    else:
        y = np.array(["no", "yes"])[y]
    search, reference = pair(estimator, grid, X, y)
    same_results(search, reference)
    np.testing.assert_array_equal(search.predict(X), reference.predict(X))
    np.testing.assert_array_equal(
        getattr(search, "feature_names_in_", []), getattr(reference, "feature_names_in_", [])
    )


class Flat(ClassifierMixin, BaseEstimator):
    """Takes data of any number of dimensions."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        assert X.ndim == 4
        self.model_ = LogisticRegression(C=self.C).fit(X.reshape(len(X), -1), y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X.reshape(len(X), -1))


def test_precomputed_kernels_are_split_on_both_sides(data):
    X, y = data
    search, grid = pair(SVC(kernel="precomputed"), {"C": [0.1, 1.0]}, X @ X.T, y)
    same_results(search, grid)
    assert get_tags(search).input_tags.pairwise is get_tags(grid).input_tags.pairwise is True
    for make in (ours, theirs):
        with pytest.raises(ValueError, match="square"):
            make(SVC(kernel="precomputed"), {"C": [1.0]}).fit(X, y)


def test_several_targets():
    X, y = make_multilabel_classification(n_samples=40, random_state=0)
    search, grid = pair(KNeighborsClassifier(), {"n_neighbors": [2, 5]}, X, y)
    same_results(search, grid)
    np.testing.assert_array_equal(search.predict(X), grid.predict(X))


def test_without_a_target():
    X, y = make_blobs(60, centers=3, random_state=0)
    estimator = KMeans(n_init=1, random_state=0)
    for given, scoring in (((X, y), "adjusted_rand_score"), ((X,), None)):
        search, grid = pair(estimator, {"n_clusters": [2, 3, 4]}, *given, scoring=scoring)
        same_results(search, grid)
        assert search.best_params_ == grid.best_params_


@pytest.mark.parametrize("n_labels", [59, 61])
def test_targets_of_another_length(data, n_labels):
    for make in (ours, theirs):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            make(SVC(), {"C": [0.1, 1.0]}).fit(data[0], np.arange(n_labels) % 2)


# Splits.


@pytest.mark.parametrize(
    "cv",
    [
        2,
        KFold(4),
        StratifiedShuffleSplit(2, random_state=0),
        GroupKFold(3),
        LeaveOneGroupOut(),
        "generator",
        "list",
    ],
    ids=lambda cv: cv if isinstance(cv, str) else type(cv).__name__,
)
def test_splits(data, cv):
    X, y = data
    given = {"groups": np.arange(60) % 3} if "Group" in type(cv).__name__ else {}

    def splits():
        if isinstance(cv, str):
            return KFold(3).split(X) if cv == "generator" else list(KFold(3).split(X))
        return cv

    search = ours(SVC(), {"C": [0.1, 1.0]}, cv=splits()).fit(X, y, **given)
    grid = theirs(SVC(), {"C": [0.1, 1.0]}, cv=splits()).fit(X, y, **given)
    same_results(search, grid)
    assert search.n_splits_ == grid.n_splits_


@pytest.mark.parametrize(
    ("cv", "groups"), [(GroupKFold(3), None), (iter([]), None), ("fold", None), (KFold(99), None)]
)
def test_splits_that_cannot_be(data, cv, groups):
    for make in (ours, theirs):
        with pytest.raises(ValueError, match=r"group|cv|fit|split|sample"):
            make(SVC(), {"C": [0.1, 1.0]}, cv=cv).fit(*data, groups=groups)


# Parameters of fit, weights, metadata.


class Weighed(ClassifierMixin, BaseEstimator):
    """Notes what its `fit` is given."""

    seen: list = []  # noqa: RUF012 # clones must write into one list

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y, **given):
        self.classes_ = np.unique(y)
        self.seen.append((len(X), {name: np.size(value) for name, value in given.items()}))
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


def test_parameters_of_fit_are_split_where_they_are_as_long_as_the_data(data):
    given = {"eggs": np.arange(60), "spam": [1, 2, 3], "flag": True, "none": None}
    seen = []
    for make in (ours, theirs):
        Weighed.seen.clear()
        make(Weighed(), {"C": [0.1, 1.0]}).fit(*data, **given)
        seen.append(list(Weighed.seen))
    assert seen[0] == seen[1]
    assert seen[0][0] == (40, {"eggs": 40, "spam": 3, "flag": 1, "none": 1})
    assert seen[0][-1] == (60, {"eggs": 60, "spam": 3, "flag": 1, "none": 1})


def test_weights_reach_fits_and_scorers(data):
    weights = np.linspace(0, 3, 60)
    search, grid = pair(
        LogisticRegression(), {"C": [0.1, 1.0]}, *data, fit_params={"sample_weight": weights}
    )
    same_results(search, grid)
    plain = ours(LogisticRegression(), {"C": [0.1, 1.0]}).fit(*data)
    assert (plain.cv_results_["mean_test_score"] != grid.cv_results_["mean_test_score"]).any()


@pytest.mark.parametrize("named", [False, True])
def test_a_scorer_without_weights_is_named(data, named):
    def unweighted(estimator, X, y):
        return float(estimator.score(X, y))

    scoring = {"plain": unweighted, "weighed": "accuracy"} if named else unweighted
    for make in (ours, theirs):
        search = make(SVC(), {"C": [0.1, 1.0]}, scoring=scoring, refit=False)
        if named and make is theirs:
            # It asks for a private method, which a plain function lacks.
            with pytest.raises(AttributeError):
                search.fit(*data, sample_weight=np.ones(60))
            continue
        with pytest.warns(UserWarning, match="does not support sample_weight") as caught:
            search.fit(*data, sample_weight=np.ones(60))
        assert len(caught) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            search.fit(*data)
    if named:
        assert "'plain'" in str(caught[0].message)
    assert caught[0].filename.endswith(("test_like_grid_search.py", "_search.py"))


def test_metadata_are_routed(data):
    seen = []

    def recall(y_true, y_pred, sample_weight=None):
        seen.append(None if sample_weight is None else len(sample_weight))
        return recall_score(y_true, y_pred, sample_weight=sample_weight)

    seen_by = []
    for make in (ours, theirs):
        seen.clear()
        with config_context(enable_metadata_routing=True):
            scorer = make_scorer(recall).set_score_request(sample_weight=True)
            search = make(
                LogisticRegression().set_fit_request(sample_weight=True),
                {"C": [0.1, 1.0]},
                scoring=scorer,
                cv=GroupKFold(3),
            )
            search.fit(*data, sample_weight=np.ones(60), groups=np.arange(60) % 3)
            search.score(*data, sample_weight=np.ones(60))
        seen_by.append(list(seen))
    assert seen_by[0] == seen_by[1] == [20] * 6 + [60]


def test_metadata_that_nobody_takes_are_refused(data):
    for make in (ours, theirs):
        search = make(LogisticRegression(), {"C": [0.1, 1.0]}).fit(*data)
        with pytest.raises(ValueError, match="eggs"):
            search.score(*data, eggs=3)


# scikit-learn's callbacks.


def test_callbacks_are_told_the_same(data):
    callback = pytest.importorskip("sklearn.callback")

    class Recorder(callback.FitCallback):
        def __init__(self):
            self.told = []

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, _, context, *, X, y, metadata):
            self.note(context, X, y, metadata)

        def on_fit_task_end(self, _, context, *, X, y, metadata):
            self.note(context, X, y, metadata)

        def note(self, context, X, y, metadata):
            if X is not None:
                weights = None if metadata is None else len(metadata["sample_weight"])
                self.told.append((context.task_name, len(X), len(y), weights))

    for weights in (np.ones(60), None):
        recorders = []
        for make in (ours, theirs):
            recorders.append(Recorder())
            search = make(Weighed(), {"C": [0.1, 1.0]}, scoring="accuracy")
            search.set_callbacks(recorders[-1]).fit(*data, sample_weight=weights)
        assert recorders[0].told == recorders[1].told
        assert ("candidate-split-evaluation", 40, 40, weights if weights is None else 40) in (
            recorders[0].told
        )


# Failures.


class Fails(ClassifierMixin, BaseEstimator):
    """Raises what it is given."""

    def __init__(self, error=None, C=1.0):
        self.error = error
        self.C = C

    def fit(self, X, y):
        self.n_features_in_ = np.shape(X)[1]
        self.classes_ = np.unique(y)
        if self.error is not None:
            raise self.error("as required")
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("score", [np.nan, 0.0, 0.1])
def test_fits_that_fail_score_what_error_score_says(data, score):
    found = []
    for make in (ours, theirs):
        search = make(Fails(), {"error": [None, ValueError]}, error_score=score)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
            with pytest.warns(FitFailedWarning, match="ValueError: as required"):
                search.fit(*data)
        found.append(search)
    same_results(*found)
    assert found[0].best_params_ == found[1].best_params_ == {"error": None}


@pytest.mark.parametrize("error", [ValueError, TypeError, RuntimeError, KeyError])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_errors_are_raised_as_they_are(data, error, n_jobs):
    for make in (ours, theirs):
        with parallel_config("threading"), pytest.raises(error, match="as required"):
            make(Fails(), {"error": [error]}, error_score="raise", n_jobs=n_jobs).fit(*data)


def test_a_fit_at_last_that_fails_raises_its_error(data):
    class Grows(Fails):
        def fit(self, X, y):
            if len(X) == 60:
                raise TypeError("too many")
            return super().fit(X, y)

    for make in (ours, theirs):
        with pytest.raises(TypeError, match="too many"):
            make(Grows(), {"C": [0.1, 1.0]}).fit(*data)


def test_all_fits_fail(data):
    for make in (ours, theirs):
        with pytest.raises(ValueError, match="as required"):
            make(Fails(), {"error": [TypeError]}).fit(*data)


class NoScore(BaseEstimator):
    def __init__(self, C=1.0):
        self.C = C

    def fit(self, *_):
        return self


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"estimator": NoScore()}, TypeError, "'score' method"),
        ({"estimator": object()}, ValueError, "'estimator'"),
        ({"scoring": "no such"}, ValueError, "'scoring'"),
        ({"scoring": []}, ValueError, "[Ee]mpty"),
        ({"scoring": ["accuracy", "accuracy"]}, ValueError, "[Dd]uplicate|unique"),
        ({"scoring": [make_scorer(accuracy_score)]}, ValueError, "callable"),
        ({"scoring": {1: "accuracy"}}, ValueError, "string|str"),
        ({"refit": "no such", "scoring": ["accuracy"]}, ValueError, "refit"),
        ({"error_score": "ignore"}, ValueError, "'error_score'"),
        ({"return_train_score": "yes"}, ValueError, "'return_train_score'"),
        ({"pre_dispatch": 1.5}, ValueError, "'pre_dispatch'"),
        ({"n_jobs": "all"}, ValueError, "'n_jobs'"),
    ],
)
def test_parameters_that_are_refused_by_both(data, arguments, error, words):
    for make in (ours, theirs):
        given = {"estimator": SVC(), "grid": {"C": [0.1, 1.0]}, "refit": "accuracy"} | arguments
        if not isinstance(given.get("scoring"), list):
            given["refit"] = arguments.get("refit", True)
        with pytest.raises(error, match=words):
            make(**given).fit(*data)


@pytest.mark.parametrize(
    ("grid", "error"),
    [
        ({"C": 1.0}, TypeError),
        ({"C": []}, ValueError),
        ({"C": "1,2,3"}, TypeError),
        ({"C": np.ones((3, 2))}, ValueError),
        ({"C": {0.1, 1.0}}, TypeError),
        ([{"C": [1.0]}, 0], TypeError),
        (0, (TypeError, ValueError)),
        ([], ValueError),
        ({"D": [1.0, 2.0]}, ValueError),
    ],
    ids=str,
)
def test_grids_that_are_refused_by_both(data, grid, error):
    search = MOBOSearchCV(SVC(), grid, scoring=None, cv=2)
    for make in (search, GridSearchCV(SVC(), grid, cv=2)):
        with pytest.raises(error):
            make.fit(*data)


@pytest.mark.parametrize("X", [5, None, "images"])
def test_data_that_are_none(X):
    kinds = []
    for make in (ours, theirs):
        with pytest.raises((TypeError, ValueError)) as caught:
            make(SVC(), {"C": [0.1, 1.0]}).fit(X, [0, 1])
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


# As an object.


def test_copies_and_pickles(data):
    search, grid = pair(SVC(), {"C": [0.1, 1.0]}, *data)
    for found in (search, grid):
        copy = pickle.loads(pickle.dumps(found))
        np.testing.assert_array_equal(copy.predict(data[0]), found.predict(data[0]))
        assert not hasattr(clone(found), "cv_results_")
        assert "SVC" in found._repr_html_()
        assert found.get_params()["estimator__C"] == 1.0
        assert found.set_params(estimator__C=3.0).estimator.C == 3.0
    ours_, theirs_ = get_tags(search), get_tags(grid)
    assert ours_.estimator_type == theirs_.estimator_type == "classifier"
    assert ours_.classifier_tags == theirs_.classifier_tags
    assert ours_.input_tags.sparse == theirs_.input_tags.sparse


def test_a_minimal_estimator_will_do():
    class Minimal:
        def __init__(self, level=0.0):
            self.level = level

        def get_params(self, deep=False):  # noqa: ARG002
            return {"level": self.level}

        def set_params(self, **params):
            self.level = params.get("level", self.level)
            return self

        def fit(self, *_):
            return self

        def score(self, *_):
            return self.level

        def __sklearn_tags__(self):
            return get_tags(NoScore())

    search, grid = pair(Minimal(), {"level": [0.0, 0.5, 0.25]}, np.zeros((6, 1)), np.zeros(6))
    assert search.best_params_ == grid.best_params_ == {"level": 0.5}


def test_one_setting_for_all_is_evaluated(data):
    search, grid = pair(SVC(), {}, *data)
    same_results(search, grid)
    search, grid = pair(SVC(), [{"C": [0.1]}, {}], *data)
    assert search.cv_results_["params"] == grid.cv_results_["params"] == [{"C": 0.1}, {}]
