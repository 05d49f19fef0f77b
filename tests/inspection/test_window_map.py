"""Maps of windows: numbers and words, each where its window is."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from logstar.inspection import WindowMapDisplay


def test_numbers_are_drawn_at_the_centres() -> None:
    values = np.array([[1.0, 2.0, np.nan], [4.0, 5.0, 6.0]])
    display = WindowMapDisplay(values, [10.0, 30.0], [10.0, 30.0, 50.0], name="qc").plot()
    drawn = display.image_.get_array()
    assert np.array_equal(np.ma.filled(drawn, np.nan), values, equal_nan=True)
    corners = display.image_.get_coordinates()
    assert corners[0, 0].tolist() == [0.0, 0.0]
    assert corners[-1, -1].tolist() == [60.0, 40.0]
    # Row 0 is at the top.
    low, high = display.ax_.get_ylim()
    assert low > high
    plt.close(display.figure_)


def test_words_have_a_colour_each() -> None:
    values = np.array([["ok", "check"], ["empty", "ok"]])
    display = WindowMapDisplay(values, [0, 1], [0, 1]).plot()
    assert display.image_.get_array().tolist() == [[0, 1], [2, 0]]
    ticks = [text.get_text() for text in display.figure_.axes[1].get_yticklabels()]
    assert ticks == ["ok", "check", "empty"]
    plt.close(display.figure_)


def test_refuses_what_does_not_go_together() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 2\) of the centres, got \(2, 2\)"):
        WindowMapDisplay(np.eye(2), [0], [0, 1]).plot()
