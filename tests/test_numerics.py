"""Shared numerics against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage

from logstar._numerics import MAD_TO_SIGMA, parabola_vertex, smoothed


@given(st.floats(-1, 1), st.floats(1e-3, 1e3), st.floats(-10, 10))
def test_the_top_of_a_parabola(top, curvature, height):
    values = [height - curvature * (x - top) ** 2 for x in (-1, 0, 1)]
    assert parabola_vertex(*values) == pytest.approx(top, abs=1e-6 * (1 + abs(height) / curvature))


@pytest.mark.parametrize(
    ("values", "place"),
    [((0, 1, 5), 1), ((5, 1, 0), -1), ((2, 2, 2), 0), ((1, 2, 3), 1), ((0, 5, 9.9), 1)],
)
def test_without_a_top_between_them_the_higher_end(values, place):
    assert parabola_vertex(*values) == place


def test_arrays_are_taken_value_by_value():
    table = np.random.default_rng(0).normal(size=(3, 4, 5))
    one_by_one = [[parabola_vertex(*table[:, i, j]) for j in range(5)] for i in range(4)]
    np.testing.assert_array_equal(parabola_vertex(*table), one_by_one)


def test_the_spread_of_a_normal_distribution():
    sample = np.random.default_rng(0).normal(3.0, 2.0, 200_000)
    spread = MAD_TO_SIGMA * np.median(np.abs(sample - np.median(sample)))
    assert spread == pytest.approx(2.0, rel=0.01)


@given(
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.floats(0.3, 9.0),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
def test_averages_are_those_of_scipy(shape, sigma, dtype, seed):
    values = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    averages = smoothed(values, sigma)
    assert averages.dtype == dtype
    expected = ndimage.gaussian_filter(values.astype(np.float64), sigma)
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(averages, expected, rtol=0, atol=tolerance * np.abs(values).max())
