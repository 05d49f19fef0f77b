"""Displays of a search: its course, its front's settings, and what it has learnt."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from logstar.inspection import (
    FrontParametersDisplay,
    HypervolumeDisplay,
    ParameterImportanceDisplay,
    ParetoFrontDisplay,
    SurrogateSliceDisplay,
)
from logstar.model_selection import MOBOSearchCV


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def search():
    X, y = load_wine(return_X_y=True)
    return MOBOSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {
            "svc__C": (1e-2, 1e2, "log-uniform"),
            "svc__kernel": ["linear", "rbf"],
            "standardscaler": ["passthrough", StandardScaler()],
            "svc__degree": [2],
        },
        scoring={
            "accuracy": "accuracy",
            "vectors": lambda pipeline, *_: -float(pipeline[-1].n_support_.sum()),
        },
        n_iter=16,
        n_initial_points=12,
        cv=2,
        engine="sobol",
        random_state=0,
    ).fit(X, y)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_trace(search):
    display = HypervolumeDisplay.from_estimator(search)
    np.testing.assert_array_equal(display.line_.get_ydata(), search.hypervolume_trace_)
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(1, 17))
    assert display.initial_.get_xdata()[0] == 12.5
    assert labels(display.ax_)[1] == "end of the 12 initial points"
    assert HypervolumeDisplay([0.0, 1.0], n_initial=2).plot(legend=False).initial_ is None


def test_reference_point(search):
    display = ParetoFrontDisplay.from_estimator(search)
    np.testing.assert_array_equal(display.ref_point_.get_xydata()[0], search.ref_point_)
    points = [[0.0, 1.0], [1.0, 0.0], [0.9, 0.9]]
    display = ParetoFrontDisplay(points, [True, True, False], ref_point=(1.02, 1.02)).plot()
    assert display.ref_point_.get_marker() == "x"
    assert labels(display.ax_)[-1] == "reference point"
    display = ParetoFrontDisplay(points, [True, True, False], ref_point=(9, 9)).plot()
    assert labels(display.ax_)[-1] == "reference (9, 9)"
    assert display.ax_.get_xlim()[1] < 9
    assert ParetoFrontDisplay(points, [True, True, False]).plot().ref_point_ is None


def test_front_parameters(search):
    display = FrontParametersDisplay.from_estimator(search, objective="vectors")
    # The parameter with a single value is left out.
    names = [ax.get_ylabel() for ax in display.axes_]
    assert names == ["svc__C", "svc__kernel", "standardscaler"]
    assert display.axes_[0].get_yscale() == "log"
    assert display.axes_[-1].get_xlabel() == "vectors"
    dots = display.axes_[0].lines[0]
    rows = search.pareto_indices_
    order = np.argsort(search.cv_results_["objective_vectors"][rows], kind="stable")
    np.testing.assert_array_equal(dots.get_ydata(), search.cv_results_["param_svc__C"][rows][order])
    star = display.axes_[0].lines[1].get_xydata()[0]
    assert star[1] == search.best_params_["svc__C"]
    assert {text.get_text() for text in display.axes_[1].get_yticklabels()} <= {"linear", "rbf"}


def test_parameters_that_do_not_apply_are_not_drawn():
    display = FrontParametersDisplay(
        [0.0, 1.0, 2.0], {"p": [1.0, None, 3.0], "q": [True, None, False]}
    )
    heights = display.plot().axes_[0].lines[0].get_ydata()
    np.testing.assert_array_equal(heights, [1.0, np.nan, 3.0])
    assert [t.get_text() for t in display.axes_[1].get_yticklabels()] == ["True", "False"]


def test_own_axes(search):
    _, axes = plt.subplots(2)
    display = FrontParametersDisplay.from_estimator(
        search, parameters=["svc__C", "svc__kernel"], axes=axes
    )
    assert display.axes_[0] is axes[0]
    with pytest.raises(ValueError, match="must hold 3 axes"):
        FrontParametersDisplay.from_estimator(search, axes=axes)
    assert HypervolumeDisplay.from_estimator(search, ax=axes[1]).ax_ is axes[1]


def test_importances(search):
    display = ParameterImportanceDisplay.from_estimator(search)
    assert len(display.bars_) == 2
    widths = [bar.get_width() for bar in display.bars_[1]]
    np.testing.assert_allclose(widths, search.surrogate("vectors").importances())
    ticks = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert ticks == ["svc__C", "svc__kernel", "standardscaler"]


def test_slices(search):
    display = SurrogateSliceDisplay.from_estimator(search)
    assert display.axes_.shape == (2, 3)
    assert [ax.get_ylabel() for ax in display.axes_[:, 0]] == ["accuracy", "vectors"]
    curve, held = display.axes_[1, 0].lines
    values, median, _ = search.surrogate("vectors").slice("svc__C", search.best_params_)
    np.testing.assert_allclose(curve.get_xdata(), values)
    np.testing.assert_allclose(curve.get_ydata(), median)
    assert held.get_xdata()[0] == search.best_params_["svc__C"]
    assert display.axes_[0, 0].get_xscale() == "log"
    one = SurrogateSliceDisplay.from_estimator(
        search,
        parameters=["svc__kernel"],
        setting={"svc__C": 1.0, "svc__kernel": "rbf", "standardscaler": "passthrough"},
    )
    assert [text.get_text() for text in one.axes_[1, 0].get_xticklabels()] == ["linear", "rbf"]


@pytest.mark.parametrize(
    "display",
    [
        FrontParametersDisplay,
        HypervolumeDisplay,
        ParameterImportanceDisplay,
        SurrogateSliceDisplay,
    ],
)
def test_unfitted_searches_are_refused(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(MOBOSearchCV(Ridge(), {"alpha": (0.1, 1.0)}, scoring="r2"))


def test_unknown_names(search):
    with pytest.raises(ValueError, match=r"'f1' must be one of \['accuracy', 'vectors'\]"):
        FrontParametersDisplay.from_estimator(search, objective="f1")
    with pytest.raises(ValueError, match=r"\['C'\], not searched"):
        FrontParametersDisplay.from_estimator(search, parameters=["C"])
    with pytest.raises(ValueError, match="'C' does not vary"):
        SurrogateSliceDisplay.from_estimator(search, parameters=["C"])
