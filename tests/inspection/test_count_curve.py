"""The number of atoms against the threshold."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.inspection import CountCurveDisplay

THRESHOLDS = np.geomspace(0.005, 0.4, 20)
COUNTS = np.concatenate([[90_000, 40_000, 900], np.full(12, 500), [400, 300, 200, 100, 0]])


def full(**changed):
    known = {
        "plateau": (0.01, 0.15),
        "n_expected": 510.0,
        "uncertainty": 0.03,
        "chosen": (0.05, 500),
    }
    return CountCurveDisplay(THRESHOLDS, COUNTS, **known | changed).plot()


def test_everything_that_decided_is_where_it_is():
    display = full()
    np.testing.assert_array_equal(
        display.curve_.get_xydata(), np.column_stack([THRESHOLDS, COUNTS])
    )
    assert display.chosen_.get_xydata().tolist() == [[0.05, 500]]
    assert set(display.expected_.get_ydata()) == {510.0}
    band = display.band_.get_extents().transformed(display.ax_.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((510 * 0.97, 510 * 1.03))
    plateau = display.plateau_.get_extents().transformed(display.ax_.transData.inverted())
    assert (plateau.x0, plateau.x1) == pytest.approx((0.01, 0.15))
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == [
        "same number from 0.01 to 0.15",
        "expected 510 ± 15",
        "atoms found",
        "chosen: 500 at 0.05",
    ]


def test_noise_does_not_squeeze_the_plateau():
    low, high = full().ax_.get_ylim()
    assert low == 0
    assert 525 < high < 1000


def test_the_view_holds_what_was_expected_though_little_was_found():
    display = full(n_expected=200_000.0, chosen=(0.05, 500))
    assert display.ax_.get_ylim()[1] > 206_000
    many = CountCurveDisplay([0.1, 0.2, 0.3], [900, 800, 0]).plot()
    assert 900 < many.ax_.get_ylim()[1] < 1200
    nothing = CountCurveDisplay([0.1, 0.2], [0, 0]).plot()
    assert nothing.ax_.get_ylim() == (0, 1)


def test_ticks_are_plain_numbers():
    display = full()
    display.figure_.canvas.draw()
    ticks = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert ticks == ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2"]
    wide = CountCurveDisplay([1e-6, 1.0], [5, 1]).plot()
    assert [text.get_text() for text in wide.ax_.get_xticklabels()][:2] == ["1e-06", "1e-05"]


def test_parts_may_be_unknown():
    display = CountCurveDisplay([0.1], [5]).plot(legend=False)
    assert display.plateau_ is display.band_ is display.expected_ is display.chosen_ is None
    assert display.ax_.get_legend() is None
    assert full(uncertainty=0.0).band_ is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.1, 0.2], [1]), r"one length, got shapes \(2,\) and \(1,\)"),
        (([0.0, 0.2], [1, 2]), "above 0"),
        (([], []), "one or more numbers above 0"),
    ],
)
def test_bad_curves_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CountCurveDisplay(*arguments)
