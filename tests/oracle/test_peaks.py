"""From a map of probabilities to atoms."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings, strategies as st

from logstar.oracle._peaks import peaks_of


def discs(points, shape=(64, 80), radius=2.0):
    rows, cols = np.indices(shape)
    distances = np.min([np.hypot(rows - r, cols - c) for r, c in points], axis=0)
    return (radius + 0.5 - distances).clip(0, 1).astype(np.float32)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_centres_of_discs_are_found_to_a_tenth_of_a_pixel(seed):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(8, 60, 9), np.arange(8, 76, 9), indexing="ij"), -1)
    points = grid.reshape(-1, 2)[rng.permutation(grid.size // 2)[:12]]
    points = points + rng.uniform(-0.5, 0.5, (12, 2))
    found = peaks_of(discs(points), 8.0, 0.5)
    order = np.lexsort(points.T)
    np.testing.assert_allclose(
        found[np.lexsort(np.rint(found[:, :2]).T), :2].sum(), points.sum(), atol=1
    )
    distances = np.hypot(*(found[:, None, :2] - points[order][None]).transpose(2, 0, 1))
    assert len(found) == 12
    assert distances.min(axis=0).max() < 0.1


def test_two_maxima_that_are_too_close_are_one_atom_and_the_higher_stays():
    image = 0.9 * discs([(30, 30)], radius=1) + discs([(30, 32)], radius=1)
    assert len(peaks_of(image.clip(0, 1), 8.0, 0.3)) == 1


def test_below_the_threshold_there_is_nothing():
    assert peaks_of(0.4 * discs([(30, 30)]), 8.0, 0.5).shape == (0, 3)
    assert peaks_of(np.zeros((5, 5), np.float32), 8.0, 0.5).shape == (0, 3)
