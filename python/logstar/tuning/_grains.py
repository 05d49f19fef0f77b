"""What to expect of an image that shows several grains."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray
from logstar.lattice import Count, GrainMap, ImageLattice, Lattice
from logstar.rewards import flag_errors

from ._choice import N_NEIGHBORS

if TYPE_CHECKING:
    from ._expectation import Expectation

#: Standard deviation of the number of columns at a boundary of two grains, by the number of nearest
#: distances along it: atoms that would be too close are one, and the boundary is right to about a
#: plane. In simulated tilt boundaries up to 0.33 columns were missing for each nearest distance.
_AT_BOUNDARY = 0.3
#: Share by which the atoms of a grain may be fewer or more than expected: those at a boundary are
#: of either side, up to a tenth of a small grain's.
_OFF = 0.15


@dataclass(frozen=True)
class GrainQuality:
    """What was found in one grain.

    Parameters
    ----------
    grain : int
        Its label.
    share : float
        Share of the image that it fills.
    n_found : int
        Atoms found in it.
    n_expected : float
        Expected number of atoms.
    n_flagged : int
        Atoms that are too close to their neighbours.
    """

    grain: int
    share: float
    n_found: int
    n_expected: float
    n_flagged: int

    def __str__(self) -> str:
        return (
            f"grain {self.grain}: {self.share:.0%} of the image, {self.n_found} atoms, "
            f"{self.n_expected:.0f} expected, {self.n_flagged} too close to their neighbours"
        )

    @property
    def concern(self) -> str:
        """What gives reason to doubt, in words; empty if there is nothing."""
        off = self.n_found / self.n_expected - 1
        if abs(off) <= _OFF:
            return ""
        more = "more" if off > 0 else "fewer"
        return f"grain {self.grain} has {abs(off):.0%} {more} atoms than expected"


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


def flags_of(expected: Expectation, detections: FloatArray) -> NDArray[np.bool_]:
    """Tell which atoms are too close to their neighbours."""
    if expected.grains is None:
        return flag_errors(detections, expected.distance_sum, N_NEIGHBORS)
    return flags_of_grains(expected.grains, detections, expected.distance_sum)


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


def quality_of_grains(
    expected: Expectation, detections: ArrayLike, flagged: ArrayLike
) -> list[GrainQuality]:
    """Count what was found in each grain.

    Parameters
    ----------
    expected : Expectation
        Of an image; without grains there is nothing to count.
    detections : array-like of shape (n_atoms, >=2)
        Row and column in pixels.
    flagged : array-like of shape (n_atoms,), bool
        Which atoms are too close to their neighbours.

    Returns
    -------
    quality : list of GrainQuality
        One for each grain.
    """
    grains = expected.grains
    if grains is None:
        return []
    owners = grains.grain_of(detections)
    n_found = np.bincount(owners, minlength=len(grains) + 1)[1:].tolist()
    n_flagged = np.bincount(owners[np.asarray(flagged)], minlength=len(grains) + 1)[1:].tolist()
    return [
        GrainQuality(i, float(share), found, count.n, close)
        for i, (share, found, count, close) in enumerate(
            zip(grains.shares, n_found, expected.grain_counts, n_flagged, strict=True), start=1
        )
    ]
