"""Windows over an image, and the plateaus that their numbers of atoms have."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.tuning._windows import Windows, widest_plateau


@pytest.mark.parametrize(("shape", "side"), [((100, 260), 64), ((64, 64), 64), ((50, 90), 64)])
def test_windows_cover_the_image_and_half_overlap(shape: tuple[int, int], side: int) -> None:
    windows = Windows(shape, side)
    counted = np.zeros(shape)
    for _, box in windows:
        counted[box] += 1
        assert counted[box].shape == (min(side, shape[0]), min(side, shape[1]))
    assert counted.min() >= 1
    for starts in windows.starts:
        assert (np.diff(starts) <= side / 2 + 1).all()


def test_a_field_is_linear_between_centres_and_constant_beyond() -> None:
    windows = Windows((128, 192), 64)
    rows, cols = windows.centres
    field = windows.spread(np.add.outer(0.1 * rows, -0.2 * cols))
    row, col = np.indices((128, 192))
    expected = 0.1 * np.clip(row, rows[0], rows[-1]) - 0.2 * np.clip(col, cols[0], cols[-1])
    assert np.allclose(field, expected)
    assert np.allclose(Windows((40, 40), 64).spread(np.array([[3.0]])), 3.0)


def test_the_widest_plateau_of_the_right_number_is_taken() -> None:
    """20 atoms respond with .2, 20 of noise with .02; 20 are expected."""
    row, col = np.divmod(np.arange(40), 8)
    table = np.column_stack([20.0 * row, 20.0 * col, np.full(40, 2.0), np.repeat([0.2, 0.02], 20)])
    thresholds = np.geomspace(0.005, 0.4, 128)
    low, high, loss = widest_plateau(table, 0.3, thresholds, 20.0, distance_sum=40.0)
    assert loss == 0
    assert low == thresholds[thresholds >= 0.02][0]
    assert high == thresholds[thresholds < 0.2][-1]


def test_others_may_be_kept_on_a_plateau() -> None:
    """Below .1 a broader maximum, nearer to a neighbour, takes the place of the middle atom."""
    row, col = np.divmod(np.arange(9), 3)
    atoms = np.column_stack([20.0 * row, 20.0 * col, np.full(9, 2.0), np.full(9, 0.3)])
    table = np.vstack([atoms, [20.0, 24.0, 3.0, 0.1]])
    thresholds = np.geomspace(0.05, 0.4, 64)
    low, high, loss = widest_plateau(table, 0.1, thresholds, 9.0, distance_sum=86.0)
    assert low == 0.05
    assert high == thresholds[thresholds < 0.3][-1]
    # Only the middle one of nine has its neighbours closer than that.
    assert loss == pytest.approx(1 / 9)
