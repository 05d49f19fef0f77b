"""Gaps between discs, against SciPy's distance transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from logstar.rewards import _gaps
from logstar.rewards._gaps import covered, deepest

points = st.lists(st.tuples(st.integers(-3, 33), st.integers(-3, 24)), max_size=12).map(
    lambda pairs: np.array(pairs, dtype=int).reshape(-1, 2)
)
SHAPE = (31, 22)


def distances_of(table, shape=SHAPE):
    empty = np.ones(shape, dtype=bool)
    inside = ((table >= 0) & (table < shape)).all(axis=1)
    empty[tuple(table[inside].T)] = False
    return np.full(shape, np.inf) if empty.all() else ndimage.distance_transform_edt(empty)


@given(points, st.one_of(st.floats(0, 60), st.sampled_from([1.0, 5.0, 2**0.5, 5 * 2**0.5])))
def test_covered_is_within_reach(table, reach):
    assert_array_equal(covered(table, reach, SHAPE), distances_of(table) <= reach)


@pytest.mark.parametrize("reach", [1e-300, 1e300, np.inf])
def test_reaches_of_any_size(reach):
    table = np.array([[3, 4]])
    assert_array_equal(covered(table, reach, SHAPE), distances_of(table) <= reach)


@given(points, st.floats(0.5, 12), st.sampled_from([0.0, 1.0]))
def test_the_deepest_place_of_each_gap(table, reach, many):
    distances = distances_of(table)
    gaps = distances > reach
    labels, n_gaps = ndimage.label(gaps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_gaps, "_MANY", many)  # one way or the other
        places, depths = deepest(gaps, table)
    assert len(places) == n_gaps
    for number, ((row, col), depth) in enumerate(zip(places, depths, strict=True), 1):
        own = np.where(labels == number, distances, -1)
        assert depth == own.max()
        assert (row, col) == np.unravel_index(own.argmax(), SHAPE)
