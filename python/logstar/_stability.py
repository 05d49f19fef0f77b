"""How far the number of atoms hangs on the threshold.

Where atoms stand clear of noise, a wide range of thresholds finds the same ones; there the count
is a property of the image, elsewhere one of the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._validation import FloatArray
from .candidates import ScaleSpaceCandidates

#: Thresholds that a count is followed over; neighbours differ by 3.5 % between 0.005 and 0.4.
_N_THRESHOLDS = 128
#: Counts that differ by this share are one.
_SAME_COUNT = 0.002


@dataclass(frozen=True)
class Plateau:
    """A range of thresholds over which the number of atoms is the same, within 0.2 %.

    Attributes
    ----------
    threshold, overlap : float
        The setting in its middle, on a logarithmic scale.
    low, high : float
        The least and the greatest threshold.
    qc, er : float
        QC, with its sign, and ER in the middle.
    """

    threshold: float
    overlap: float
    low: float
    high: float
    qc: float
    er: float

    @property
    def width(self) -> float:
        """The greatest threshold by the least."""
        return self.high / self.low


class CountCurves:
    """Number of atoms and ER over thresholds, for a few overlaps.

    Parameters
    ----------
    candidates : ScaleSpaceCandidates
        Of one image and ladder.
    overlaps : sequence of float
        Overlaps to follow.
    threshold_range : tuple of float
        Least and greatest threshold, above 0.
    n_expected, distance_sum, n_neighbors
        What QC and ER are measured by.
    """

    def __init__(
        self,
        candidates: ScaleSpaceCandidates,
        overlaps: Sequence[float],
        threshold_range: tuple[float, float],
        *,
        n_expected: float,
        distance_sum: float,
        n_neighbors: int,
    ) -> None:
        self.thresholds: FloatArray = np.geomspace(*threshold_range, _N_THRESHOLDS)
        # Rounding must not take the ends out of the range.
        self.thresholds[[0, -1]] = threshold_range
        self.overlaps = list(overlaps)
        self._qc, self._er = candidates.objective_grid(
            self.thresholds,
            self.overlaps,
            n_expected=n_expected,
            distance_sum=distance_sum,
            n_neighbors=n_neighbors,
        )

    def around(self, threshold: float, overlap: float) -> Plateau:
        """Find the plateau that a setting is on."""
        column = self.overlaps.index(overlap)
        near = int(np.abs(np.log(self.thresholds / threshold)).argmin())
        firsts, lasts = self._ends(np.array([near]), np.array([column]))
        return self._plateau(int(firsts[0]), int(lasts[0]), column)

    def most_stable(self, uncertainty: float) -> Plateau | None:
        """Find the widest plateau where |QC| is within the uncertainty, None if there is none.

        Of plateaus that are as wide, that with the least ER, then the least |QC|.
        """
        rows, columns = np.nonzero(np.abs(self._qc) <= uncertainty)
        ends = zip(*self._ends(rows, columns), columns, strict=True)
        plateaus = (self._plateau(*map(int, each)) for each in set(ends))
        within = [plateau for plateau in plateaus if abs(plateau.qc) <= uncertainty]
        return max(
            within,
            key=lambda p: (round(math.log(p.width), 6), -p.er, -abs(p.qc), -p.overlap),
            default=None,
        )

    def _ends(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First and last row of the plateaus of these settings, all at once."""
        counts = 1 + self._qc[:, columns]
        own = 1 + self._qc[rows, columns]
        different = np.abs(counts - own) > _SAME_COUNT * own + 1e-12
        places = np.arange(len(counts))[:, None]
        before = np.where(different & (places < rows), places, -1)
        behind = np.where(different & (places > rows), places, len(counts))
        return before.max(axis=0) + 1, behind.min(axis=0) - 1

    def _plateau(self, first: int, last: int, column: int) -> Plateau:
        middle = (first + last) // 2
        return Plateau(
            float(self.thresholds[middle]),
            self.overlaps[column],
            float(self.thresholds[first]),
            float(self.thresholds[last]),
            float(self._qc[middle, column]),
            float(self._er[middle, column]),
        )
