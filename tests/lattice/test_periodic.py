"""Geometry of plane lattices against large finite pieces of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial import KDTree

from logstar.lattice._periodic import (
    columns_within,
    covering_radius,
    neighbor_distances,
    reduced_cell,
    same_place,
)

CELLS = {
    "square": ([[10, 0], [0, 10]], [[0, 0]]),
    "hexagonal": ([[0, 8], [8 * np.sqrt(0.75), -4]], [[0, 0]]),
    "rectangular, three points": ([[12, 0], [0, 19]], [[0.1, 0.2], [0.6, 0.7], [0.1, 0.65]]),
    "oblique": ([[7, 2], [-3, 11]], [[0.0, 0.0], [0.3, 0.8]]),
    "long edges of a small cell": ([[10, 1], [51, 15]], [[0.25, 0.5]]),
}


@pytest.fixture(params=CELLS, ids=str)
def lattice(request):
    return tuple(np.array(part, dtype=float) for part in CELLS[request.param])


def piece(cell, places, n=40):
    """All points of the cells from -n to n, which of the places each is, and the middle cell's."""
    u, v = (part.ravel() for part in np.mgrid[-n : n + 1, -n : n + 1])
    cells = np.column_stack([u, v])
    points = (cells[:, None, :] + places).reshape(-1, 2) @ cell
    kinds = np.tile(np.arange(len(places)), len(cells))
    return points, kinds, places @ cell


@pytest.mark.parametrize("n_neighbors", [1, 4, 9])
def test_neighbours(lattice, n_neighbors):
    points, _, middle = piece(*lattice)
    expected = KDTree(points).query(middle, n_neighbors + 1)[0][:, 1:]
    assert_allclose(neighbor_distances(*lattice, n_neighbors), expected, atol=1e-9)


def test_points_in_a_rectangle(lattice):
    cell, places = lattice
    origin, low, high = np.array([3.3, -2.1]), np.array([-20.0, 5.0]), np.array([31.0, 60.0])
    points, kinds, _ = piece(cell, places)
    points = points + origin
    inside = ((points >= low) & (points <= high)).all(axis=1)
    found, found_kinds = columns_within(cell, places, origin, low, high)
    assert sorted(map(tuple, np.column_stack([found, found_kinds]).round(6))) == sorted(
        map(tuple, np.column_stack([points, kinds])[inside].round(6))
    )


def test_the_reduced_cell_has_the_shortest_edges_of_the_same_lattice(lattice):
    cell, _ = lattice
    reduced = reduced_cell(cell)
    steps = reduced @ np.linalg.inv(cell)
    assert_allclose(steps, steps.round(), atol=1e-9)
    assert np.linalg.det(reduced) == pytest.approx(-abs(np.linalg.det(cell)))
    lengths = np.hypot(*piece(cell, np.zeros((1, 2)))[0].T)
    short, long = np.hypot(*reduced.T)
    assert short == pytest.approx(np.sort(lengths)[1])
    assert short <= long * (1 + 1e-9)
    assert abs(reduced[0] @ reduced[1]) <= short * long * (0.5 + 1e-9)


def test_the_covering_radius_is_the_distance_to_the_emptiest_place(lattice):
    cell, places = lattice
    points, _, _ = piece(cell, places)
    grid = np.stack([part.ravel() for part in np.mgrid[0:1:201j, 0:1:201j]], axis=1) @ cell
    farthest = KDTree(points).query(grid)[0].max()
    step = np.hypot(*cell.T).max() / 200
    radius = covering_radius(cell, places)
    assert farthest - 1e-9 <= radius <= farthest + step


def test_places_are_the_same_up_to_whole_cells():
    assert same_place(np.array([0.9999, 0.5]), np.array([-1.0, 2.5]))
    assert not same_place(np.array([0.99, 0.5]), np.array([0.0, 0.5]))
