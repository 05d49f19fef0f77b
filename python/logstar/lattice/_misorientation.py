"""How one lattice is turned against another."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from logstar._validation import FloatArray

from ._periodic import reduced_cell

#: Changes of basis from one reduced cell to another of the same lattice: reduced cells that differ
#: by noise, such as those of a nearly hexagonal lattice, differ by steps of at most 2.
_BASES = np.array(
    [[[a, b], [c, d]] for a, b, c, d in product(range(-2, 3), repeat=4) if abs(a * d - b * c) == 1]
)
#: A cell is compared with a part of another that is at most this many times as small: a larger cell
#: fits anything.
_MOST_PARTS = 6
#: Turned lattices that fit equally well, to this strain, differ by a symmetry of the lattice.
_EQUALLY_GOOD = 0.02


class Misorientation(NamedTuple):
    """The smallest rotation that takes one lattice to another.

    Attributes
    ----------
    angle : float
        In degrees, without sign.
    strain : float
        What a rotation leaves of the difference: the root mean square of the principal strains.
    """

    angle: float
    strain: float


def misorientation(one: FloatArray, other: FloatArray) -> Misorientation:
    """Find how far a lattice is turned against another, up to their symmetries.

    Parameters
    ----------
    one, other : ndarray of shape (2, 2)
        Edges of the cells as rows (row, col), in pixels.

    Returns
    -------
    misorientation : Misorientation
        Of lattices that are mirror images but no rotations of one another, as oblique twins are,
        the angle is that of the rotation after which they differ least.
    """
    first, second = reduced_cell(one), reduced_cell(other)
    # Each row of edges is multiplied from the right: first @ deformation = basis @ second.
    deformations = np.linalg.inv(first) @ (_BASES @ second)
    proper = deformations[np.linalg.det(deformations) > 0]
    # Polar decomposition: a deformation is a stretch, then a rotation.
    left, stretches, right = np.linalg.svd(proper)
    rotations = left @ right
    strains = np.sqrt((np.log(stretches) ** 2).mean(axis=1))
    angles = np.abs(np.degrees(np.arctan2(rotations[:, 0, 1], rotations[:, 0, 0])))
    good = strains < strains.min() + _EQUALLY_GOOD
    best = int(np.flatnonzero(good)[angles[good].argmin()])
    return Misorientation(float(angles[best]), float(strains[best]))


def difference(one: FloatArray, other: FloatArray) -> float:
    """Tell how much two lattices differ: the least strain and rotation (in radians) together.

    A lattice is also compared with the parts of the other: of two lattices the finer one may be
    what a smaller region shows of the coarser, whose weak peaks drown there.
    """
    return min(_deformation(one, other), _deformation(other, one))


def _deformation(coarse: FloatArray, fine: FloatArray) -> float:
    """How much a lattice must be deformed so that it is part of another."""
    inner = coarse @ np.linalg.inv(reduced_cell(fine))
    whole = np.round(inner)
    n_cells = abs(round(float(np.linalg.det(whole))))
    if not 0 < n_cells <= _MOST_PARTS:
        return math.inf
    gradient = np.linalg.inv(whole @ reduced_cell(fine)) @ coarse - np.eye(2)
    return float(np.linalg.norm(gradient))
