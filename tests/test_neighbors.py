"""Distance sums against SciPy's k-d tree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial import cKDTree

from logstar import _core
from logstar.neighbors import distance_sums


@given(
    seed=st.integers(0, 2**32 - 1),
    n_points=st.integers(2, 300),
    n_neighbors=st.integers(1, 40),
    kind=st.sampled_from(["uniform", "lattice", "line", "clusters", "outlier", "magnitudes"]),
)
def test_sums_equal_those_of_a_k_d_tree(seed, n_points, n_neighbors, kind):
    rng = np.random.default_rng(seed)
    points = {
        "uniform": lambda: rng.uniform(-1e3, 1e3, (n_points, 2)),
        "lattice": lambda: rng.integers(0, 12, (n_points, 2)).astype(float),
        "line": lambda: np.outer(rng.uniform(0, 100, n_points), [1.0, 0.0]),
        "clusters": lambda: (
            rng.normal(size=(n_points, 2)) + 1e5 * rng.integers(0, 2, (n_points, 1))
        ),
        "outlier": lambda: np.vstack([rng.random((n_points - 1, 2)), [[1e9, -1e9]]]),
        "magnitudes": lambda: (
            np.exp(5 * rng.normal(size=(n_points, 1))) * rng.normal(size=(n_points, 2))
        ),
    }[kind]()
    distances, _ = cKDTree(points).query(points, k=min(n_neighbors + 1, n_points))
    assert_allclose(distance_sums(points, n_neighbors), distances.sum(axis=1), rtol=1e-12)


def test_fewer_points_than_neighbours():
    assert distance_sums([], 4).shape == (0,)
    assert_array_equal(distance_sums([[3.0, 4.0]], 4), [0])
    assert_array_equal(distance_sums([[0, 0], [3, 4]], 4), [5, 5])


def test_further_columns_and_layout_do_not_matter(rng):
    table = rng.random((50, 4))
    expected = distance_sums(table[:, :2].copy())
    table.setflags(write=False)
    assert_array_equal(distance_sums(table), expected)
    assert_array_equal(distance_sums(np.asfortranarray(table)), expected)


def test_the_number_of_threads_changes_nothing(rng):
    points = rng.random((20_000, 2))
    assert_array_equal(distance_sums(points, n_jobs=1), distance_sums(points, n_jobs=2))


@pytest.mark.parametrize("n_neighbors", [1, 4, 8, 16, 32, 40])
def test_every_instruction_set_gives_the_same(rng, monkeypatch, n_neighbors):
    points = [rng.random((500, 2)), rng.normal(size=(500, 2)) ** 9]
    expected = [distance_sums(table, n_neighbors) for table in points]
    for name in _core.instruction_sets():
        monkeypatch.setenv("LOGSTAR_INSTRUCTION_SET", name)
        for table, sums in zip(points, expected, strict=True):
            assert_array_equal(distance_sums(table, n_neighbors), sums)
    monkeypatch.setenv("LOGSTAR_INSTRUCTION_SET", "mmx")
    with pytest.raises(ValueError, match='"mmx"'):
        distance_sums(points[0], n_neighbors)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0, np.nan]],), ValueError, r"positions\[0\] = \[ 0. nan\] is not finite"),
        (([1, 2, 3],), ValueError, r"shape \(n, 2\).*got shape \(3,\)"),
        (([[0, 0]], 0), ValueError, "n_neighbors must be at least 1, got 0"),
        (([[0, 0]], 2.5), TypeError, "n_neighbors must be an integer"),
    ],
)
def test_bad_input_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        distance_sums(*arguments)
