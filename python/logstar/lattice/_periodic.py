"""Geometry of a plane lattice with several points a cell.

A `cell` is a matrix whose rows are its two edges, `places` are fractional coordinates along them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree, Voronoi

from logstar._validation import FloatArray

#: Vertices are those of one cell and this share of it beside, so that rounding loses none.
_BESIDE = 0.01


def neighbor_distances(cell: FloatArray, places: FloatArray, n_neighbors: int) -> FloatArray:
    """Distances of each point of a cell to its nearest neighbours in the endless lattice.

    Parameters
    ----------
    cell : ndarray of shape (2, 2)
        Edges of the cell.
    places : ndarray of shape (n_places, 2)
        Fractional coordinates.
    n_neighbors : int
        How many neighbours, at least 1.

    Returns
    -------
    distances : ndarray of shape (n_places, n_neighbors)
        Ascending, exact.
    """
    area = abs(np.linalg.det(cell))
    heights = area / np.linalg.norm(cell, axis=1)[::-1]
    first_cell = places % 1.0
    reach = math.sqrt((n_neighbors + 1) * area / len(places))
    while True:
        # All points within `reach` of the first cell are in cells from -n to n.
        n_u, n_v = (math.ceil(reach / height) + 1 for height in heights)
        cells = _cells(np.array([-n_u, -n_v]), np.array([n_u, n_v]))
        others = (cells[:, None, :] + first_cell).reshape(-1, 2)
        apart = (others[None, :, :] - first_cell[:, None, :]) @ cell
        # The first of the sorted distances is that of the point to itself.
        nearest = np.sort(np.hypot(apart[..., 0], apart[..., 1]), axis=1)[:, 1 : n_neighbors + 1]
        if nearest.shape[1] == n_neighbors and nearest[:, -1].max() <= reach:
            return nearest
        reach *= 2


def columns_within(
    cell: FloatArray, places: FloatArray, origin: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Find the lattice points in a rectangle.

    Parameters
    ----------
    cell : ndarray of shape (2, 2)
        Edges of the cell.
    places : ndarray of shape (n_places, 2)
        Fractional coordinates.
    origin : ndarray of shape (2,)
        A corner of a cell.
    low, high : ndarray of shape (2,)
        Corners of the rectangle, which belong to it.

    Returns
    -------
    points : ndarray of shape (n, 2)
        Cell by cell.
    indices : ndarray of shape (n,), intp
        Which of the places each is.
    """
    corners = np.array([[r, c] for r in (low[0], high[0]) for c in (low[1], high[1])])
    fractions = (corners - origin) @ np.linalg.inv(cell)
    cells = _cells(
        np.floor(fractions.min(axis=0) - places.max(axis=0)).astype(int),
        np.ceil(fractions.max(axis=0) - places.min(axis=0)).astype(int),
    )
    points = (cells[:, None, :] + places).reshape(-1, 2) @ cell + origin
    inside = ((points >= low) & (points <= high)).all(axis=1)
    return points[inside], np.tile(np.arange(len(places)), len(cells))[inside]


def _cells(first: NDArray[np.int_], last: NDArray[np.int_]) -> NDArray[np.int_]:
    """Indices (n_cells, 2) of all cells from the first to the last, both included."""
    u, v = np.meshgrid(
        np.arange(first[0], last[0] + 1), np.arange(first[1], last[1] + 1), indexing="ij"
    )
    return np.stack([u.ravel(), v.ravel()], axis=1)


def reduced_cell(cell: FloatArray) -> FloatArray:
    """Give the cell with the shortest edges, turned one way.

    Parameters
    ----------
    cell : ndarray of shape (2, 2)
        Edges of a cell, as rows.

    Returns
    -------
    reduced : ndarray of shape (2, 2)
        Edges of the same lattice, the shorter first, at an angle of 60 to 120 degrees; the
        determinant is negative, as that of an unrotated `Lattice` with edges as (row, col).
    """
    short, long = (np.array(edge, dtype=np.float64) for edge in cell)
    while True:
        if short @ short > long @ long * (1 + 1e-9):
            short, long = long, short
        steps = np.round(short @ long / (short @ short))
        # At half a step, subtracting gives an edge of the same length: stop, or it never ends.
        if steps == 0 or abs(short @ long / (short @ short)) <= 0.5 + 1e-9:
            break
        long = long - steps * short
    if np.linalg.det(np.array([short, long])) > 0:
        long = -long
    if short @ long > 0 and math.isclose(short @ short, long @ long, rel_tol=1e-6):
        # Hexagonal cells have 120 degrees by custom.
        short, long = long, -short
    return np.array([short, long])


def same_place(one: FloatArray, other: FloatArray, tolerance: float = 1e-3) -> bool:
    """Tell whether two fractional coordinates are one place of the lattice."""
    apart = np.asarray(one) - other
    return bool(np.abs(apart - np.round(apart)).max() < tolerance)


def covering_radius(cell: FloatArray, places: FloatArray) -> float:
    """Find how far from any lattice point one can get.

    Parameters
    ----------
    cell : ndarray of shape (2, 2)
        Edges of the cell.
    places : ndarray of shape (n_places, 2)
        Fractional coordinates.

    Returns
    -------
    radius : float
        Exact: the greatest distance of a Voronoi vertex to its points.
    """
    edges = reduced_cell(cell)
    inner = (places @ cell @ np.linalg.inv(edges)) % 1.0
    # The edges are reduced, so that no place is further from a point than half the diagonal of a
    # rectangle with them. Only points within that of a vertex decide where it is.
    reach = 0.5 * math.hypot(*np.linalg.norm(edges, axis=1))
    heights = abs(float(np.linalg.det(edges))) / np.linalg.norm(edges[::-1], axis=1)
    n_cells = np.ceil(1 + _BESIDE + reach / heights).astype(int)
    points = (_cells(-n_cells, n_cells)[:, None, :] + inner).reshape(-1, 2)
    diagram = Voronoi(points @ edges)
    vertices = diagram.vertices
    fractions = vertices @ np.linalg.inv(edges)
    middle = vertices[((fractions > -_BESIDE) & (fractions < 1 + _BESIDE)).all(axis=1)]
    return float(np.max(KDTree(points @ edges).query(middle)[0]))
