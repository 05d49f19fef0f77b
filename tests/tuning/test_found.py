"""Atoms of a tuned detector rated by their number and their distances."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logstar.tuning import Expectation
from logstar.tuning._found import flags, rate

#: 5 x 5 atoms, 10 px apart: those inside have four neighbours at 10 px.
SQUARE = np.argwhere(np.ones((5, 5))) * 10.0 + 5
SHAPE = (50, 50)


def expecting(n, distance_sum):
    return Expectation.from_numbers(n, distance_sum, SHAPE)


def test_number_and_distances_of_a_square():
    # The sums are 40 inside; at an edge the fourth neighbour is sqrt(2) away, at a corner it and
    # the third ones are sqrt(2) and 2 away.
    edge, corner = 10 * (3 + math.sqrt(2)), 10 * (4 + math.sqrt(2))
    assert rate(expecting(25, 39.9), SQUARE) == (0.0, 0.0)
    assert rate(expecting(25, 40.1), SQUARE) == (0.0, pytest.approx(9 / 25))
    assert rate(expecting(20, (edge + corner) / 2), SQUARE) == (
        pytest.approx(0.25),
        pytest.approx((9 + 12) / 20),
    )
    assert rate(expecting(50, 39.9), SQUARE, share=0.25) == (pytest.approx(1.0), 0.0)


def test_flags_are_what_the_error_rate_counts():
    expected = expecting(25, 40.1)
    inside = ((SQUARE > 5) & (SQUARE < 45)).all(axis=1)
    np.testing.assert_array_equal(flags(expected, SQUARE), inside)
    assert rate(expected, SQUARE)[1] * 25 == pytest.approx(inside.sum())


@pytest.mark.parametrize(
    ("numbers", "qc", "er"),
    [({}, math.nan, math.nan), ({"n_expected": 20}, 0.25, math.nan)],
)
def test_what_is_not_expected_is_not_rated(numbers, qc, er):
    expected = Expectation.without_lattice(np.eye(50), **numbers)
    assert rate(expected, SQUARE) == pytest.approx((qc, er), nan_ok=True)
    assert not flags(expected, SQUARE).any()
