"""From a map of probabilities to atoms."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings, strategies as st

from logstar.oracle._peaks import Company, peaks_of


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


SOME = Company(certain=0.8, likely=0.7)


def grid(n, at, pitch=8.0):
    return np.array([[at + pitch * i, at + pitch * j] for i in range(n) for j in range(n)])


def test_a_faint_atom_needs_a_crystal_around_it_and_a_certain_one_nothing():
    crystal = np.column_stack([grid(3, 10.0), np.full(9, 0.75)])
    faint = [[18.0, 34.0, 0.55], [100.0, 100.0, 0.55], [60.0, 60.0, 0.75]]
    certain = [[100.0, 20.0, 0.85]]
    found = np.vstack([crystal, faint, certain])
    expected = [True] * 9 + [True, False, False, True]
    np.testing.assert_array_equal(SOME.believes(found, 8.0), expected)
    # Where everything is faint, there is no crystal.
    none = np.column_stack([grid(3, 10.0), np.full(9, 0.65)])
    assert not SOME.believes(none, 8.0).any()
    assert not SOME.believes(crystal[:5], 8.0).any()
    assert SOME.believes(crystal[:6], 8.0).all()
    assert SOME.believes(np.empty((0, 3)), 8.0).shape == (0,)


def test_maxima_of_a_map_keep_company():
    image = 0.9 * discs([(30, 30)], shape=(96, 96))
    faint = 0.7 * discs([(70, 70)], shape=(96, 96))
    assert len(peaks_of(image + faint, 8.0, 0.3)) == 2
    (alone,) = peaks_of(image + faint, 8.0, 0.3, Company(certain=0.6, likely=0.5))
    np.testing.assert_allclose(alone[:2], [30, 30], atol=0.1)
