"""Distances between neighbouring atoms."""

from __future__ import annotations

import os

from numpy.typing import ArrayLike

from . import _core
from ._runtime import INSTRUCTION_SET_VARIABLE, threads_of
from ._validation import FloatArray, as_positions, check_integer


def distance_sums(
    positions: ArrayLike, n_neighbors: int = 4, *, n_jobs: int | None = None
) -> FloatArray:
    """Sum of the distances of each position to its nearest neighbours.

    In a lattice every atom of a kind has the same sum; an atom that was invented between others
    has a smaller one. That is what the error rate of Barakati et al. (eq. 2 of Digital Discovery
    2024, 3, 2061) counts.

    Parameters
    ----------
    positions : array-like of shape (n, >=2)
        Row and column in pixels; further columns are ignored.
    n_neighbors : int, default=4
        How many neighbours to sum over. Where there are fewer, those there are count.
    n_jobs : int, default=None
        Threads: None is one, -1 is all.

    Returns
    -------
    sums : ndarray of shape (n,), float64
        In pixels. Positions at the same place are neighbours at distance 0; a position alone has
        the sum 0.

    Raises
    ------
    ValueError
        For positions that are no such table or not finite, or `n_neighbors` below 1.

    Examples
    --------
    >>> from logstar.neighbors import distance_sums
    >>> distance_sums([[0, 0], [0, 3], [4, 0]], n_neighbors=2)
    array([7., 8., 9.])
    """
    points = as_positions(positions)
    check_integer(n_neighbors, name="n_neighbors", low=1)
    instruction_set = os.environ.get(INSTRUCTION_SET_VARIABLE)
    return _core.distance_sums(points, int(n_neighbors), threads_of(n_jobs), instruction_set)
