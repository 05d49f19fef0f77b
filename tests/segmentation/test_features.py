"""Windows as rows of pixels: what is taken, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.segmentation._features import (
    as_windows,
    even_part,
    normalized,
    odd_moment,
    odd_part,
)


def test_one_window_is_enough_unless_more_are_asked_for():
    window = np.arange(9.0)
    np.testing.assert_array_equal(as_windows(window[None]), [window])
    np.testing.assert_array_equal(as_windows(window.reshape(1, 3, 3)), [window])
    with pytest.raises(ValueError, match="minimum of 2"):
        as_windows(window[None], min_samples=2)
    with pytest.raises(ValueError, match="minimum of 1"):
        as_windows(np.empty((0, 9)))


@pytest.mark.parametrize("shape", [(4, 8), (4, 3, 2), (4, 3, 3, 1)])
def test_windows_are_square(shape):
    with pytest.raises(ValueError, match="square windows"):
        as_windows(np.zeros(shape))


def test_normalised_windows_have_mean_0_and_deviation_1_and_constant_ones_are_0():
    windows = np.array([[1.0, 2, 3, 6], [5, 5, 5, 5]])
    np.testing.assert_array_equal(normalized(windows, "mean"), [[-2, -1, 0, 3], [0, 0, 0, 0]])
    deviation = np.sqrt((4 + 1 + 9) / 4)
    expected = np.array([[-2, -1, 0, 3], [0, 0, 0, 0]]) / deviation
    np.testing.assert_allclose(normalized(windows, "zscore"), expected)
    assert normalized(windows, None) is windows


def test_what_a_half_turn_keeps_and_what_it_reverses():
    window = np.array([[1.0, 2, 3, 4, 10, 6, 7, 8, 20]])
    np.testing.assert_array_equal(even_part(window), [[10.5, 5, 5, 5, 10]])
    np.testing.assert_array_equal(odd_part(window), [[-9.5, -3, -2, -1]])


def test_the_moment_points_to_the_bright_side():
    """Pixels of a 3 x 3 window in front of the middle, at (-1, -1), (-1, 0), (-1, 1), (0, -1)."""
    np.testing.assert_array_equal(odd_moment(np.array([1.0, 2, 4, 8]), 3), [-7, -1 + 4 - 8])
