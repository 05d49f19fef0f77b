"""Front and hypervolume against definitions."""

import subprocess
import sys
from fractions import Fraction
from itertools import combinations
from math import prod

import moocore
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from logstar.pareto import (
    hypervolume,
    hypervolume_trace,
    is_non_dominated,
    pareto_ranks,
    reference_point,
)

SIDE = 5


def tables(elements, max_rows=12, max_columns=5):
    shapes = st.tuples(st.integers(0, max_rows), st.integers(1, max_columns))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=elements))


def front_by_definition(points):
    finite = [all(np.isfinite(p)) for p in points]
    return [
        finite[i]
        and not any(
            finite[j] and all(q <= p) and any(q < p) for j, q in enumerate(points) if j != i
        )
        for i, p in enumerate(points)
    ]


def volume_by_cells(points, side=SIDE):
    """Count the unit cells that integer points dominate; exact."""
    dimension = points.shape[1]
    cells = np.indices((side,) * dimension).reshape(dimension, -1).T
    return float(sum(any(all(p <= cell) for p in points) for cell in cells))


# Few distinct values, so that ties and duplicates are common.
@given(tables(st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan, np.inf, -np.inf])))
def test_front_is_that_of_the_definition(points):
    np.testing.assert_array_equal(is_non_dominated(points), front_by_definition(points))


@given(tables(st.floats(-1e6, 1e6)))
def test_front_of_real_numbers(points):
    np.testing.assert_array_equal(is_non_dominated(points), front_by_definition(points))


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(10, 60), st.just(3)),
        elements=st.sampled_from([-1e308, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 1e308]),
    )
)
def test_front_of_many_triples(points):
    np.testing.assert_array_equal(is_non_dominated(points), front_by_definition(points))


@given(tables(st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, np.nan, np.inf]), max_rows=20))
def test_ranks_are_those_of_peeling(points):
    ranks = pareto_ranks(points)
    finite = np.isfinite(points).all(axis=1)
    np.testing.assert_array_equal(ranks < 0, ~finite)
    for rank in range(ranks.max(initial=-1) + 1):
        left = np.flatnonzero(ranks >= rank)
        on_front = ranks[left] == rank
        np.testing.assert_array_equal(front_by_definition(points[left]), on_front)


def test_equal_points_are_all_on_the_front():
    np.testing.assert_array_equal(is_non_dominated([[1, 1], [1, 1], [1, 2]]), [True, True, False])


@given(tables(st.integers(0, SIDE + 1).map(float), max_rows=7))
def test_hypervolume_counts_dominated_cells(points):
    corner = np.full(points.shape[1], float(SIDE))
    assert hypervolume(points, corner) == volume_by_cells(points)


def test_hypervolume_of_a_staircase_and_a_sphere():
    n = 50
    x = np.arange(n) / n
    # Steps under the diagonal: the sum of 1/n * (1 - x_i).
    assert hypervolume(np.column_stack([x, 1 - x]), [1, 1]) == pytest.approx(
        (n - 1) / 2 / n, rel=1e-12
    )
    # Points on the octant of the unit sphere, seen from (1, 1, 1): 1 - pi/6 in the limit.
    u, v = np.meshgrid(np.linspace(0, 1, 25), np.linspace(0, np.pi / 2, 25))
    rim = np.sqrt(1 - u**2)
    sphere = np.column_stack([(1 - rim * np.cos(v)).ravel(), (1 - rim * np.sin(v)).ravel()])
    volume = hypervolume(np.column_stack([sphere, 1 - u.ravel()]), [1, 1, 1])
    assert volume < np.pi / 6
    assert volume == pytest.approx(np.pi / 6, abs=0.05)


def volume_by_inclusion_and_exclusion(points, corner):
    """Add the boxes of all points, take off those of all pairs, add those of all threes, and so on.

    Exact in fractions, and of another kind than either slices or moocore.
    """
    corner = [Fraction(float(c)) for c in corner]
    total = Fraction(0)
    for size in range(1, len(points) + 1):
        for chosen in combinations(points, size):
            worst = [max(map(Fraction, map(float, column))) for column in zip(*chosen, strict=True)]
            edges = [far - near for far, near in zip(corner, worst, strict=True)]
            if all(edge > 0 for edge in edges):
                total += (-1) ** (size + 1) * prod(edges)
    return float(total)


@pytest.mark.parametrize("n_objectives", range(1, 9))
@pytest.mark.parametrize("spread", [1.0, 1e-6, 1e6])
def test_hypervolume_is_exact(n_objectives, spread):
    rng = np.random.default_rng(n_objectives)
    for n_points in (1, 2, 5, 8):
        points = spread * rng.normal(size=(n_points, n_objectives))
        corner = np.full(n_objectives, 0.7 * spread)
        expected = volume_by_inclusion_and_exclusion(points, corner)
        assert hypervolume(points, corner) == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("n_objectives", range(3, 9))
def test_hypervolume_of_a_large_front_agrees_with_sampling(n_objectives):
    rng = np.random.default_rng(n_objectives)
    # On a sphere around the corner none dominates another.
    away = np.abs(rng.normal(size=(60, n_objectives)))
    points = 1 - away / np.linalg.norm(away, axis=1, keepdims=True)
    assert is_non_dominated(points).all()
    n_samples, hits = 200_000, 0
    for _ in range(10):
        samples = rng.uniform(size=(n_samples // 10, n_objectives))
        dominated = np.zeros(len(samples), dtype=bool)
        for point in points:
            dominated |= (point <= samples).all(axis=1)
        hits += dominated.sum()
    share = hits / n_samples
    error = np.sqrt(max(share * (1 - share), 1e-4) / n_samples)
    assert hypervolume(points, np.ones(n_objectives)) == pytest.approx(share, abs=4 * error)


@pytest.mark.parametrize("n_objectives", [2, 3])
def test_slices_agree_with_moocore(n_objectives):
    rng = np.random.default_rng(n_objectives)
    for n_points in (1, 12, 200):
        points = rng.normal(size=(n_points, n_objectives))
        corner = np.full(n_objectives, 0.7)
        expected = moocore.hypervolume(points, ref=corner)
        assert hypervolume(points, corner) == pytest.approx(expected, rel=1e-12)


def test_moocore_is_imported_only_for_many_objectives():
    code = """
import sys
from logstar.pareto import hypervolume
assert hypervolume([[0.0] * 3], [2.0] * 3) == 8 and "moocore" not in sys.modules
assert hypervolume([[0.0] * 4], [2.0] * 4) == 16 and "moocore" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@given(tables(st.integers(0, 6).map(float), max_rows=8))
def test_trace_never_falls_and_ends_at_the_volume(points):
    corner = np.full(points.shape[1], 5.0)
    trace = hypervolume_trace(points, corner)
    assert (np.diff(trace) >= 0).all()
    for i in range(len(points)):
        assert trace[i] == hypervolume(points[: i + 1], corner)


def test_points_that_do_not_count():
    assert hypervolume([[np.nan, 0], [-np.inf, 0], [2, 0], [3, 3]], [2, 2]) == 0.0
    assert hypervolume(np.empty((0, 3)), [1, 1, 1]) == 0.0


@pytest.mark.parametrize(
    ("losses", "ref_point", "words"),
    [
        ([1, 2], [1], "shape \\(2,\\)"),
        ([[1, 2]], [1], "each of the 2 objectives"),
        ([[1, 2]], [1, np.nan], "finite"),
    ],
)
def test_bad_shapes_are_named(losses, ref_point, words):
    with pytest.raises(ValueError, match=words):
        hypervolume(losses, ref_point)


def test_reference_point_lies_beyond_the_initial_design():
    losses = np.array([[0.0, 5.0], [10.0, 5.0], [np.nan, np.nan], [99.0, 99.0]])
    np.testing.assert_allclose(reference_point(losses, 3), [11.0, 5.5])
    # Negative losses: still beyond, which a mere factor of 1.1 would not be.
    np.testing.assert_allclose(reference_point(np.array([[-3.0], [-1.0]]), 2), [-0.8])
    np.testing.assert_allclose(reference_point(np.array([[-3.0], [0.0]])[1:], 1), [0.1])
    # An initial design that failed altogether leaves the rest to go by.
    np.testing.assert_allclose(reference_point(losses[2:], 1), [108.9, 108.9])
