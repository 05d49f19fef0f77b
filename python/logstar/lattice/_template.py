"""The surroundings of each column of a lattice, by which atoms are recognised."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._periodic import columns_within

#: Neighbours must surround a column, so that indices spread in every direction: no gap between the
#: directions of two successive ones may be wider than this, in radians.
_WIDEST_GAP = math.radians(170)
#: And they must be so many that around any grain there are atoms with two indexed neighbours. With
#: four, as in a sheared perovskite, whose columns have neighbours of the other kind alone, nine
#: atoms around a seed have their index and no further one has two such neighbours.
_LEAST_NEIGHBORS = 6
#: Distances that differ by less than this share are of one shell, however they are rounded.
_SAME_SHELL = 1.05


@dataclass(frozen=True)
class Template:
    """Neighbours of each column, column after column.

    Parameters
    ----------
    first : ndarray of shape (n_columns + 1,), uint32
        Where the neighbours of each column begin, and the end of the last.
    columns : ndarray of shape (n_edges,), uint32
        Which column the neighbour is.
    cells : ndarray of shape (n_edges, 2), int32
        How many cells along a and b it is away, by its index.
    vectors : ndarray of shape (n_edges, 2)
        From the column to the neighbour: (row, col) in pixels, shortest first.
    """

    first: NDArray[np.uint32]
    columns: NDArray[np.uint32]
    cells: NDArray[np.int32]
    vectors: FloatArray


def template_of(vectors: FloatArray, places: FloatArray, reach: float) -> Template:
    """Find the neighbours of every column.

    Parameters
    ----------
    vectors : ndarray of shape (2, 2)
        Edges of the cell as rows (row, col).
    places : ndarray of shape (n_columns, 2)
        Fractional coordinates.
    reach : float
        How far neighbours are, in distances to the nearest one. Where these do not surround the
        column, or are fewer than six, further shells are taken.

    Returns
    -------
    template : Template
        An edge that one of its ends reaches is in both ends' lists.
    """
    around = [_around(vectors, places, column) for column in range(len(places))]
    radii = np.array([_radius(edges[0], reach) for edges in around])
    first, columns, cells, edges = [0], [], [], []
    for column, (apart, others, steps) in enumerate(around):
        near = np.hypot(*apart.T) <= np.maximum(radii[column], radii[others])
        columns.append(others[near])
        cells.append(steps[near])
        edges.append(apart[near])
        first.append(first[-1] + int(near.sum()))
    return Template(
        np.array(first, dtype=np.uint32),
        np.concatenate(columns).astype(np.uint32),
        np.concatenate(cells).astype(np.int32),
        np.concatenate(edges),
    )


def _around(
    vectors: FloatArray, places: FloatArray, column: int
) -> tuple[FloatArray, NDArray[np.intp], NDArray[np.intp]]:
    """Vectors from a column to those around it, nearest first; which they are; cells between."""
    # A circle of this radius holds every edge that `_radius` may ask for.
    far = 4.5 * np.linalg.norm(vectors, axis=1).max()
    here = places[column] @ vectors
    points, others = columns_within(vectors, places, np.zeros(2), here - far, here + far)
    apart = points - here
    steps = np.round(points @ np.linalg.inv(vectors) - places[others]).astype(np.intp)
    length = np.hypot(*apart.T)
    # Equal lengths by direction, so that rounding does not decide.
    angle = np.round(np.arctan2(apart[:, 1], apart[:, 0]), 6)
    order = np.lexsort((angle, np.round(length, 6)))[1:]
    return apart[order], others[order], steps[order]


def _radius(apart: FloatArray, reach: float) -> float:
    length = np.hypot(*apart.T)
    n = _LEAST_NEIGHBORS
    while n < len(length):
        angles = np.sort(np.arctan2(apart[:n, 1], apart[:n, 0]))
        gaps = np.diff(angles, append=angles[0] + 2 * math.pi)
        if gaps.max() <= _WIDEST_GAP:
            break
        n += 1
    return float(max(reach * length[0], _SAME_SHELL * length[n - 1]))
