"""By what a setting is chosen, and how far its number of atoms hangs on the threshold."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.detection import CountCriterion
from logstar.rewards import CountStability, ErrorRate, QualityCount, choose_stable

#: Names of the objectives of a search: the number of atoms, their distances, and, where the
#: expected number is uncertain, how wide the range of thresholds is that finds as many.
QC, ER, STABILITY = "qc", "er", "stability"
#: Without a lattice: which share of the atoms noise could explain.
SIGNIFICANCE = "significance"
#: Number of nearest neighbours over which ER sums an atom's distances.
N_NEIGHBORS = 4
#: Bounds of the threshold, a response in images scaled to [0, 1]. Plateaus are followed between
#: them.
THRESHOLDS = (0.005, 0.4)
#: Least ratio of the greatest to the least threshold of a plateau that counts as stable; over a
#: narrower one the number of atoms hangs on the threshold. In noise alone 99 images of 100 have a
#: narrower one (96 px); on simulated YBa2Cu3O7 the ratio is above 4 up to noise 0.2, where every
#: atom is found.
LEAST_STABLE = 2.0


#: Of each ladder, tuning sweeps the strongest candidates, this many times the expected number of
#: atoms, and this many overlaps.
MOST_CANDIDATES, MOST_OVERLAPS = 1.5, 12


class _NearbyCount(QualityCount):
    """QC of a search that looks only where the number of atoms may be right.

    In strong noise there are many times as many candidates as atoms. A sweep of all of them takes
    ten times as long, and finds settings that no rule would choose.
    """

    def criterion(self, images: Sequence[Any], y: Sequence[Any] | None = None) -> CountCriterion:
        return dataclasses.replace(
            super().criterion(images, y),
            most_candidates=MOST_CANDIDATES,
            most_overlaps=MOST_OVERLAPS,
        )


class Plateau(NamedTuple):
    """Over which thresholds the number of atoms is the same, within 0.2 %.

    Parameters
    ----------
    low, high : float
        The least and the greatest.

    Examples
    --------
    >>> from logstar.tuning import Plateau
    >>> plateau = Plateau(0.02, 0.1)
    >>> plateau.width, plateau.is_stable
    (5.0, True)
    """

    low: float
    high: float

    @classmethod
    def of(cls, results: Mapping[str, Any], row: int) -> Plateau:
        """Read the plateau of a row of a search's results.

        Parameters
        ----------
        results : mapping of str to array
            `cv_results_` of a search that swept.
        row : int
            Which row.

        Returns
        -------
        plateau : Plateau
            That of the row's setting.
        """
        return cls(*(float(results[f"detail_plateau_{name}"][row]) for name in cls._fields))

    @property
    def width(self) -> float:
        """Ratio of the greatest threshold to the least."""
        return self.high / self.low if self.low > 0 else math.inf

    @property
    def is_stable(self) -> bool:
        """Whether the number of atoms does not hang on the threshold."""
        return self.width >= LEAST_STABLE


class CountCurve(NamedTuple):
    """Number of atoms against the threshold, on the chosen ladder and at the chosen overlap.

    Parameters
    ----------
    thresholds : ndarray of shape (n,)
        Least responses, rising.
    counts : ndarray of shape (n,)
        Atoms found at each.

    Examples
    --------
    >>> from logstar.tuning import CountCurve
    >>> CountCurve([0.01, 0.03, 0.1], [120, 104, 100])
    CountCurve(3 thresholds: 120 at 0.01 to 100 at 0.1)
    """

    thresholds: FloatArray
    counts: NDArray[np.int64]

    def __repr__(self) -> str:
        first, last = (f"{self.counts[i]} at {self.thresholds[i]:.3g}" for i in (0, -1))
        return f"CountCurve({len(self.thresholds)} thresholds: {first} to {last})"


def objectives_of(
    n_expected: float, uncertainty: float, distance_sum: float
) -> tuple[dict[str, Any], Any]:
    """Give what `MOBOSearchCV` takes as `scoring` and as `refit`.

    A count that is known exactly is met exactly, as far as errors allow: the choice is the point
    nearest to the ideal. Of an uncertain one, what lies within the uncertainty is equally good, and
    stability decides.
    """
    scoring: dict[str, Any] = {
        QC: _NearbyCount(n_expected, uncertainty),
        ER: ErrorRate(distance_sum, n_expected=n_expected, n_neighbors=N_NEIGHBORS),
    }
    if uncertainty == 0:
        return scoring, "euclidean"
    return scoring | {STABILITY: CountStability(THRESHOLDS)}, choose_stable
