"""How far the number of atoms hangs on the threshold.

Where atoms stand clear of noise, a wide range of thresholds finds the same ones; there the count
is a property of the image, elsewhere one of the threshold.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray

from . import ScaleSpaceCandidates

#: Number of thresholds over which a count is followed. Between 0.005 and 0.4, the bounds that
#: tuning takes, each is 3.5 % above the one before.
N_THRESHOLDS = 128
#: Counts that differ by no more than this share are taken for the same: two atoms of a thousand.
SAME_COUNT = 0.002


class CountPlateaus(NamedTuple):
    """Ranges of thresholds over which the number of atoms is the same within 0.2 %, as columns.

    Parameters
    ----------
    low, high : ndarray of shape (n_settings,)
        Least and greatest threshold; both are the setting's own where the number differs at once.
    stability : ndarray of shape (n_settings,)
        Natural logarithm of `high` by `low`.

    Examples
    --------
    >>> from logstar import Lattice, LoGStarDetector
    >>> from logstar.datasets import make_scene
    >>> from logstar.rewards import CountStability
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(96, 96), noise=0.1, random_state=0)
    >>> plateau = CountStability().plateau(LoGStarDetector(2, 5, threshold=0.1), scene.image)
    >>> plateau.low.round(3), plateau.high.round(3)
    (array([0.012]), array([0.124]))
    """

    low: FloatArray
    high: FloatArray
    stability: FloatArray


class CountCurves:
    """Number of atoms over thresholds, for a few overlaps.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Thresholds as `plateau_thresholds` spaces them.
    overlaps : ndarray of shape (n_overlaps,)
        Overlaps, rising.
    counts : ndarray of shape (n_thresholds, n_overlaps)
        Number of atoms for each threshold with each overlap.
    """

    def __init__(self, thresholds: FloatArray, overlaps: FloatArray, counts: ArrayLike) -> None:
        self.thresholds = thresholds
        self.overlaps = overlaps
        self.counts: FloatArray = np.asarray(counts, dtype=np.float64)
        #: Distance from one threshold to the next, in their natural logarithm.
        self._step = float(np.log(thresholds[-1] / thresholds[0])) / (len(thresholds) - 1)

    @classmethod
    def of(
        cls,
        candidates: ScaleSpaceCandidates,
        overlaps: FloatArray,
        threshold_range: tuple[float, float],
    ) -> Self:
        """Count the candidates of an image.

        Below the least threshold for which they are known the count is infinite, so that no
        plateau reaches there.
        """
        thresholds = plateau_thresholds(*threshold_range)
        known = first_known(thresholds, candidates)
        counts = np.full((len(thresholds), len(overlaps)), np.inf)
        counts[known:] = candidates.counts(thresholds[known:], overlaps)
        return cls(thresholds, overlaps, counts)

    def around(
        self, thresholds: FloatArray, overlaps: FloatArray, counts: FloatArray
    ) -> CountPlateaus:
        """Find the plateaus that settings are on, given the number of atoms of each.

        A plateau reaches from the setting's threshold down and up as far as the thresholds of the
        curve have the same count without interruption.
        """
        columns = np.searchsorted(self.overlaps, overlaps)
        differs = np.abs(self.counts[:, columns] - counts) > SAME_COUNT * counts
        places = np.arange(len(self.thresholds))[:, None]
        # The setting's threshold may be one of the curve's, which is then on both sides.
        below = np.searchsorted(self.thresholds, thresholds, side="right") - 1
        above = np.searchsorted(self.thresholds, thresholds, side="left")
        first = np.where(differs & (places <= below), places, -1).max(axis=0) + 1
        last = np.where(differs & (places >= above), places, len(places)).min(axis=0) - 1
        is_empty = first > last
        ends = np.minimum(first, len(places) - 1), np.maximum(last, 0)
        low, high = (np.where(is_empty, thresholds, self.thresholds[end]) for end in ends)
        # Counted in steps, so that plateaus of equally many steps are exactly as stable.
        return CountPlateaus(low, high, np.where(is_empty, 0.0, (last - first) * self._step))


def first_known(thresholds: FloatArray, candidates: ScaleSpaceCandidates) -> int:
    """Tell the index of the least of rising thresholds that can be asked of candidates."""
    return int(np.searchsorted(thresholds, candidates.threshold))


@lru_cache(maxsize=8)
def plateau_thresholds(low: float, high: float) -> FloatArray:
    """Space the thresholds that a count is followed over evenly in their logarithm."""
    thresholds: NDArray[np.float64] = np.geomspace(low, high, N_THRESHOLDS)
    thresholds.setflags(write=False)
    return thresholds
