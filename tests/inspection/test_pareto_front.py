"""The front, the compromise, and what is out of view."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from logstar.inspection import ParetoFrontDisplay
from logstar.model_selection import MOBOSearchCV


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


FRONT = [[0.0, 0.3], [0.1, 0.1], [0.3, 0.0]]
BEHIND = [[0.4, 0.4], [0.2, 0.3], [0.3, 0.2], [40.0, 30.0]]
POINTS = np.array(FRONT + BEHIND)
IS_PARETO = np.arange(len(POINTS)) < len(FRONT)


def test_front_and_compromise():
    display = ParetoFrontDisplay(POINTS, IS_PARETO, chosen=1, ideal=(0, 0)).plot()
    np.testing.assert_array_equal(display.front_.get_xydata(), FRONT)
    np.testing.assert_array_equal(display.evaluated_.get_xydata(), POINTS)
    np.testing.assert_array_equal(display.chosen_.get_xydata(), [[0.1, 0.1]])
    np.testing.assert_array_equal(display.ideal_.get_xydata(), [[0, 0]])


def test_far_points_are_left_out_of_view_and_counted():
    display = ParetoFrontDisplay(POINTS, IS_PARETO, ideal=(0, 0)).plot()
    for limits in (display.ax_.get_xlim(), display.ax_.get_ylim()):
        assert limits[0] < 0
        assert 0.3 < limits[1] < 1
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["evaluated (7, 1 outside)", "Pareto front", "ideal point"]


def test_the_compromise_is_not_hidden_and_its_values_are_told():
    display = ParetoFrontDisplay(POINTS, IS_PARETO, chosen=1).plot()
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend()
    assert legend.get_texts()[2].get_text() == "compromise (0.1, 0.1)"
    assert legend.get_window_extent().y0 >= display.ax_.get_window_extent().y1


def test_failed_evaluations_are_not_drawn():
    points = np.vstack([POINTS, [np.nan, 0.1]])
    display = ParetoFrontDisplay(points, [*IS_PARETO, False], chosen=1).plot()
    assert len(display.evaluated_.get_xydata()) == len(POINTS)
    display.figure_.canvas.draw()


def test_a_compromise_beside_the_front_is_in_view():
    points = np.array([[0.0, 0.0], [0.0013, 0.0], [0.0005, 0.02], [0.0007, 0.05]])
    display = ParetoFrontDisplay(points, [True, False, False, False], chosen=1).plot()
    assert display.ax_.get_xlim()[1] >= 0.0013
    display.figure_.canvas.draw()
    labels = [label.get_window_extent() for label in display.ax_.get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in pairwise(labels))


@pytest.mark.parametrize("points", [[[0.0, 0.0]], [[0.1, 0.0], [0.2, 0.0]], [[0.1, 0.0], [5, 2]]])
def test_front_of_one_point(points):
    is_pareto = np.arange(len(points)) == 0
    display = ParetoFrontDisplay(points, is_pareto, chosen=0, ideal=(0, 0)).plot()
    display.figure_.canvas.draw()
    for low, high in (display.ax_.get_xlim(), display.ax_.get_ylim()):
        assert low < 0 < high


def test_from_search(detector_search):
    fitted, _ = detector_search
    display = ParetoFrontDisplay.from_estimator(fitted)
    assert len(display.evaluated_.get_xydata()) == 12
    drawn = {tuple(point) for point in display.front_.get_xydata()}
    assert drawn == {tuple(point) for point in np.abs(fitted.pareto_front_)}
    np.testing.assert_allclose(
        np.abs(display.chosen_.get_xydata()[0]),
        [-fitted.best_score_["qc"], -fitted.best_score_["er"]],
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("qc", "er")
    assert display.ideal_ is not None


def test_objectives_are_chosen_by_name(detector_search):
    fitted, _ = detector_search
    display = ParetoFrontDisplay.from_estimator(
        fitted, objectives=("er", "qc"), xlabel="errors", legend=False
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("errors", "qc")
    assert display.ax_.get_legend() is None
    with pytest.raises(ValueError, match=r"got \['er', 'f1'\], there are \['qc', 'er'\]"):
        ParetoFrontDisplay.from_estimator(fitted, objectives=("er", "f1"))


def test_scorers_that_declare_no_ideal():
    rows = np.random.default_rng(0).normal(size=(30, 3))
    fitted = MOBOSearchCV(
        Ridge(),
        {"alpha": (1e-3, 1e3, "log-uniform")},
        scoring=["neg_mean_absolute_error", "neg_max_error"],
        n_iter=8,
        n_initial_points=8,
        cv=3,
        random_state=0,
    ).fit(rows[:, :2], rows[:, 2])
    display = ParetoFrontDisplay.from_estimator(fitted)
    assert display.ideal_ is None
    display.figure_.canvas.draw()


def test_reference_point(wine_search):
    display = ParetoFrontDisplay.from_estimator(wine_search)
    np.testing.assert_array_equal(display.ref_point_.get_xydata()[0], wine_search.ref_point_)
    points = [[0.0, 1.0], [1.0, 0.0], [0.9, 0.9]]
    display = ParetoFrontDisplay(points, [True, True, False], ref_point=(1.02, 1.02)).plot()
    assert display.ref_point_.get_marker() == "x"
    assert labels(display.ax_)[-1] == "reference point"
    display = ParetoFrontDisplay(points, [True, True, False], ref_point=(9, 9)).plot()
    assert labels(display.ax_)[-1] == "reference (9, 9)"
    assert display.ax_.get_xlim()[1] < 9
    assert ParetoFrontDisplay(points, [True, True, False]).plot().ref_point_ is None
