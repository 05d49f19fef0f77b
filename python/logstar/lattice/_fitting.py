"""A lattice fitted to the atoms that were found, and atoms told apart by it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray

from ._periodic import neighbor_distances

#: An atom belongs to a lattice point if it is nearer than this share of the nearest distance.
_REACH = 0.35
#: With fewer atoms nothing is fitted.
_LEAST_ATOMS = 6
#: How often atoms are assigned to lattice points and the lattice is fitted to them.
_N_ROUNDS = 4
#: How the scan drifted at an atom is told by the median displacement of its 12 nearest neighbours.
_N_AROUND = 12


class PlacedCell(NamedTuple):
    """A cell with its place in an image.

    Attributes
    ----------
    vectors : ndarray of shape (2, 2)
        Edges as rows (row, col), in pixels.
    origin : ndarray of shape (2,)
        Row and column of a corner, in pixels.
    places : ndarray of shape (n_columns, 2)
        Fractional coordinates of its columns.
    vector_error : float
        Relative standard deviation of the edges.
    """

    vectors: FloatArray
    origin: FloatArray
    places: FloatArray
    vector_error: float


def fit_to_atoms(cell: PlacedCell, atoms: FloatArray) -> PlacedCell | None:
    """Fit edges, origin and columns' places to atoms by least squares.

    Parameters
    ----------
    cell : PlacedCell
        Where the lattice lies, to about a third of the nearest distance.
    atoms : ndarray of shape (n_atoms, 2)
        Row and column in pixels.

    Returns
    -------
    fitted : PlacedCell or None
        None if fewer than six atoms are near lattice points, or they do not tell both edges.
    """
    fitted = None
    for _ in range(_N_ROUNDS):
        again = _fit_once(cell if fitted is None else fitted, atoms)
        if again is None:
            break
        fitted = again
    return fitted


def _fit_once(cell: PlacedCell, atoms: FloatArray) -> PlacedCell | None:
    vectors, places = cell.vectors, cell.places
    fractions = (atoms - cell.origin) @ np.linalg.inv(vectors)
    # For each atom and each column of the cell, the nearest of the lattice's cells.
    cells = np.round(fractions[:, None, :] - places)
    off = np.linalg.norm((fractions[:, None, :] - places - cells) @ vectors, axis=2)
    nearest = off.argmin(axis=1) if len(atoms) else np.empty(0, dtype=int)
    rows = np.arange(len(atoms))
    good = off[rows, nearest] < _REACH * neighbor_distances(vectors, places, 1).min()
    if good.sum() < _LEAST_ATOMS:
        return None
    columns, which = np.unique(nearest[good], return_inverse=True)
    # The unknowns are the two edges, and where each column of the cell is.
    table = np.column_stack([cells[rows, nearest][good], np.eye(len(columns))[which]])
    if np.linalg.matrix_rank(table) < table.shape[1]:
        return None
    fit = np.linalg.lstsq(table, atoms[good], rcond=None)[0]
    residuals = atoms[good] - table @ fit
    variance = float(
        (residuals**2).mean() * np.linalg.inv(table.T @ table)[:2, :2].diagonal().max()
    )
    edges, corners = fit[:2], fit[2:]
    origin = corners[0] - places[columns[0]] @ edges
    moved = places.copy()
    moved[columns] = (corners - origin) @ np.linalg.inv(edges)
    shorter = float(np.linalg.norm(edges, axis=1).min())
    return PlacedCell(edges, origin, moved, math.sqrt(variance) / shorter)


def near_points(atoms: FloatArray, points: FloatArray, reach: float) -> NDArray[np.bool_]:
    """Tell which atoms are at lattice points, where the scan may have drifted slowly.

    Parameters
    ----------
    atoms : ndarray of shape (n_atoms, 2)
        Row and column in pixels.
    points : ndarray of shape (n_points, 2)
        The lattice points, row and column in pixels.
    reach : float
        How far in pixels an atom may be from its point, after the median displacement of the
        twelve nearest other atoms is taken off.

    Returns
    -------
    near : ndarray of shape (n_atoms,), bool
    """
    if len(atoms) == 0:
        return np.zeros(0, dtype=bool)
    _, nearest = KDTree(points).query(atoms)
    off = atoms - points[nearest]
    if len(atoms) > _N_AROUND:
        _, around = KDTree(atoms).query(atoms, k=_N_AROUND + 1)
        off = off - np.median(off[np.asarray(around)[:, 1:]], axis=1)
    return np.asarray(np.linalg.norm(off, axis=1) < reach)
