"""What to expect of an image that shows several grains."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar.lattice import Count, GrainMap, ImageLattice, Lattice
from logstar.rewards import flag_errors

from ._choice import N_NEIGHBORS

#: Standard deviation of the number of columns at a boundary of two grains, by the number of nearest
#: distances along it: atoms that would be too close are one, and the boundary is right to about a
#: plane. In simulated tilt boundaries up to 0.33 columns were missing for each nearest distance.
_AT_BOUNDARY = 0.3


def count_of_grains(grains: GrainMap, counts: Iterable[Count]) -> Count:
    """Sum the counts of all grains, and add what is uncertain at their boundaries.

    Parameters
    ----------
    grains : GrainMap
        Several grains.
    counts : iterable of Count
        That of each grain.

    Returns
    -------
    count : Count
    """
    each = list(counts)
    variance = sum(one.edges**2 for one in each)
    for boundary in grains.boundaries:
        nearest = min(grains.lattices[i - 1].nearest_distance for i in boundary.grains)
        variance += (_AT_BOUNDARY * boundary.length / nearest) ** 2
    return Count(
        sum(one.n for one in each),
        math.sqrt(variance),
        math.hypot(*(one.calibration for one in each)),
    )


def judge_of_grains(grains: GrainMap) -> Lattice | None:
    """Give the lattice by which atoms of all grains are judged; None if there are several phases.

    Grains of one phase have the same distances. Where their columns are, each knows for itself
    alone, so that it is a lattice without a place.
    """
    if grains.n_phases > 1:
        return None
    largest = grains.lattices[0]
    return Lattice(
        largest.a,
        largest.b,
        largest.angle,
        columns=largest.columns,
        pixel_size=largest.pixel_size,
        mask=None if grains.labels.all() else grains.labels > 0,
        tolerance=largest.tolerance,
    )


def flags_of_grains(grains: GrainMap, detections: ArrayLike, smallest: float) -> NDArray[np.bool_]:
    """Tell which atoms are too close to their neighbours, by DS of the grain that each is in.

    Parameters
    ----------
    grains : GrainMap
        Several grains.
    detections : array-like of shape (n_atoms, >=2)
        Row and column in pixels.
    smallest : float
        DS outside of all grains, in pixels.

    Returns
    -------
    flagged : ndarray of shape (n_atoms,), bool
    """
    owners = grains.grain_of(detections)
    flagged = flag_errors(detections, smallest, N_NEIGHBORS) & (owners == 0)
    for i, lattice in enumerate(grains.lattices, start=1):
        limit = lattice.distance_sum_threshold(N_NEIGHBORS)
        flagged |= flag_errors(detections, limit, N_NEIGHBORS) & (owners == i)
    return np.asarray(flagged)


def tightest(lattices: Iterable[ImageLattice]) -> ImageLattice:
    """The lattice whose distance sum is the smallest."""
    return min(lattices, key=lambda lattice: lattice.distance_sum_threshold(N_NEIGHBORS))
