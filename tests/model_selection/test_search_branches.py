"""Search spaces that swap estimators, each with its own parameters, as GridSearchCV takes them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from logstar.model_selection import MOBOSearchCV

FOREST = RandomForestClassifier(n_estimators=3, random_state=0)


class Loose(ClassifierMixin, BaseEstimator):
    """Takes any parameter and lists only those that were set, as gradient boosters do."""

    def __init__(self, **params):
        self.params = params

    def get_params(self, deep=True):  # noqa: ARG002
        return dict(self.params)

    def set_params(self, **params):
        self.params = self.params | params
        return self

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.model_ = LogisticRegression(max_iter=1000, C=self.params.get("C", 1.0)).fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)


def pipe(clf=None):
    return Pipeline([("reduce_dim", "passthrough"), ("clf", SVC() if clf is None else clf)])


CASES = {
    "steps": (
        pipe(),
        [
            {"clf": [SVC()], "clf__C": [0.1, 1.0]},
            {"clf": [FOREST], "clf__max_depth": [1, 3]},
        ],
    ),
    "passthrough by default": (
        pipe(),
        [
            {"reduce_dim": [SelectKBest()], "reduce_dim__k": [1, 2]},
            {"reduce_dim": [PCA()], "reduce_dim__n_components": [1, 2]},
            {"reduce_dim": ["passthrough"]},
        ],
    ),
    "a choice of estimators that have it": (
        pipe(),
        {"clf": [SVC(), LinearSVC(random_state=0)], "clf__C": [0.1, 1.0]},
    ),
    "nested pipelines": (
        Pipeline([("outer", "passthrough"), ("clf", SVC())]),
        [
            {
                "outer": [Pipeline([("scale", StandardScaler()), ("inner", "passthrough")])],
                "outer__inner": [PCA(), SelectKBest(k=3)],
                "clf__C": [1.0],
            },
            {
                "outer": [Pipeline([("scale", StandardScaler()), ("inner", "passthrough")])],
                "outer__inner": [SelectKBest()],
                "outer__inner__k": [1, 2],
            },
        ],
    ),
    "all steps": (
        pipe(),
        [
            {"steps": [[("svc", SVC())]], "svc__C": [0.1, 1.0]},
            {"steps": [[("clf", FOREST)]], "clf__max_depth": [2]},
        ],
    ),
    "votes": (
        VotingClassifier([("a", SVC()), ("b", LogisticRegression(max_iter=1000))]),
        {"a": ["drop", FOREST], "b__C": [0.1, 1.0]},
    ),
    "columns": (
        Pipeline([("columns", ColumnTransformer([("a", "passthrough", [0, 1])])), ("clf", SVC())]),
        {"columns__a": [PCA()], "columns__a__n_components": [1, 2]},
    ),
    "lists only what was set": (Loose(), {"C": [0.1, 1.0]}),
    "lists only what was set, as a step": (pipe(), {"clf": [Loose()], "clf__C": [0.1, 1.0]}),
}


def accuracies(search):
    results = search.cv_results_
    settings = (str(sorted(params.items())) for params in results["params"])
    return dict(zip(settings, results["mean_test_accuracy"].tolist(), strict=True))


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_what_grid_search_evaluates_is_evaluated(case):
    estimator, spaces = CASES[case]
    X, y = load_iris(return_X_y=True)
    grid = GridSearchCV(estimator, spaces, scoring=["accuracy", "f1_macro"], refit=False, cv=2)
    n_settings = len(grid.fit(X, y).cv_results_["params"])
    search = MOBOSearchCV(
        estimator,
        spaces,
        scoring=["accuracy", "f1_macro"],
        n_iter=n_settings,
        n_initial_points=n_settings,
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert accuracies(search) == accuracies(grid)
    assert search.predict(X).shape == y.shape


REFUSED = {
    "of the other branch's step": (
        pipe(),
        [{"clf": [SVC()], "clf__C": [1.0, 2.0]}, {"clf": [FOREST], "clf__C": [1.0, 2.0]}],
        r"search_spaces\[1\] names .* Pipeline does not have with clf=RandomForest.*\['clf__C'\]",
    ),
    "of one of two choices": (
        pipe(),
        {"clf": [SVC(), FOREST], "clf__max_depth": [1, 2]},
        r"search_spaces names .* with clf=SVC\(\): \['clf__max_depth'\]",
    ),
    "of a step that is passed through": (
        pipe(),
        {"reduce_dim": ["passthrough", SelectKBest()], "reduce_dim__k": [1, 2]},
        r"with reduce_dim='passthrough': \['reduce_dim__k'\]",
    ),
    "of the default step": (pipe(), {"reduce_dim__k": [1, 2]}, r"have: \['reduce_dim__k'\]"),
    "nested": (
        pipe(),
        {"clf": [pipe()], "clf__clf": [FOREST], "clf__clf__C": [1.0, 2.0]},
        r"\['clf__clf__C'\]",
    ),
    "an unknown step": (
        pipe(),
        {"classifier": [SVC(), FOREST]},
        r"search_spaces: Pipeline does not take classifier=SVC\(\): Invalid parameter",
    ),
    "a plain name": (SVC(), {"C": [1.0, 2.0], "depth": [1]}, r"SVC does not have: \['depth'\]"),
}


@pytest.mark.parametrize("case", REFUSED, ids=list(REFUSED))
def test_what_no_estimator_has_is_refused_before_anything_is_evaluated(case):
    estimator, spaces, words = REFUSED[case]
    X, y = load_iris(return_X_y=True)

    def score(*_):
        pytest.fail("nothing may be evaluated before the check")

    with pytest.raises(ValueError, match=words):
        MOBOSearchCV(estimator, spaces, scoring=score, cv=2).fit(X, y)
    # GridSearchCV refuses it as well, though only when its turn comes.
    with pytest.raises((ValueError, AttributeError), match=r"parameter|set_params"):
        GridSearchCV(estimator, spaces, cv=2).fit(X, y)


def test_the_estimators_that_are_given_are_left_as_they_are():
    estimator = pipe()
    step = SelectKBest(k=3)
    X, y = load_iris(return_X_y=True)
    MOBOSearchCV(
        estimator,
        {"reduce_dim": [step], "reduce_dim__k": [1, 2]},
        scoring="accuracy",
        n_iter=2,
        cv=2,
    ).fit(X, y)
    assert step.k == 3
    assert not hasattr(step, "scores_")
    assert estimator.named_steps["reduce_dim"] == "passthrough"
