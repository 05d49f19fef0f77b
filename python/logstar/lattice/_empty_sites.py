"""Sites of a crystal without an atom, by what the atoms around expect."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray

from ._field_of_view import in_field
from ._image_lattice import ImageLattice
from ._lattice import Lattice

if TYPE_CHECKING:
    from ._indexer import Ends, State

#: No atom of a site is so near to an empty one, in nearest distances, that it might be its own.
_EMPTY = 0.6
#: A site without an atom is one that two neighbours at least expect an atom at: one alone may be
#: wrong.
_LEAST_VOTES = 2
#: It is inside the crystal if atoms of its grain surround it: those within this many nearest
#: distances, and the neighbours that expect an atom. No gap between their directions is wider than
#: the second number, in radians. Along the edge of the field it is half a turn.
_SURROUNDINGS, _WIDEST_GAP = 2.5, math.radians(185)
#: Nor is a site with atoms of another grain within this many nearest distances: along a boundary
#: there are gaps.
_BOUNDARY = 1.5
#: Atoms nearer to the frame than this share of the nearest distance are cut, and found or not by
#: chance: it is two sigmas of a usual peak.
_FRAME = 1 / 3


class EmptySites(NamedTuple):
    """Row and column (n, 2) in pixels; component, column and cell (n, 4)."""

    positions: FloatArray
    sites: NDArray[np.int64]


def empty_sites(ends: Ends, state: State, lattice: Lattice, tolerance: float) -> EmptySites:
    """Sites that surrounding atoms expect an atom at, where none is."""
    nearest = lattice.nearest_distance
    empty = ends.atoms[:, 1] < 0
    voters = ends.atoms[empty, 0]
    bond = (ends.sites(state)[empty] - state.sites()[voters]) @ state.vectors
    expected = state.points[voters] + np.einsum("nij,nj->ni", state.maps[voters], bond)
    keys = np.column_stack([state.components[voters], ends.to_columns[empty], ends.to_cells[empty]])
    if not len(keys):
        return EmptySites(np.empty((0, 2)), np.empty((0, 4), dtype=np.int64))
    _, first, inverse, votes = np.unique(
        _packed(keys, keys), return_index=True, return_inverse=True, return_counts=True
    )
    sites, n = keys[first], len(first)
    sums = [np.bincount(inverse, expected[:, axis], minlength=n) for axis in (0, 1)]
    positions = np.column_stack(sums) / np.maximum(votes, 1)[:, None]
    likely = votes >= _LEAST_VOTES
    if isinstance(lattice, ImageLattice):
        likely &= in_field(positions, lattice.shape, _FRAME * nearest)
    if likely.any():
        # Across the cut of a dislocation a site may be taken by an atom that is elsewhere.
        taken = np.column_stack([state.components, state.columns, state.cells])
        likely &= ~np.isin(_packed(sites, taken), _packed(taken, sites))
    candidates = np.flatnonzero(likely)
    if not len(candidates):
        return EmptySites(np.empty((0, 2)), np.empty((0, 4), dtype=np.int64))
    # An atom of no site is not that of an empty one either, unless it is where that is expected.
    rooms = np.where(state.components >= 0, _EMPTY, tolerance) * nearest
    reach = max(_SURROUNDINGS, _BOUNDARY) * nearest
    near, of = _within(KDTree(state.points), positions[candidates], reach)
    away = np.hypot(*(state.points[near] - positions[candidates[of]]).T)
    grains = state.components[near]
    mine = grains == sites[candidates[of], 0]
    spoils = (away < rooms[near]) | ((grains >= 0) & ~mine & (away < _BOUNDARY * nearest))
    kept = np.bincount(of[spoils], minlength=len(candidates)) == 0
    row = np.full(n, -1)
    row[candidates] = np.arange(len(candidates))
    mine &= away <= _SURROUNDINGS * nearest
    voting = row[inverse] >= 0
    around = np.concatenate([near[mine], voters[voting]])
    site = np.concatenate([of[mine], row[inverse[voting]]])
    back = state.points[around] - positions[candidates[site]]
    kept &= _widest_gaps(np.arctan2(back[:, 1], back[:, 0]), site, len(candidates)) <= _WIDEST_GAP
    return EmptySites(positions[candidates[kept]], sites[candidates[kept]])


def _within(
    tree: KDTree, places: FloatArray, radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Points of a tree within a radius of places, and of which place each is."""
    found: Any = tree.query_ball_point(places, radius)
    counts = [len(points) for points in found]
    near = np.fromiter(itertools.chain.from_iterable(found), dtype=np.intp, count=sum(counts))
    return near, np.repeat(np.arange(len(places)), counts)


def _widest_gaps(angles: FloatArray, of: NDArray[np.intp], n: int) -> FloatArray:
    """Widest gap between the directions of each of n groups, none of which is empty."""
    order = np.lexsort((angles, of))
    sorted_angles, groups = angles[order], of[order]
    first = np.searchsorted(groups, np.arange(n))
    following = np.append(sorted_angles[1:], 0.0)
    # After the last direction comes the first one, a turn on.
    following[np.append(first[1:], len(groups)) - 1] = sorted_angles[first] + 2 * math.pi
    return np.asarray(np.maximum.reduceat(following - sorted_angles, first))


def _packed(sites: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each row, the same in both tables if and only if the rows are."""
    both = np.concatenate([sites, others])
    low = both.min(axis=0)
    spans = both.max(axis=0) - low + 1
    packed = np.zeros(len(sites), dtype=np.int64)
    for digit, span in zip((sites - low).T, spans, strict=True):
        packed = packed * span + digit
    return packed
