"""Columns beyond the frame of an image, whose tails are seen in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray
from logstar.lattice import ImageLattice

#: Columns beyond the frame shine on pixels within this many sigmas of it.
_REACH = 3.0
#: An atom within this share of the nearest distance of a column of the lattice is at that column.
_AT_SITE = 0.5
#: Places are corrected if this many atoms are there for each term of what corrects them: of a few
#: the errors would be carried beyond the frame.
_LEAST_SEEN = 4


def columns_beyond(
    shape: tuple[int, ...],
    lattice: ImageLattice,
    sigma: float,
    atoms: FloatArray,
    names: NDArray[np.str_],
) -> tuple[FloatArray, NDArray[np.str_]]:
    """Columns of a lattice beyond the frame, but near enough to shine into it, and their kinds.

    The lattice may have other names for kinds than the atoms: those of a kind of column are called
    what most atoms at such columns are. A kind of column at which no atom is listed is left out, as
    nothing tells its height. Places follow the atoms, by a linear map and a shift of each kind.
    """
    reach = _REACH * sigma
    # Places may be corrected by less than this.
    points, kinds = lattice.positions(margin=reach + 1.0)
    away, nearest = (np.asarray(found) for found in KDTree(points).query(atoms))
    is_near = away < _AT_SITE * lattice.nearest_distance
    seen = nearest[is_near]
    points = np.asarray(points + _corrections(points, kinds, seen, atoms[is_near] - points[seen]))
    inside = ((points >= -0.5) & (points <= np.array(shape) - 0.5)).all(axis=1)
    is_reached = ((points >= -reach) & (points <= np.array(shape) - 1 + reach)).all(axis=1)
    beyond, of_beyond = [], []
    for kind in np.unique(kinds):
        called = names[is_near & (kinds[nearest] == kind)]
        if len(called):
            found, counts = np.unique(called, return_counts=True)
            some = points[~inside & is_reached & (kinds == kind)]
            beyond.append(some)
            of_beyond.append(np.full(len(some), found[counts.argmax()]))
    if not beyond:
        return np.empty((0, 2)), names[:0]
    return np.concatenate(beyond), np.concatenate(of_beyond)


def _corrections(
    points: FloatArray, kinds: NDArray[np.str_], seen: NDArray[np.intp], off: FloatArray
) -> FloatArray:
    """What is to be added to all points, of which those that are `seen` are off by so much."""
    each = (kinds[:, None] == np.unique(kinds[seen])).astype(np.float64)
    if len(seen) < _LEAST_SEEN * (each.shape[1] + 2):
        return np.zeros_like(points)
    terms = np.column_stack([each, (points - points.mean(axis=0)) / np.ptp(points, axis=0).max()])
    return np.asarray(terms @ np.linalg.lstsq(terms[seen], off, rcond=None)[0])
