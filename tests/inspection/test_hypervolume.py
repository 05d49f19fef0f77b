"""The course of a search."""

from __future__ import annotations

import numpy as np

from logstar.inspection import HypervolumeDisplay


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_trace(wine_search):
    display = HypervolumeDisplay.from_estimator(wine_search)
    np.testing.assert_array_equal(display.line_.get_ydata(), wine_search.hypervolume_trace_)
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(1, 17))
    assert display.initial_.get_xdata()[0] == 12.5
    assert labels(display.ax_)[1] == "end of the 12 initial points"
    assert HypervolumeDisplay([0.0, 1.0], n_initial=2).plot(legend=False).initial_ is None
