"""The model of an objective that a search leaves behind."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.model_selection import MOBOSearchCV
from tests.model_selection.conftest import Valley


@pytest.fixture(scope="module")
def search():
    def score(estimator, X):
        left, right = estimator.predict(X)
        return {"left": -left, "right": -right}

    return MOBOSearchCV(
        Valley(),
        {"a": (0.0, 1.0), "b": (0.0, 1.0), "fails": [None]},
        scoring=score,
        n_iter=40,
        n_initial_points=40,
        engine="sobol",
        random_state=0,
    ).fit(np.zeros((3, 3)))


def test_it_predicts_the_objective_in_its_own_sign(search):
    surrogate = search.surrogate("left")
    settings = [{"a": a, "b": b} for a in (0.1, 0.5, 0.9) for b in (0.2, 0.7)]
    median, bounds = surrogate.predict(settings)
    true = [-((s["a"] - 0.2) ** 2 + s["b"] ** 2) for s in settings]
    np.testing.assert_allclose(median, true, atol=0.02)
    assert (bounds[:, 0] <= median).all()
    assert (median <= bounds[:, 1]).all()
    with pytest.raises(ValueError, match=r"a=2\.0 must be"):
        surrogate.predict([{"a": 2.0, "b": 0.5}])


def test_importances_are_the_total_effects(search):
    # For (a - c)^2 + b^2 on the unit square the effects are the terms' own variances.
    for name, centre in (("left", 0.2), ("right", 0.8)):
        u = (np.arange(4000) + 0.5) / 4000
        shares = np.array([np.var((u - centre) ** 2), np.var(u**2)])
        found = search.surrogate(name).importances()
        np.testing.assert_allclose(found, shares / shares.sum(), atol=0.05)
    assert search.surrogate().parameter_names == ("a", "b")
    np.testing.assert_array_equal(
        search.surrogate().importances(1), search.surrogate().importances(1)
    )


def test_slices_hold_the_other_parameters(search):
    values, median, bounds = search.surrogate("right").slice("a", {"a": 0.5, "b": 0.0}, 11)
    np.testing.assert_allclose(values, np.linspace(0, 1, 11), atol=1e-12)
    np.testing.assert_allclose(median, -((np.array(values) - 0.8) ** 2), atol=0.02)
    assert bounds.shape == (11, 2)
    with pytest.raises(ValueError, match="'fails' does not vary"):
        search.surrogate().slice("fails", {"a": 0.5, "b": 0.0})


def test_unknown_objectives(search):
    with pytest.raises(ValueError, match=r"'middle' must be one of \('left', 'right'\)"):
        search.surrogate("middle")


def test_branches_and_heavy_tails(image):
    def loss(estimator, _):
        return -1000.0 if estimator.a > 0.8 else -estimator.a

    search = MOBOSearchCV(
        Valley(),
        [{"a": (0.0, 1.0)}, {"b": (0.0, 1.0), "a": [0.5]}],
        scoring={"loss": loss},
        n_iter=30,
        n_initial_points=30,
        engine="sobol",
        random_state=0,
    ).fit(image)
    surrogate = search.surrogate()
    assert surrogate.parameter_names == ("branch", "a", "b")
    median, _ = surrogate.predict([{"a": 0.3}, {"a": 0.95}, {"a": 0.5, "b": 0.7}])
    assert median[0] == pytest.approx(-0.3, abs=0.15)
    assert median[1] < -100
    assert median[2] == pytest.approx(-0.5, abs=0.15)
    assert surrogate.importances().shape == (3,)
    with pytest.raises(ValueError, match="'b' does not vary"):
        surrogate.slice("b", {"a": 0.3})


def test_constant_objectives_depend_on_nothing(image):
    search = MOBOSearchCV(
        Valley(),
        {"a": (0.0, 1.0)},
        scoring={"same": lambda *_: 1.0},
        n_iter=8,
        n_initial_points=8,
        random_state=0,
    ).fit(image)
    assert search.surrogate().importances().tolist() == [0.0]
    assert search.surrogate().predict([{"a": 0.5}])[0] == pytest.approx(1.0)
