"""A count that does not hang on the threshold, as a reward, and the rule that chooses by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import FloatArray, as_image_list, check_real
from logstar.detection import CountPlateaus, ScaleSpaceCandidates, StabilityCriterion
from logstar.detection._parameters import one_threshold
from logstar.detection._plateaus import SAME_COUNT, CountCurves

from ._base import Reward


class HasCandidates(Protocol):
    """A detector whose candidates can be asked: `LoGStarDetector`, `DetectionPipeline`."""

    threshold: float
    overlap: float

    def find_candidates(self, X: ArrayLike, threshold: float) -> ScaleSpaceCandidates:
        """Find the candidates of one image down to a threshold."""


class CountStability(Reward):
    """How wide the range of thresholds is over which the number of atoms stays the same.

    The measure is ``log(high / low)``, the natural logarithm, where the count stays within 0.2 %
    of the setting's own from the threshold `low` to the threshold `high`; its negative, which a
    search minimises, is the narrowness of this plateau. Atoms that stand clear of noise have a
    wide plateau; a count of noise changes with every threshold. 0 is the worst value.

    It tells settings apart whose counts `QualityCount` finds equally good because the expected
    number is uncertain, and needs no expected number itself. Alone it is no reward: a threshold
    that finds nothing at all has a plateau, too.

    Parameters
    ----------
    threshold_range : tuple of float, default=(0.005, 0.4)
        The least and the greatest threshold that are looked at, above 0. The count is followed
        over 128 thresholds between them, evenly spaced in their logarithm.

    Attributes
    ----------
    ideal : float
        The logarithm of the whole range: the threshold does not matter.

    See Also
    --------
    choose_stable : The rule that chooses a setting of a search by it.

    Examples
    --------
    >>> from logstar import Lattice, LoGStarDetector
    >>> from logstar.datasets import make_scene
    >>> from logstar.rewards import CountStability
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(96, 96), noise=0.1, random_state=0)
    >>> atoms = LoGStarDetector(2, 5, threshold=0.1).fit(scene.image)
    >>> round(CountStability()(atoms, scene.image), 2)
    2.31
    >>> with_noise = LoGStarDetector(2, 5, threshold=0.006).fit(scene.image)
    >>> round(CountStability()(with_noise, scene.image), 2)
    0.69
    """

    greater_is_better = True

    def __init__(self, threshold_range: tuple[float, float] = (0.005, 0.4)) -> None:
        self.threshold_range = threshold_range

    @property
    def ideal(self) -> float:  # type: ignore[override] # numpydoc ignore=RT01
        """The logarithm of the whole range."""
        low, high = self._checked_range()
        return math.log(high / low)

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:  # noqa: ARG002 - a scorer
        """Score a fitted detector, or a search over one: the measure, averaged over images."""
        detector = getattr(estimator, "best_estimator_", estimator)
        missing = [
            name
            for name in ("find_candidates", "threshold", "overlap")
            if not hasattr(detector, name)
        ]
        if missing:
            raise TypeError(
                f"CountStability asks the candidates of a detector, but "
                f"{type(detector).__name__} lacks {', '.join(missing)}; score a LoGStarDetector or "
                "a DetectionPipeline."
            )
        images, _ = as_image_list(X)
        return float(np.mean([self.plateau(detector, image).stability[0] for image in images]))

    def plateau(self, detector: HasCandidates, image: ArrayLike) -> CountPlateaus:
        """Find the plateau that a detector's threshold is on.

        Parameters
        ----------
        detector : LoGStarDetector or DetectionPipeline
            Its threshold and overlap are the setting.
        image : array-like of shape (n_rows, n_cols)
            One image.

        Returns
        -------
        plateau : CountPlateaus
            With one row.
        """
        threshold, overlap = one_threshold(detector), float(detector.overlap)
        low, _ = self._checked_range()
        candidates = detector.find_candidates(image, min(low, threshold))
        return self._plateau(candidates, threshold, overlap)

    def measure(self, candidates: ScaleSpaceCandidates, threshold: float, overlap: float) -> float:
        """Measure the plateau at a setting.

        Parameters
        ----------
        candidates : ScaleSpaceCandidates
            Of one image, found with a threshold at or below the whole range.
        threshold, overlap : float
            The setting.

        Returns
        -------
        stability : float
            ``log(high / low)``; 0 if the count differs at once.

        Raises
        ------
        TypeError, ValueError
            For a range that does not rise from above 0, or candidates of higher thresholds only.
        """
        return float(self._plateau(candidates, threshold, overlap).stability[0])

    def criterion(
        self,
        images: Sequence[Any],  # noqa: ARG002 - as all rewards have it
        y: Sequence[Any] | None = None,  # noqa: ARG002
    ) -> StabilityCriterion:
        """Say what is looked at, for an exact sweep.

        Parameters
        ----------
        images : sequence of images
            Those that are swept.
        y : object, default=None
            Ignored: no reference is needed.

        Returns
        -------
        criterion : StabilityCriterion
            The thresholds that are looked at.

        Raises
        ------
        TypeError, ValueError
            For a range that does not rise from above 0.
        """
        return StabilityCriterion(self._checked_range())

    def _plateau(
        self, candidates: ScaleSpaceCandidates, threshold: float, overlap: float
    ) -> CountPlateaus:
        overlaps = np.array([overlap])
        curves = CountCurves.of(candidates, overlaps, self._checked_range())
        counts = candidates.counts([threshold], overlaps)[0].astype(np.float64)
        return curves.around(np.array([threshold]), overlaps, counts)

    def _checked_range(self) -> tuple[float, float]:
        try:
            low, high = self.threshold_range
        except (TypeError, ValueError):
            raise ValueError(
                f"threshold_range must be two numbers, got {self.threshold_range!r}."
            ) from None
        low = check_real(low, name="threshold_range[0]", low=0, low_included=False)
        return low, check_real(high, name="threshold_range[1]", low=low, low_included=False)


@dataclass(frozen=True)
class StableChoice:
    """Rule that chooses a setting of a search where the expected count is uncertain.

    It narrows down the rows of the Pareto front in four steps. First it keeps the rows that are as
    near to the ideal in count and errors as the nearest row, within `tolerance`. Among the rows
    left it keeps those whose plateau is nearly as wide as the widest; then those with the most
    atoms, since invented atoms would have raised ER or come and gone with the threshold. Last it
    takes the row whose threshold is nearest to the middle of its plateau. The chosen row is
    therefore always on the front.

    `choose_stable` is this rule with its defaults. It is given to a search as `refit` or to
    `MOBOSearchCV.select`, or called with `cv_results_`.

    Parameters
    ----------
    count, errors, stability : str, default="qc", "er" and "stability"
        Names of the objectives of `QualityCount`, `ErrorRate` and `CountStability`.
    tolerance : float, default=0.002
        How much farther than the nearest row from the ideal, where the count is off by no more
        than its uncertainty and ER is 0, a row may be and count as near.
    nearly : float, default=0.8
        Which share of the widest plateau's logarithm is nearly as wide.

    See Also
    --------
    CountStability : The reward that measures plateaus.

    Notes
    -----
    The number of atoms and the middle of the plateau are what an exact sweep of `LoGStarDetector`
    tells beside the scores. Of a search without sweep they are not known; then the earlier of the
    rows that are as near and as wide is chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import choose_stable
    >>> choose_stable(
    ...     {
    ...         "objective_qc": np.array([0.0, 0.0, 0.04]),
    ...         "objective_er": np.array([0.0, 0.001, 0.0]),
    ...         "objective_stability": np.array([0.4, 1.5, 1.6]),
    ...         "is_pareto": np.array([True, True, True]),
    ...     }
    ... )
    1
    """

    count: str = "qc"
    errors: str = "er"
    stability: str = "stability"
    tolerance: float = 0.002
    nearly: float = 0.8

    def __call__(self, results: Mapping[str, Any]) -> int:
        """Choose a row of `cv_results_`."""
        wanted = [f"objective_{name}" for name in (self.count, self.errors, self.stability)]
        missing = [name for name in (*wanted, "is_pareto") if name not in results]
        if missing:
            known = [name for name in results if name.startswith("objective_")]
            raise ValueError(
                f"{self!r} needs {missing}, which the results lack; they have {known}. Score "
                "QualityCount, ErrorRate and CountStability by these names, or give StableChoice "
                "the names that they have."
            )
        front = np.flatnonzero(results["is_pareto"])
        beyond, er, width = (np.asarray(results[name], dtype=np.float64)[front] for name in wanted)
        distance = np.hypot(beyond, er)
        near = distance <= distance.min() + self.tolerance
        front, distance, width = front[near], distance[near], width[near]
        narrow = width < self.nearly * width.max()
        counts = _column(results, "detail_n_atoms", front)
        few = counts < (1 - SAME_COUNT) * counts.max(initial=0.0, where=~narrow)
        # `lexsort` takes the last key first; of equals the earlier stays in front.
        order = np.lexsort((distance, _off_middle(results, front).round(1), few, narrow))
        return int(front[order[0]])


choose_stable = StableChoice()


def _column(results: Mapping[str, Any], name: str, rows: Any) -> FloatArray:
    """Entries of a column, 0 where they are not known."""
    if name not in results:
        return np.zeros(len(rows))
    column: FloatArray = np.ma.filled(results[name], 0.0).astype(np.float64)[rows]
    return np.nan_to_num(column)


def _off_middle(results: Mapping[str, Any], rows: Any) -> FloatArray:
    """How far thresholds are from the middle of their plateau, in their logarithm."""
    names = [name for name in results if name.startswith("param_") and name.endswith("threshold")]
    if len(names) != 1 or "detail_plateau_low" not in results:
        return np.zeros(len(rows))
    threshold, low, high = (
        np.log(np.ma.filled(results[name], np.nan).astype(np.float64)[rows])
        for name in (*names, "detail_plateau_low", "detail_plateau_high")
    )
    off: FloatArray = np.abs(threshold - (low + high) / 2)
    return np.nan_to_num(off)
