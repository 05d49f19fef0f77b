"""How far the number of atoms hangs on the threshold.

Where atoms stand clear of noise, a wide range of thresholds finds the same ones; there the count
is a property of the image, elsewhere one of the threshold.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from . import ScaleSpaceCandidates

#: Thresholds that a count is followed over; neighbours differ by 3.5 % between 0.005 and 0.4.
_N_THRESHOLDS = 128
#: Counts that differ by this share are one.
_SAME_COUNT = 0.002
#: Overlaps at which the widest plateaus are sought.
_MOST_OVERLAPS = 8


class Plateaus(NamedTuple):
    """Ranges of thresholds over which the number of atoms is the same, within 0.2 %, as columns.

    Attributes
    ----------
    threshold, overlap : ndarray of shape (n,)
        The settings in their middles, on a logarithmic scale.
    low, high : ndarray of shape (n,)
        The least and the greatest thresholds.
    qc : ndarray of shape (n,)
        QC, with its sign, in the middles.
    """

    threshold: FloatArray
    overlap: FloatArray
    low: FloatArray
    high: FloatArray
    qc: FloatArray

    @property
    def width(self) -> FloatArray:
        """The greatest thresholds by the least."""
        return self.high / self.low


class CountCurves:
    """Number of atoms over thresholds, for a few overlaps.

    Parameters
    ----------
    candidates : ScaleSpaceCandidates
        Of one image and ladder.
    overlaps : ndarray of shape (n_overlaps,)
        Overlaps to follow, rising.
    threshold_range : tuple of float
        Least and greatest threshold, above 0.
    n_expected : float
        What QC compares with.
    """

    def __init__(
        self,
        candidates: ScaleSpaceCandidates,
        overlaps: FloatArray,
        threshold_range: tuple[float, float],
        n_expected: float,
    ) -> None:
        self.thresholds = _thresholds(*threshold_range)
        self.overlaps = overlaps
        self._qc = (candidates.counts(self.thresholds, overlaps) - n_expected) / n_expected

    def around(self, thresholds: FloatArray, overlaps: FloatArray) -> Plateaus:
        """Find the plateaus that settings are on."""
        rows = np.abs(np.log(self.thresholds[:, None] / thresholds)).argmin(axis=0)
        return self._plateaus(rows, np.searchsorted(self.overlaps, overlaps))

    def widest(self, uncertainty: float) -> Plateaus:
        """Find the widest plateaus where |QC| is within the uncertainty; none if it is nowhere.

        Of many overlaps a few, evenly chosen, are looked at.
        """
        looked_at = np.arange(len(self.overlaps))
        if len(looked_at) > _MOST_OVERLAPS:
            looked_at = looked_at[np.linspace(0, len(looked_at) - 1, _MOST_OVERLAPS).astype(int)]
        rows, columns = np.nonzero(np.abs(self._qc[:, looked_at]) <= uncertainty)
        found = self._plateaus(rows, looked_at[columns])
        within = np.flatnonzero(np.abs(found.qc) <= uncertainty)
        widths = np.log(found.width[within]).round(6)
        widest = within[widths == widths.max(initial=-np.inf)]
        _, first = np.unique(
            np.column_stack([found.low, found.overlap])[widest], axis=0, return_index=True
        )
        return Plateaus(*(column[widest[first]] for column in found))

    def _plateaus(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Plateaus:
        """Plateaus around entries of the table."""
        counts = 1 + self._qc[:, columns]
        own = 1 + self._qc[rows, columns]
        different = np.abs(counts - own) > _SAME_COUNT * own + 1e-12
        places = np.arange(len(counts))[:, None]
        before = np.where(different & (places < rows), places, -1)
        behind = np.where(different & (places > rows), places, len(counts))
        first, last = before.max(axis=0) + 1, behind.min(axis=0) - 1
        middle = (first + last) // 2
        return Plateaus(
            self.thresholds[middle],
            self.overlaps[columns],
            self.thresholds[first],
            self.thresholds[last],
            self._qc[middle, columns],
        )


@lru_cache(maxsize=8)
def _thresholds(low: float, high: float) -> FloatArray:
    thresholds = np.geomspace(low, high, _N_THRESHOLDS)
    # Rounding must not take the ends out of the range.
    thresholds[[0, -1]] = low, high
    thresholds.setflags(write=False)
    return thresholds
