"""Scorers share predictions, and get what scikit-learn's own would."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import check_scoring, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from logstar.model_selection._scoring import (
    RewardScorer,
    _as_number,
    check_scorers,
    share_predictions,
)

CALLS = []


class Counting(ClassifierMixin, BaseEstimator):
    """Logistic regression that records each prediction."""

    def fit(self, X, y):
        self.model_ = LogisticRegression(max_iter=1000).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        CALLS.append("predict")
        return self.model_.predict(X)

    def predict_proba(self, X):
        CALLS.append("predict_proba")
        return self.model_.predict_proba(X)


def own_scorer(estimator, X, y):
    return float(np.mean(estimator.predict(X) == y))


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


SCORING = {
    "accuracy": "accuracy",
    "f1": "f1_macro",
    "log_loss": "neg_log_loss",
    "auc": "roc_auc_ovr",
    "own": own_scorer,
    "own_again": own_scorer,
}


@pytest.mark.parametrize(
    "estimator", [Counting(), make_pipeline(StandardScaler(), Counting())], ids=["plain", "pipe"]
)
def test_each_method_is_called_once_and_scores_are_the_same(estimator, iris):
    X, y = iris
    estimator.fit(X, y)
    expected = {
        name: check_scoring(estimator, scorer)(estimator, X, y) for name, scorer in SCORING.items()
    }
    CALLS.clear()
    scores = RewardScorer.from_scoring(estimator, SCORING)(estimator, X, y)
    assert sorted(CALLS) == ["predict", "predict_proba"]
    assert scores == pytest.approx(expected, rel=1e-12)


def test_estimators_own_score_uses_the_shared_prediction(iris):
    X, y = iris
    shared = share_predictions(Counting().fit(X, y))
    CALLS.clear()
    assert shared.score(X, y) == own_scorer(shared, X, y)
    assert CALLS == ["predict"]


def test_other_inputs_and_arguments_are_not_confused(iris):
    X, y = iris
    estimator = Counting().fit(X, y)
    shared = share_predictions(estimator)
    np.testing.assert_array_equal(shared.predict(X[:60]), estimator.predict(X[:60]))
    np.testing.assert_array_equal(shared.predict(X[60:]), estimator.predict(X[60:]))
    with pytest.raises(TypeError):
        shared.predict(X, 1)


def test_original_is_untouched(iris):
    estimator = Counting().fit(*iris)
    share_predictions(estimator).predict(iris[0])
    assert set(vars(estimator)) == {"model_", "classes_"}
    pickle.loads(pickle.dumps(estimator))


def test_absent_methods_stay_absent(iris):
    shared = share_predictions(make_pipeline(StandardScaler(), Ridge()).fit(*iris))
    assert hasattr(shared, "predict")
    assert not hasattr(shared, "predict_proba")
    assert not hasattr(shared, "transform")


def test_single_scorers(iris):
    estimator = Counting().fit(*iris)
    for scoring in (None, "accuracy", own_scorer):
        scorer = RewardScorer.from_scoring(estimator, scoring)
        assert scorer(estimator, *iris) == {"score": own_scorer(estimator, *iris)}
    both = RewardScorer.from_scoring(estimator, lambda e, X, y: {"a": own_scorer(e, X, y), "b": 1})
    assert both.names is None
    assert both(estimator, *iris) == {"a": own_scorer(estimator, *iris), "b": 1.0}


def test_scores_that_are_no_numbers(iris):
    estimator = Counting().fit(*iris)
    scorer = RewardScorer.from_scoring(estimator, {"bad": lambda *_: "high", "good": own_scorer})
    with pytest.raises(TypeError, match="'bad' must return a number"):
        scorer(estimator, *iris)


def test_scoring_none_needs_a_score_method():
    with pytest.raises(TypeError, match="'score' method"):
        RewardScorer.from_scoring(StandardScaler(), None)


def test_sample_weight_goes_to_those_that_take_it(iris):
    X, y = iris
    estimator = Ridge().fit(X, y)
    weights = np.linspace(0, 1, len(y))
    scorer = RewardScorer.from_scoring(
        estimator, {"mae": "neg_mean_absolute_error", "own": own_scorer}
    )
    scores = scorer(estimator, X, y, sample_weight=weights)
    expected = -mean_absolute_error(y, estimator.predict(X), sample_weight=weights)
    assert scores["mae"] == pytest.approx(expected)


def test_metadata_routing_agrees_with_grid_search(iris):
    from logstar import MOBOSearchCV  # noqa: PLC0415 # only this test needs the whole

    X, y = iris
    weights = np.linspace(0.1, 1, len(y))
    with config_context(enable_metadata_routing=True):
        mae = make_scorer(mean_absolute_error, greater_is_better=False)
        scoring = {
            "weighted": mae.set_score_request(sample_weight=True),
            "plain": make_scorer(mean_absolute_error, greater_is_better=False),
        }
        scoring["plain"].set_score_request(sample_weight=False)
        ridge = Ridge().set_fit_request(sample_weight=True)
        search = MOBOSearchCV(
            ridge, {"alpha": [0.1, 10.0]}, scoring=scoring, n_iter=2, n_initial_points=2, cv=3
        ).fit(X, y, sample_weight=weights)
        grid = GridSearchCV(
            ridge, {"alpha": [0.1, 10.0]}, scoring=scoring, refit="plain", cv=3
        ).fit(X, y, sample_weight=weights)
    order = np.argsort(search.cv_results_["param_alpha"])
    for name in scoring:
        np.testing.assert_allclose(
            search.cv_results_[f"mean_test_{name}"][order],
            grid.cv_results_[f"mean_test_{name}"],
            rtol=1e-9,
        )


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array(0.5), np.array([[0.5]])])
def test_a_score_may_be_an_array_of_one_number(value):
    assert _as_number(value, "a") == 0.5


@pytest.mark.parametrize("value", [np.array([0.5, 0.5]), "0.5", None, [0.5]])
def test_a_score_that_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="The scorer 'a' must return a number"):
        _as_number(value, "a")


def test_errors_of_scorers_are_raised_or_collected(iris):
    def broken(*_):
        raise ZeroDivisionError("of this scorer")

    estimator = Counting().fit(*iris)
    scorer = RewardScorer.from_scoring(estimator, {"bad": broken, "good": own_scorer})
    with pytest.raises(ZeroDivisionError, match="of this scorer"):
        scorer(estimator, *iris)
    errors = []
    scores = scorer.score(estimator, *iris, {}, errors)
    assert set(scores) == {"good"}
    assert len(errors) == 1
    assert "ZeroDivisionError: of this scorer" in errors[0]


class Choosy:
    """A scorer that says what it needs."""

    def __call__(self, estimator, X, y):
        return float(np.mean(estimator.predict(X) == y))

    def check_scorable(self, *, has_target):
        if not has_target:
            raise ValueError("y is needed.")


def test_a_scorer_that_knows_what_it_needs_is_asked_first():
    with pytest.raises(ValueError, match="The scorer 'own': y is needed"):
        check_scorers({"own": Choosy()}, has_target=False)
    check_scorers({"own": Choosy()}, has_target=True)
