"""Settings along a front."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from logstar.inspection import FrontParametersDisplay


def test_front_parameters(wine_search):
    display = FrontParametersDisplay.from_estimator(wine_search, objective="vectors")
    # The parameter with a single value is left out.
    names = [ax.get_ylabel() for ax in display.axes_]
    assert names == ["svc__C", "svc__kernel", "standardscaler"]
    assert display.axes_[0].get_yscale() == "log"
    assert display.axes_[-1].get_xlabel() == "vectors"
    dots = display.axes_[0].lines[0]
    rows = wine_search.pareto_indices_
    order = np.argsort(wine_search.cv_results_["objective_vectors"][rows], kind="stable")
    np.testing.assert_array_equal(
        dots.get_ydata(), wine_search.cv_results_["param_svc__C"][rows][order]
    )
    star = display.axes_[0].lines[1].get_xydata()[0]
    assert star[1] == wine_search.best_params_["svc__C"]
    assert {text.get_text() for text in display.axes_[1].get_yticklabels()} <= {"linear", "rbf"}


def test_parameters_that_do_not_apply_are_not_drawn():
    display = FrontParametersDisplay(
        [0.0, 1.0, 2.0], {"p": [1.0, None, 3.0], "q": [True, None, False]}
    )
    heights = display.plot().axes_[0].lines[0].get_ydata()
    np.testing.assert_array_equal(heights, [1.0, np.nan, 3.0])
    assert [t.get_text() for t in display.axes_[1].get_yticklabels()] == ["True", "False"]


def test_own_figure(wine_search):
    figure = plt.figure()
    display = FrontParametersDisplay.from_estimator(
        wine_search, parameters=["svc__C", "svc__kernel"], figure=figure
    )
    assert display.figure_ is figure
    assert list(display.axes_) == figure.axes


def test_unknown_names(wine_search):
    with pytest.raises(ValueError, match=r"'f1' must be one of \['accuracy', 'vectors'\]"):
        FrontParametersDisplay.from_estimator(wine_search, objective="f1")
    with pytest.raises(ValueError, match=r"\['C'\], not searched"):
        FrontParametersDisplay.from_estimator(wine_search, parameters=["C"])
