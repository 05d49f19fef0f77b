"""Atoms that are seen as one column, whatever their order and whichever way the cell is turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logstar._validation import FloatArray

#: Atoms nearer than this in projection, in angstrom, are one column: no microscope parts them, and
#: columns that it does part are at least 0.7 angstrom apart (Si [112] has 0.78).
MERGE_DISTANCE = 0.5
#: Distances that agree to this, in angstrom, are equal: projecting rounds them.
_EQUAL = 1e-4
#: Standard deviation in angstrom of the Gaussians that a large crowd of atoms is blurred with: two
#: alike ones nearer than twice this, `MERGE_DISTANCE`, have one maximum between them.
_BLUR = MERGE_DISTANCE / 2
#: Gaussians this many standard deviations away add nothing.
_FAR = 4
#: How often an atom of a crowd is moved uphill at most; a few dozen steps are usual.
_MOST_STEPS = 500


@dataclass
class Crowd:
    """Atoms that are seen as one.

    Attributes
    ----------
    place : ndarray of shape (2,)
        Fractional coordinates of the middle of its heaviest atoms.
    members : dict of int to float
        Indices of its atoms, with the share that it has of each: an atom as near to one column as
        to another counts in both with a half.
    """

    place: FloatArray
    members: dict[int, float]


def merge(
    edges: FloatArray, places: FloatArray, weights: FloatArray, heaviness: Sequence[int]
) -> list[Crowd]:
    """Join atoms to columns.

    Parameters
    ----------
    edges : ndarray of shape (2, 2)
        Edges of the reduced projected cell as rows, in angstrom.
    places : ndarray of shape (n_atoms, 2)
        Fractional coordinates.
    weights : ndarray of shape (n_atoms,)
        How strongly each scatters.
    heaviness : sequence of int
        Atomic numbers.

    Returns
    -------
    crowds : list of Crowd
        The heaviest first.

    Notes
    -----
    Alike atoms, of one element and weight, are taken together, the heaviest first, so that the
    result depends neither on their order nor on the axes. Those within 0.5 angstrom of a column
    of heavier atoms belong to it, or to the nearest of several. Of the others, those that are
    linked by distances below 0.5 angstrom make a new column. A chain or a sheet of linked atoms
    that is wider than that is divided at the maxima of its blurred density.
    """
    crowds: list[Crowd] = []
    # Rounded, since equal weights may differ in the last digit.
    keys = [(-z, -float(f"{w:.9g}")) for z, w in zip(heaviness, weights, strict=True)]
    for key in sorted(set(keys)):
        alike = [i for i, other in enumerate(keys) if other == key]
        left = [i for i in alike if not _join(edges, i, places[i], crowds)]
        crowds += _new_crowds(edges, places, left)
    return crowds


def _join(edges: FloatArray, index: int, place: FloatArray, crowds: list[Crowd]) -> bool:
    """Add an atom to the column within reach that is nearest, or to several as near."""
    if not crowds:
        return False
    distances = np.array([_distance(edges, place, crowd.place) for crowd in crowds])
    nearest = float(distances.min())
    if nearest >= MERGE_DISTANCE - _EQUAL:
        return False
    chosen = np.flatnonzero(distances < nearest + _EQUAL)
    for i in chosen:
        crowds[i].members[index] = 1 / len(chosen)
    return True


def _distance(edges: FloatArray, one: FloatArray, other: FloatArray) -> float:
    # The fractional distance, not the shortest, is rounded: cells are reduced and atoms close.
    apart = one - other
    return float(np.linalg.norm((apart - np.round(apart)) @ edges))


def _new_crowds(edges: FloatArray, places: FloatArray, indices: list[int]) -> list[Crowd]:
    """Make columns of alike atoms."""
    crowds = []
    left = list(indices)
    while left:
        together, unwrapped = _hanging_together(edges, places, left)
        left = [i for i in left if i not in together]
        middle = unwrapped.mean(axis=0)
        width = float(np.linalg.norm((unwrapped - middle) @ edges, axis=1).max())
        if width < MERGE_DISTANCE - _EQUAL:
            crowds.append(Crowd(middle, dict.fromkeys(together, 1.0)))
        else:
            crowds += _divided(edges, places[together], together)
    return crowds


def _hanging_together(
    edges: FloatArray, places: FloatArray, indices: list[int]
) -> tuple[list[int], FloatArray]:
    """Atoms that are linked to the first one, and their places beside it, across cells."""
    found = {indices[0]: places[indices[0]]}
    queue = [indices[0]]
    left = np.array(indices[1:], dtype=int)
    while queue and len(left):
        here = found[queue.pop()]
        apart = places[left] - here
        apart = apart - np.round(apart)
        near = np.linalg.norm(apart @ edges, axis=1) < MERGE_DISTANCE - _EQUAL
        for i, step in zip(left[near].tolist(), apart[near], strict=True):
            found[i] = here + step
            queue.append(i)
        left = left[~near]
    return list(found), np.array(list(found.values()))


def _divided(edges: FloatArray, places: FloatArray, indices: list[int]) -> list[Crowd]:
    """Columns at the maxima of the blurred density, each of the atoms that lie uphill to it."""
    crowds: list[Crowd] = []
    for index, top in zip(indices, _uphill(edges, places), strict=True):
        for crowd in crowds:
            if _distance(edges, top, crowd.place) < _BLUR / 5:
                crowd.members[index] = 1.0
                break
        else:
            crowds.append(Crowd(top, {index: 1.0}))
    return crowds


def _uphill(edges: FloatArray, places: FloatArray) -> FloatArray:
    """Move each place to the maximum of their density that lies uphill (mean shift)."""
    heights = abs(np.linalg.det(edges)) / np.linalg.norm(edges, axis=1)
    # In a wide cell only the nearest image of an atom is near.
    is_wide = heights.min() > 2 * _FAR * _BLUR
    cells = np.zeros((1, 2)) if is_wide else np.array(list(np.ndindex(3, 3))) - 1.0
    tops = places.copy()
    for _ in range(_MOST_STEPS):
        apart = places - tops[:, None, :]
        apart = ((apart - np.round(apart))[:, :, None, :] + cells).reshape(len(tops), -1, 2)
        nearness = np.exp(-(((apart @ edges) ** 2).sum(axis=2)) / (2 * _BLUR**2))
        steps = (nearness[:, :, None] * apart).sum(axis=1) / nearness.sum(axis=1)[:, None]
        tops += steps
        if np.linalg.norm(steps @ edges, axis=1).max() < _EQUAL / 10:
            break
    return tops
