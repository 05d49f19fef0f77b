"""What displays share: axes that read well."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from logstar.inspection import ParetoFrontDisplay
from logstar.inspection._style import plain_log_axis, scale_small_numbers, span_decades


def ticks_of(axis):
    axis.figure.canvas.draw()
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize(
    ("largest", "unit", "label"),
    [
        (0.3, 1.0, "ER"),
        (0.02, 1.0, "ER"),
        (0.0199, 1e-3, "ER / 10⁻³"),
        (1.0e-3, 1e-3, "ER / 10⁻³"),
        (4e-4, 1e-6, "ER / 10⁻⁶"),
        (0.0, 1.0, "ER"),
    ],
)
def test_small_numbers_are_written_in_thousandths(largest, unit, label):
    ax = Figure().add_subplot()
    ax.set_ylim(-largest / 10, largest or -1e-320)
    assert scale_small_numbers(ax.yaxis, "ER") == unit
    assert ax.get_ylabel() == label


def test_ticks_and_legend_are_in_the_unit_of_the_axis():
    display = ParetoFrontDisplay([[0.0, 2e-4], [0.1, 0.0], [0.2, 1e-4]], [True, True, False], 0)
    display.plot(xlabel="QC", ylabel="ER")
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("QC", "ER / 10⁻⁶")
    assert {"0", "100", "200"} <= set(ticks_of(display.ax_.yaxis))
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "compromise (0, 200)" in texts


def test_a_logarithmic_axis_has_ticks_at_one_two_and_five():
    ax = Figure().add_subplot()
    plain_log_axis(ax, 0.004, 0.3)
    assert ticks_of(ax.xaxis) == ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2"]
    plain_log_axis(ax, 1e-3, 1e3)
    assert ticks_of(ax.xaxis) == ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 31], True), ([1, 30], False), ([0, 1e9], False), ([-1, 5], False)]
)
def test_only_values_above_zero_can_span_decades(values, expected):
    assert span_decades(values) is expected
