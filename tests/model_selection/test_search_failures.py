"""What the search does with failures, interruptions and settings that make no sense."""

import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_absolute_error

from logstar import LoGStarDetector
from logstar.model_selection import MOBOSearchCV
from tests.model_selection.conftest import Loss


def finite_rows(search):
    return np.isfinite(search.cv_results_["mean_test_left"])


def test_failing_fits_are_recorded_and_the_search_goes_on(make_search, valley, image):
    search = make_search(valley.set_params(fails=lambda a: a > 0.5), n_iter=12)
    with pytest.warns(FitFailedWarning, match=r"(?s)of 12 evaluations failed.*does not work"):
        search.fit(image)
    failed = np.asarray(search.cv_results_["param_a"], dtype=float) > 0.5
    assert 0 < failed.sum() < 12
    np.testing.assert_array_equal(~finite_rows(search), failed)
    assert np.isnan(search.cv_results_["objective_left"][failed]).all()
    assert not search.cv_results_["is_pareto"][failed].any()
    assert search.n_evaluations_ == 12
    assert np.isfinite(search.hypervolume_trace_).all()


def test_errors_are_counted_and_shown_once(make_search, valley, image):
    search = make_search(valley.set_params(fails=lambda a: a > 0.1), n_iter=12, n_initial_points=12)
    with pytest.warns(FitFailedWarning) as caught:
        search.fit(image)
    message = str(caught[0].message)
    assert len(caught) == 1
    assert message.count("Traceback") == 1
    assert message.count("1 x RuntimeError: a=0.") == 5
    n_failed = int((np.asarray(search.cv_results_["param_a"], dtype=float) > 0.1).sum())
    assert f"and {n_failed - 5} other errors" in message


def test_first_evaluation_may_fail_where_only_success_names_the_scores(valley, image):
    calls = []

    def fails(_):
        calls.append(1)
        return len(calls) <= 3

    def both(estimator, X):
        left, right = estimator.predict(X)
        return {"left": -left, "right": -right}

    search = MOBOSearchCV(
        valley.set_params(fails=fails),
        {"a": (0.0, 1.0)},
        scoring=both,
        n_iter=6,
        n_initial_points=4,
        random_state=0,
    )
    with pytest.warns(FitFailedWarning, match="3 of 6"):
        search.fit(image)
    np.testing.assert_array_equal(finite_rows(search), [False] * 3 + [True] * 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite(make_search, losses, image, bad):
    def left(estimator, X):
        return bad if estimator.a > 0.5 else losses["left"](estimator, X)

    search = make_search(scoring={"left": left, "right": losses["right"]}, n_iter=12)
    with pytest.warns(FitFailedWarning, match="NaN or infinite"):
        search.fit(image)
    np.testing.assert_array_equal(
        finite_rows(search), np.asarray(search.cv_results_["param_a"], dtype=float) <= 0.5
    )
    assert np.isfinite(search.pareto_front_).all()
    assert search.best_params_["a"] <= 0.5


def test_failing_scorer_keeps_the_other_scores(make_search, losses, image):
    def left(estimator, X):
        if estimator.a > 0.5:
            raise ZeroDivisionError("no atoms")
        return losses["left"](estimator, X)

    search = make_search(scoring={"left": left, "right": losses["right"]})
    with pytest.warns(FitFailedWarning, match="no atoms"):
        search.fit(image)
    assert not finite_rows(search).all()
    assert np.isfinite(search.cv_results_["mean_test_right"]).all()
    assert finite_rows(search)[search.pareto_indices_].all()


def test_numeric_error_score_does_not_make_failures_ideal(make_search, valley, image):
    # Losses are above 0, so the score 0 would win everything.
    search = make_search(valley.set_params(fails=lambda a: a > 0.5), error_score=0.0)
    with pytest.warns(FitFailedWarning, match="score 0.0"):
        search.fit(image)
    failed = np.asarray(search.cv_results_["param_a"], dtype=float) > 0.5
    np.testing.assert_array_equal(search.cv_results_["mean_test_left"][failed], 0.0)
    assert not search.cv_results_["is_pareto"][failed].any()
    assert search.best_params_["a"] <= 0.5


def test_error_score_raise(make_search, valley, losses, image):
    with pytest.raises(RuntimeError, match="does not work"):
        make_search(valley.set_params(fails=lambda a: a > 0.5), error_score="raise").fit(image)

    def broken(*_):
        raise ZeroDivisionError("no atoms")

    with pytest.raises(ZeroDivisionError, match="no atoms"):
        make_search(scoring={"a": broken, "b": losses["left"]}, error_score="raise").fit(image)


def test_everything_failed(make_search, valley, image):
    with pytest.raises(ValueError, match=r"(?s)Every one of the 9 evaluations failed.*not work"):
        make_search(valley.set_params(fails=lambda _: True)).fit(image)
    with pytest.raises(ValueError, match="Every one of the 9"):
        make_search(scoring=lambda *_: np.nan).fit(image)


def test_estimator_without_predict(image):
    class Silent(BaseEstimator):
        def __init__(self, a=0.0):
            self.a = a

        def fit(self, *_):
            return self

    search = MOBOSearchCV(
        Silent(), {"a": (0.0, 1.0)}, scoring=["accuracy"], n_iter=2, n_initial_points=2
    )
    with pytest.raises(ValueError, match=r"(?s)Every one.*predict"):
        search.fit(image, np.zeros(12))


def test_interruption_keeps_what_was_evaluated(make_search, losses, image):
    calls = []

    def interrupted(estimator, X):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return losses["left"](estimator, X)

    search = make_search(scoring={"left": interrupted, "right": losses["right"]})
    with pytest.warns(UserWarning, match="interrupted after 4 of 9"):
        search.fit(image)
    assert search.interrupted_ is True
    assert search.n_evaluations_ == len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.fitted_on_ is image
    whole = make_search().fit(image)
    assert search.cv_results_["params"] == whole.cv_results_["params"][:4]
    # A new fit is not marred by the old one.
    assert search.set_params(scoring=losses).fit(image).interrupted_ is False


def test_interruption_in_a_callback_keeps_the_evaluation(make_search, image):
    def callback(progress):
        if progress.n_done == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted after 3"):
        assert make_search(callback=callback).fit(image).n_evaluations_ == 3


def test_interruption_before_any_success_is_raised(make_search, valley, image):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_search(valley.set_params(fails=interrupt)).fit(image)


def test_exhausted_space_ends_with_a_warning(make_search, image):
    search = make_search(search_spaces={"a": [0.2, 0.5, 0.8]}, n_initial_points=2)
    with pytest.warns(UserWarning, match="only 3 different settings"):
        search.fit(image)
    assert sorted(params["a"] for params in search.cv_results_["params"]) == [0.2, 0.5, 0.8]


def test_space_as_large_as_the_budget_does_not_warn(make_search, image):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_search(search_spaces={"a": [0.2, 0.5, 0.8]}, n_iter=3, n_initial_points=2).fit(image)


def test_scorer_that_changes_its_keys(make_search, image):
    def fickle(estimator, _):
        return {"left": 0.0} if estimator.a > 0.5 else {"right": 0.0}

    with pytest.raises(ValueError, match="must always return the same"):
        make_search(scoring=fickle).fit(image)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"search_spaces": []}, "search_spaces is an empty list"),
        ({"search_spaces": {"a": (1.0, 0.0)}}, "low must be below high"),
        ({"search_spaces": {"a": (0.0, 1.0, "log-uniform")}}, "above 0"),
        (
            {"search_spaces": {"a": (0.0, 1.0), "threshold": (0.0, 1.0)}},
            r"\['threshold'\].*'fails'",
        ),
        ({"search_spaces": "a"}, "'search_spaces'"),
        ({"n_iter": 0}, "'n_iter'"),
        ({"n_iter": 9.5}, "'n_iter'"),
        ({"n_initial_points": 0}, "'n_initial_points'"),
        ({"refit": "manhattan"}, "'manhattan'.*'euclidean', 'chebyshev', 'knee', 'left', 'right'"),
        ({"refit": 3}, "'refit'"),
        ({"random_state": "zero"}, "'random_state'"),
        ({"callback": 3}, "'callback'"),
        ({"error_score": "ignore"}, "'error_score'"),
        ({"scoring": "no_such_score"}, "'scoring'"),
        ({"scoring": []}, "[Ee]mpty"),
    ],
)
def test_settings_that_make_no_sense(make_search, valley, image, changes, words):
    def evaluated(_):
        pytest.fail("nothing may be evaluated before the check")

    with pytest.raises(ValueError, match=words):
        make_search(valley.set_params(fails=evaluated), **changes).fit(image)


def of_two(_, __):
    return 0.0


def of_three(_, __, ___):
    return 0.0


def with_default(_, __, ___=None):
    return 0.0


class Reward:
    def __init__(self, expected):
        self.expected = expected

    def __call__(self, *_):
        return 0.0


@pytest.mark.parametrize(
    ("scoring", "target", "error", "words"),
    [
        ({"a": Reward}, None, TypeError, r"'a' is the class Reward; give .*: Reward\(\.\.\.\)"),
        ({"a": lambda _: 0.0}, None, TypeError, r"'a' cannot be called with \(estimator, X\)"),
        ({"a": of_two}, [1], TypeError, r"with \(estimator, X, y\), as it will be where"),
        ({"a": of_three}, None, TypeError, "fit is given no y"),
        (lambda: 0.0, None, TypeError, "'score' cannot be called"),
        ("r2", None, ValueError, r"compares predictions with a target.*y=None"),
        (["accuracy"], None, ValueError, "'accuracy' compares predictions"),
        (make_scorer(mean_absolute_error), None, ValueError, "compares predictions"),
        ({"knee": Reward(3), "left": Reward(3)}, None, ValueError, r"\['knee'\], which are rules"),
    ],
)
def test_scorers_that_cannot_work_are_refused_before_the_first_evaluation(
    make_search, valley, image, scoring, target, error, words
):
    def evaluated(_):
        pytest.fail("nothing may be evaluated before the check")

    with pytest.raises(error, match=words):
        make_search(valley.set_params(fails=evaluated), scoring=scoring).fit(image, target)


def test_scorers_of_any_kind_that_can_work_are_taken(make_search, image):
    scoring = {
        "object": Reward(3),
        "partial": partial(of_three, None),
        "any": lambda *given: float(len(given)),
        "default": with_default,
    }
    search = make_search(scoring=scoring, engine="random").fit(image)
    assert search.best_score_ == {"object": 0.0, "partial": 0.0, "any": 2.0, "default": 0.0}


def test_one_image_is_not_cut_into_rows():
    image = np.random.default_rng(0).uniform(size=(60, 40))
    search = MOBOSearchCV(
        LoGStarDetector(),
        {"threshold": (0.1, 0.2)},
        scoring={"n": of_two},
        n_iter=1,
        refit=False,
        cv=3,
    )
    with pytest.raises(
        ValueError, match=r"cv=3 would cut the image of shape \(60, 40\) into bands"
    ):
        search.fit(image)
    assert search.set_params(cv=None).fit(image).n_evaluations_ == 1
    assert search.set_params(cv=3).fit(np.stack([image] * 3)).n_splits_ == 3
    assert search.fit([image] * 3).n_splits_ == 3


def test_what_is_printed_of_a_search_is_short(make_search, image):
    told = []
    search = make_search(
        initial_points=make_search().fit(image),
        search_spaces={"a": (0.0, 1.0), "b": [np.zeros(999), *range(500)], "fails": [None]},
        scoring={f"score {i}": Loss(0) for i in range(30)},
        callback=told.append,
        n_iter=8,
        engine="random",
    )
    assert len(repr(search)) < 1500
    plain = make_search(callback=told.append).fit(image)
    assert len(repr(plain)) < 1000
    best = plain.cv_results_["objective_left"][plain.best_index_]
    assert repr(told[-1]).startswith("SearchProgress(9/9: left=")
    assert f"compromise: left={best:.4g}, right=" in repr(told[-1])
    assert repr(plain.surrogate("left")) == "SearchSurrogate(objective='left', of=('a', 'b'))"


def test_scoring_none_needs_a_score_method(make_search, image):
    with pytest.raises(TypeError, match="'score' method"):
        make_search(scoring=None).fit(image)


def test_unknown_rule_is_found_as_soon_as_scores_have_names(make_search, image):
    calls = []

    def both(*_):
        calls.append(1)
        return {"left": 0.0, "right": 1.0}

    with pytest.raises(ValueError, match="'middle'"):
        make_search(scoring=both, refit="middle").fit(image)
    assert len(calls) == 1


def test_before_fitting():
    search = MOBOSearchCV(Ridge(), {"alpha": (0.1, 1.0)}, scoring=None)
    for method in (search.select, lambda: search.score([[1.0]]), lambda: search.predict([[1.0]])):
        with pytest.raises(NotFittedError):
            method()


def test_select_names_the_rules(make_search, image):
    with pytest.raises(ValueError, match=r"'elbow'.*'euclidean', 'chebyshev', 'knee', 'left'"):
        make_search().fit(image).select("elbow")
