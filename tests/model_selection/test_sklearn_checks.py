"""scikit-learn's own checks of estimators, on searches over estimators of tables."""

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from logstar.model_selection import MOBOSearchCV

#: Errors are to stay as they are, as in the searches that scikit-learn checks of its own.
SETTINGS = {"n_iter": 3, "n_initial_points": 2, "cv": 2, "error_score": "raise"}


def expected_failures(search):
    if not isinstance(search.estimator, Ridge):
        return {}
    return {
        "check_supervised_y_2d": "wants a warning about a target with one column, which Ridge does "
        "not give; GridSearchCV fails it too"
    }


@pytest.mark.filterwarnings(
    # From scikit-learn's type_of_target, on the target full of NaN that a check passes.
    "ignore:invalid value encountered in cast:RuntimeWarning",
    # From f1_macro, on the target with one label that a check passes.
    "ignore::sklearn.exceptions.UndefinedMetricWarning",
)
@parametrize_with_checks(
    [
        MOBOSearchCV(
            Ridge(),
            {"alpha": (1e-3, 10.0, "log-uniform")},
            scoring=["r2", "neg_mean_absolute_error"],
            **SETTINGS,
        ),
        MOBOSearchCV(
            LogisticRegression(),
            {"C": (1e-3, 10.0, "log-uniform")},
            scoring=["accuracy", "f1_macro"],
            **SETTINGS,
        ),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
