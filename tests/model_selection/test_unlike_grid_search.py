"""Side by side with GridSearchCV: what differs, as docs/search_and_gridsearchcv.md lists it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.svm import SVC

from logstar.model_selection import MOBOSearchCV
from tests.model_selection.test_like_grid_search import Fails, ours, pair, theirs


@pytest.fixture(scope="module")
def data():
    return make_classification(n_samples=60, n_features=5, flip_y=0.2, random_state=0)


def test_the_spaces_have_their_own_name_and_scoring_is_asked_for():
    with pytest.raises(TypeError, match="scoring"):
        MOBOSearchCV(SVC(), {"C": [1.0]})
    assert GridSearchCV(SVC(), {"C": [1.0]}).scoring is None
    assert {"search_spaces", "param_grid"} & set(ours(SVC(), {"C": [1.0]}).get_params()) == {
        "search_spaces"
    }


def test_branches_may_stand_in_a_tuple(data):
    branches = ({"C": [0.1, 1.0]}, {"gamma": [0.5]})
    assert ours(SVC(), branches).fit(*data).n_evaluations_ == 3
    with pytest.raises(ValueError, match="param_grid"):
        theirs(SVC(), branches).fit(*data)


def test_splits_are_counted_as_they_come(data):
    class Splitter:
        def split(self, X, y=None, groups=None):  # noqa: ARG002 - scikit-learn's signature
            yield from KFold(2).split(X)

        def get_n_splits(self, X=None, y=None, groups=None):  # noqa: ARG002
            return 3

    assert ours(SVC(), {"C": [0.1, 1.0]}, cv=Splitter()).fit(*data).n_splits_ == 2
    with pytest.raises(ValueError, match="inconsistent"):
        theirs(SVC(), {"C": [0.1, 1.0]}, cv=Splitter()).fit(*data)


def test_what_was_evaluated_before_an_interruption_is_kept(data):
    def score(estimator, X, y):
        if estimator.C == 10.0:
            raise KeyboardInterrupt
        return estimator.score(X, y)

    with pytest.warns(UserWarning, match="interrupted after 2 of 3"):
        search = ours(SVC(), {"C": [0.1, 1.0, 10.0]}, scoring=score).fit(*data)
    assert search.interrupted_
    assert search.cv_results_["params"] == [{"C": 0.1}, {"C": 1.0}]
    assert search.best_params_["C"] == search.best_estimator_.C
    with pytest.raises(KeyboardInterrupt):
        theirs(SVC(), {"C": [0.1, 1.0, 10.0]}, scoring=score).fit(*data)


def test_settings_are_chosen_within_a_budget(data):
    search = MOBOSearchCV(SVC(), {"C": [0.1, 1, 10, 100]}, scoring=None, n_iter=2, cv=3).fit(*data)
    assert search.n_evaluations_ == 2


def test_a_tuple_of_two_numbers_is_an_interval(data):
    search = MOBOSearchCV(SVC(), {"C": (0.1, 1.0)}, scoring=None, n_iter=6, cv=2).fit(*data)
    assert len({params["C"] for params in search.cv_results_["params"]} - {0.1, 1.0}) >= 4
    grid = theirs(SVC(), {"C": (0.1, 1.0)}).fit(*data)
    assert [params["C"] for params in grid.cv_results_["params"]] == [0.1, 1.0]
    # What might be choices and might be an interval with a slip of the pen is refused.
    with pytest.raises(ValueError, match="For choices give a list"):
        MOBOSearchCV(SVC(), {"gamma": (1, 2, "scale")}, scoring=None, cv=2).fit(*data)
    theirs(SVC(), {"gamma": (1, 2, "scale")}).fit(*data)


def test_without_cv_all_data_are_fitted_and_scored(data):
    with pytest.warns(UserWarning, match="training data"):
        search = ours(SVC(), {"C": [0.1, 1.0]}, cv=None).fit(*data)
    assert search.n_splits_ == 1
    assert search.score(*data) == search.best_score_
    assert theirs(SVC(), {"C": [0.1, 1.0]}, cv=None).fit(*data).n_splits_ == 5


def test_a_setting_given_twice_is_evaluated_once(data):
    with pytest.warns(UserWarning, match="only 2 different settings"):
        search, grid = pair(SVC(), {"C": [0.1, 1.0, 0.1]}, *data)
    assert (len(search.cv_results_["params"]), len(grid.cv_results_["params"])) == (2, 3)


def test_several_scores_need_no_name_for_refit(data):
    scoring = ["accuracy", "recall"]
    search = ours(SVC(), {"C": [0.1, 1.0]}, scoring=scoring).fit(*data)
    assert search.best_index_ == search.select("euclidean")
    assert list(search.best_score_) == scoring
    assert search.score(*data) == search.scores(*data)["accuracy"]
    with pytest.raises(ValueError, match="refit"):
        theirs(SVC(), {"C": [0.1, 1.0]}, scoring=scoring).fit(*data)
    for make in (ours, theirs):
        found = make(SVC(), {"C": [0.1, 1.0]}, scoring=scoring, refit=False).fit(*data)
        assert hasattr(found, "best_params_") == (make is ours)


def test_a_name_that_names_nothing_is_refused(data):
    with pytest.raises(ValueError, match="refit='recall' is no rule"):
        ours(SVC(), {"C": [0.1, 1.0]}, scoring="accuracy", refit="recall").fit(*data)
    theirs(SVC(), {"C": [0.1, 1.0]}, scoring="accuracy", refit="recall").fit(*data)


def test_a_failure_is_never_chosen(data):
    spaces = {"error": [None, ValueError]}
    with pytest.warns(FitFailedWarning):
        search = ours(Fails(), spaces, error_score=2.0, refit=False).fit(*data)
    with pytest.warns(FitFailedWarning):
        grid = theirs(Fails(), spaces, error_score=2.0, refit=False).fit(*data)
    np.testing.assert_array_equal(*(s.cv_results_["mean_test_score"] for s in (search, grid)))
    assert search.best_params_ == {"error": None}
    assert grid.best_params_ == {"error": ValueError}


def test_scores_that_are_not_finite(data):
    def score(estimator, *_):
        return np.nan if estimator.C > 0.5 else 0.5

    with pytest.warns(FitFailedWarning, match="NaN or infinite"):
        ours(SVC(), {"C": [0.1, 1.0]}, scoring=score).fit(*data)
    with pytest.warns(UserWarning, match="non-finite"):
        theirs(SVC(), {"C": [0.1, 1.0]}, scoring=score).fit(*data)
    with pytest.raises(ValueError, match="nothing to choose from"):
        ours(SVC(), {"C": [1.0, 2.0]}, scoring=score).fit(*data)
    with pytest.warns(UserWarning, match="non-finite"):
        assert theirs(SVC(), {"C": [1.0, 2.0]}, scoring=score).fit(*data).best_index_ == 0


def test_a_setting_needs_all_of_its_scores(data):
    def broken(*_):
        raise RuntimeError("broken")

    scoring = {"good": "accuracy", "bad": broken}
    search = ours(SVC(), {"C": [0.1, 1.0]}, scoring=scoring, refit=False)
    with pytest.raises(ValueError, match="RuntimeError: broken"):
        search.fit(*data)
    grid = theirs(SVC(), {"C": [0.1, 1.0]}, scoring=scoring, refit=False)
    with pytest.warns(UserWarning, match="Scoring failed|non-finite"):
        grid.fit(*data)
    assert np.isfinite(grid.cv_results_["mean_test_good"]).all()


def test_a_scorer_that_returns_no_number(data):
    for make, error in ((ours, TypeError), (theirs, ValueError)):
        with pytest.raises(error, match="must return a number"):
            make(SVC(), {"C": [0.1, 1.0]}, scoring=lambda *_: "good").fit(*data)


def test_a_setting_that_cannot_be_set_is_a_failure(data):
    class Picky(Fails):
        def set_params(self, **params):
            if params.get("C", 0) > 1:
                raise ValueError("too large")
            return super().set_params(**params)

    with pytest.warns(FitFailedWarning, match="too large"):
        search = ours(Picky(), {"C": [0.5, 2.0]}).fit(*data)
    assert search.best_params_ == {"C": 0.5}
    with pytest.raises(ValueError, match="too large"):
        theirs(Picky(), {"C": [0.5, 2.0]}).fit(*data)


def test_weights_may_be_given_to_score(data):
    search, grid = pair(LogisticRegression(), {"C": [0.1, 1.0]}, *data)
    weights = np.linspace(0, 3, 60)
    expected = accuracy_score(data[1], grid.predict(data[0]), sample_weight=weights)
    assert search.score(*data, sample_weight=weights) == pytest.approx(expected)
    with pytest.raises(ValueError, match="sample_weight"):
        grid.score(*data, sample_weight=weights)


def test_a_line_for_each_evaluation(data, capsys):
    ours(SVC(), {"C": [0.1, 1.0]}, verbose=1).fit(*data)
    assert [line[:5] for line in capsys.readouterr().out.splitlines()] == ["[1/2]", "[2/2]"]


def test_values_of_arrays_are_plain_and_names_keep_their_order(data):
    spaces = {"gamma": np.array([0.5, 1.0]), "C": [1.0]}
    search, grid = pair(SVC(), spaces, *data)
    assert [list(params) for params in search.cv_results_["params"]] == [["gamma", "C"]] * 2
    assert [list(params) for params in grid.cv_results_["params"]] == [["C", "gamma"]] * 2
    assert type(search.best_params_["gamma"]) is float
    assert type(grid.best_params_["gamma"]) is np.float64
    search, grid = pair(SVC(), {"kernel": np.array(["rbf", "linear"])}, *data)
    assert search.cv_results_["params"] == grid.cv_results_["params"]
    assert {type(params["kernel"]) for params in search.cv_results_["params"]} == {str}
    assert {type(params["kernel"]) for params in grid.cv_results_["params"]} == {np.str_}


def test_names_are_checked_before_anything_is_evaluated(data):
    calls = {ours: 0, theirs: 0}
    for make in calls:

        def score(*_, make=make):
            calls[make] += 1
            return 0.0

        with pytest.raises(ValueError, match=r"nu.*SVC|SVC.*nu"):
            make(SVC(), [{"C": [1.0]}, {"nu": [0.5]}], scoring=score).fit(*data)
    assert calls[ours] == 0 < calls[theirs]


def test_scorers_share_predictions(data):
    class Counts(Fails):
        calls = 0

        def predict(self, X):
            type(self).calls += 1
            return super().predict(X)

    def score(estimator, X, y):
        return float((estimator.predict(X) == y).mean() + (estimator.predict(X) != y).mean())

    n_calls = []
    for make in (ours, theirs):
        Counts.calls = 0
        make(Counts(), {"C": [0.1, 1.0]}, scoring=score, refit=False).fit(*data)
        n_calls.append(Counts.calls)
    assert n_calls == [6, 12]


def test_the_first_of_several_scores_stands_where_refit_names_none(data):
    scoring = ["recall", "accuracy"]
    search, grid = pair(SVC(), {"C": [0.1, 1.0]}, *data, scoring=scoring, refit=lambda _: 1)
    assert search.score(*data) == search.scores(*data)["recall"]
    assert not hasattr(grid, "best_score_")
    with pytest.raises(KeyError):
        grid.score(*data)


def test_a_choice_by_a_callable_has_its_score(data):
    search, grid = pair(SVC(), {"C": [0.1, 1.0]}, *data, refit=lambda _: 1)
    assert search.best_score_ == grid.cv_results_["mean_test_score"][1]
    assert not hasattr(grid, "best_score_")
    assert type(search.best_index_) is int


def test_messages_count_evaluations(data):
    for make, words in ((ours, "1 of 2 evaluations failed"), (theirs, "3 fits failed out of")):
        search = make(Fails(), {"error": [None, ValueError]}, error_score=0.0)
        with pytest.warns(FitFailedWarning, match=words):
            search.fit(*data)
