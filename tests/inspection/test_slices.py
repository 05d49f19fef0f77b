"""What a search has learnt of its objectives."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.inspection import SurrogateSliceDisplay


def test_slices(wine_search):
    display = SurrogateSliceDisplay.from_estimator(wine_search)
    assert display.axes_.shape == (2, 3)
    assert [ax.get_ylabel() for ax in display.axes_[:, 0]] == ["accuracy", "vectors"]
    curve, held = display.axes_[1, 0].lines
    values, median, _ = wine_search.surrogate("vectors").slice("svc__C", wine_search.best_params_)
    np.testing.assert_allclose(curve.get_xdata(), values)
    np.testing.assert_allclose(curve.get_ydata(), median)
    assert held.get_xdata()[0] == wine_search.best_params_["svc__C"]
    assert display.axes_[0, 0].get_xscale() == "log"
    one = SurrogateSliceDisplay.from_estimator(
        wine_search,
        parameters=["svc__kernel"],
        setting={"svc__C": 1.0, "svc__kernel": "rbf", "standardscaler": "passthrough"},
    )
    assert [text.get_text() for text in one.axes_[1, 0].get_xticklabels()] == ["linear", "rbf"]


def test_unknown_names(wine_search):
    with pytest.raises(ValueError, match="'C' does not vary"):
        SurrogateSliceDisplay.from_estimator(wine_search, parameters=["C"])
