"""By what a setting is chosen, and how far its number of atoms hangs on the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from logstar.rewards import CountStability, ErrorRate, QualityCount, choose_stable

#: Names of the objectives of a search: the number of atoms, their distances, and, where the
#: expected number is uncertain, how wide the range of thresholds is that finds as many.
QC, ER, STABILITY = "qc", "er", "stability"
#: Of ER: how many neighbours an atom's distances are summed over.
N_NEIGHBORS = 4
#: Bounds of the threshold: least responses of images scaled to [0, 1]. Plateaus end there as well.
THRESHOLDS = (0.005, 0.4)
#: A count that is the same over less than this factor of the threshold hangs on it. In noise alone
#: it is so in 99 images of 100 at 96 px; on simulated YBa2Cu3O7 the factor is above 4 up to noise
#: 0.2, where every atom is found.
LEAST_STABLE = 2.0


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
        """Read it off a row of a search's results.

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
        """The greatest threshold by the least."""
        return self.high / self.low

    @property
    def is_stable(self) -> bool:
        """Whether the number of atoms does not hang on the threshold."""
        return self.width >= LEAST_STABLE


def objectives_of(
    n_expected: float, uncertainty: float, distance_sum: float
) -> tuple[dict[str, Any], Any]:
    """Give what `MOBOSearchCV` takes as `scoring` and as `refit`.

    A count that is known exactly is met exactly, as far as errors allow: the choice is the point
    nearest to the ideal. Of an uncertain one, what lies within the uncertainty is equally good, and
    stability decides.
    """
    scoring: dict[str, Any] = {
        QC: QualityCount(n_expected, uncertainty),
        ER: ErrorRate(distance_sum, n_expected=n_expected, n_neighbors=N_NEIGHBORS),
    }
    if uncertainty == 0:
        return scoring, "euclidean"
    return scoring | {STABILITY: CountStability(THRESHOLDS)}, choose_stable
