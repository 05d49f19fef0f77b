"""Candidates of one image that answer at any threshold and overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar import _core
from logstar._runtime import threads_of
from logstar._validation import FloatArray, as_image, check_integer, check_real

from ._scale_space import check_scales, find_candidates

__all__ = ["ParetoFront", "ScaleSpaceCandidates"]

Range: TypeAlias = tuple[float, float] | Sequence[float]


class ParetoFront(NamedTuple):
    """Settings that no other dominates, the least ER first.

    Parameters
    ----------
    threshold, overlap : ndarray of shape (n_settings,)
        The settings.
    qc : ndarray of shape (n_settings,)
        Their QC, with its sign.
    er : ndarray of shape (n_settings,)
        Their ER.

    Examples
    --------
    >>> from logstar.detection import ParetoFront
    >>> front = ParetoFront([0.1, 0.05], [0.3, 0.3], [-0.1, 0.0], [0.0, 0.02])
    >>> list(zip(front.qc, front.er))
    [(-0.1, 0.0), (0.0, 0.02)]
    """

    threshold: FloatArray
    overlap: FloatArray
    qc: FloatArray
    er: FloatArray


class ScaleSpaceCandidates:
    """Candidates of one image, from which detections at any threshold and overlap follow.

    For a fixed image and ladder of sigmas the maxima of the scale space do not depend on the
    threshold and the overlap. They are found once, at the least threshold of interest; detections
    and objectives at a setting then take microseconds, and the Pareto front over all settings is
    exact.

    Parameters
    ----------
    table : array-like of shape (n, 4)
        Row, column, sigma in pixels, and response, the strongest response first.
    threshold : float
        Every maximum that responds by more than this is in the table; settings must not go below.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. No result depends on it.

    Attributes
    ----------
    table : ndarray of shape (n, 4), float64
        The candidates; read-only.
    threshold : float
        The least threshold that can be asked for.
    n_jobs : int or None
        As given.

    Raises
    ------
    TypeError, ValueError
        For a table that is not one of candidates in falling order of response, and for more than
        2^21 candidates or 2^25 overlapping pairs, which bounds the memory that they take.

    See Also
    --------
    logstar.LoGStarDetector : Detects at one setting; scales intensities first.
    logstar.model_selection.MOBOSearchCV : Searches further parameters and any rewards.

    Notes
    -----
    Detections at a setting equal those of `LoGStarDetector` with ``intensity_range=None`` and the
    same ladder: the larger sigma keeps the place, then the larger response, the lower row, the
    lower column; only a kept candidate removes others. QC and ER equal those of
    `logstar.rewards`, eqs. 1 and 2 of Barakati et al., Digital Discovery 2024, 3, 2061.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar import Lattice
    >>> from logstar.detection import ScaleSpaceCandidates
    >>> from logstar.datasets import make_scene
    >>> lattice = Lattice.perovskite(a=3.905, pixel_size=0.2)
    >>> scene = make_scene(lattice, shape=(64, 64), origin=(5, 5), random_state=0)
    >>> candidates = ScaleSpaceCandidates.from_image(
    ...     scene.image, np.linspace(1, 6, 10), threshold=0.001, exclude_border=1
    ... )
    >>> front = candidates.pareto_front(
    ...     n_expected=len(scene.positions),
    ...     distance_sum=lattice.distance_sum_threshold(),
    ...     threshold_range=(0.001, 1.0),
    ... )
    >>> front.qc, front.er
    (array([0.]), array([0.]))
    """

    def __init__(self, table: ArrayLike, *, threshold: float, n_jobs: int | None = None) -> None:
        self.table: FloatArray = _as_table(table)
        self.threshold = check_real(threshold, name="threshold")
        self.n_jobs = n_jobs
        responses = self.table[:, 3]
        if len(responses) and not responses[-1] > self.threshold:
            raise ValueError(
                f"all responses must exceed threshold={threshold!r}, but the least of table is "
                f"{responses[-1]:g}."
            )
        # Kept: asking joblib takes longer than `objectives` does on a small image.
        self._n_threads = threads_of(n_jobs)
        self._set = _core.CandidateSet(
            self.table[:, [0, 1, 2, 2]], responses.copy(), self._n_threads
        )

    @classmethod
    def from_image(
        cls,
        image: ArrayLike,
        sigmas: ArrayLike,
        *,
        threshold: float,
        exclude_border: int = 0,
        n_jobs: int | None = None,
    ) -> Self:
        """Find the candidates of an image, whose intensities are taken as they are.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            Bright atoms on a darker background; computed in float32 or float64.
        sigmas : array-like of shape (n_sigmas,)
            The ladder of standard deviations, in pixels.
        threshold : float
            The least threshold of interest; candidates respond above it. The lower it is, the
            more candidates there are to hold.
        exclude_border : int, default=0
            Width in pixels of the frame whose candidates are left out.
        n_jobs : int, default=None
            Threads: None is one, -1 is all. The result does not depend on it.

        Returns
        -------
        candidates : ScaleSpaceCandidates

        Raises
        ------
        TypeError, ValueError
            For an image, a ladder or a parameter that cannot be.
        """
        ladder = _as_ladder(sigmas)
        found = find_candidates(
            as_image(image),
            np.column_stack([ladder, ladder]),
            threshold=check_real(threshold, name="threshold"),
            border=(check_integer(exclude_border, name="exclude_border", low=0),) * 2,
            n_threads=threads_of(n_jobs),
        )
        table = np.column_stack([found.places[:, :2], ladder[found.places[:, 2]], found.responses])
        return cls(table, threshold=threshold, n_jobs=n_jobs)

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.table)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} candidates above {self.threshold:g}>"

    def __getstate__(self) -> dict[str, Any]:
        return {"table": self.table, "threshold": self.threshold, "n_jobs": self.n_jobs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # What the core holds follows from the table, and faster than it could be read.
        self.__init__(**state)  # type: ignore[misc]

    def detections(self, threshold: float, overlap: float) -> FloatArray:
        """Detect at a setting.

        Parameters
        ----------
        threshold : float
            Least response; not below the one that the candidates were found with.
        overlap : float
            Greatest share of the smaller one's area that two atoms may have in common.

        Returns
        -------
        detections : ndarray of shape (n_atoms, 4)
            Row, column, sigma in pixels, and response; strongest first.

        Raises
        ------
        TypeError, ValueError
            For a setting that cannot be.
        """
        setting = self._check_threshold(threshold), check_real(overlap, name="overlap", low=0)
        return self.table[self._set.kept(*setting)]

    def objectives(
        self,
        threshold: float,
        overlap: float,
        *,
        n_expected: float,
        distance_sum: float,
        n_neighbors: int = 4,
    ) -> tuple[float, float]:
        """Measure QC and ER at a setting.

        Parameters
        ----------
        threshold : float
            Least response; not below the one that the candidates were found with.
        overlap : float
            Greatest share of the smaller one's area that two atoms may have in common.
        n_expected : float
            The expected number of atoms.
        distance_sum : float
            DS, in pixels: the least sum of distances to the nearest neighbours.
        n_neighbors : int, default=4
            How many neighbours are summed over.

        Returns
        -------
        qc : float
            (found - expected) / expected, with its sign.
        er : float
            How many atoms are too close to their neighbours, over the expected number.

        Raises
        ------
        TypeError, ValueError
            For a setting or a parameter that cannot be.
        """
        # The core answers in a few microseconds, and a check by name takes a tenth of one.
        if not (
            type(threshold) is type(overlap) is float
            and self.threshold <= threshold < math.inf
            and 0 <= overlap < math.inf
        ):
            threshold = self._check_threshold(threshold)
            overlap = check_real(overlap, name="overlap", low=0)
        expected, rule = _check_rule(n_expected, distance_sum, n_neighbors)
        n_kept, n_crowded = self._set.evaluate(threshold, overlap, *rule)
        return (n_kept - expected) / expected, n_crowded / expected

    def counts(self, thresholds: ArrayLike, overlaps: ArrayLike) -> NDArray[np.int64]:
        """Count the detections at every threshold with every overlap.

        Parameters
        ----------
        thresholds : array-like of shape (n_thresholds,)
            Least responses; none below the one that the candidates were found with.
        overlaps : array-like of shape (n_overlaps,)
            Greatest shares of the smaller one's area that two atoms may have in common.

        Returns
        -------
        counts : ndarray of shape (n_thresholds, n_overlaps), int
            How many atoms each pair of settings finds.

        Raises
        ------
        TypeError, ValueError
            For a setting that cannot be.
        """
        return self._set.kept_counts(*self._check_axes(thresholds, overlaps), self._n_threads)

    def objective_grid(
        self,
        thresholds: ArrayLike,
        overlaps: ArrayLike,
        *,
        n_expected: float,
        distance_sum: float,
        n_neighbors: int = 4,
    ) -> tuple[FloatArray, FloatArray]:
        """Measure QC and ER at every threshold with every overlap.

        Parameters
        ----------
        thresholds : array-like of shape (n_thresholds,)
            Least responses; none below the one that the candidates were found with.
        overlaps : array-like of shape (n_overlaps,)
            Greatest shares of the smaller one's area that two atoms may have in common.
        n_expected : float
            The expected number of atoms.
        distance_sum : float
            DS, in pixels: the least sum of distances to the nearest neighbours.
        n_neighbors : int, default=4
            How many neighbours are summed over.

        Returns
        -------
        qc, er : ndarray of shape (n_thresholds, n_overlaps)
            As `objectives` gives them.

        Raises
        ------
        TypeError, ValueError
            For a setting or a parameter that cannot be.
        """
        axes = self._check_axes(thresholds, overlaps)
        expected, rule = _check_rule(n_expected, distance_sum, n_neighbors)
        return _objectives(*self._set.grid(*axes, *rule, self._n_threads), expected)

    def pareto_front(
        self,
        *,
        n_expected: float,
        distance_sum: float,
        n_neighbors: int = 4,
        threshold_range: Range,
        overlap_range: Range = (0.0, 1.0),
        max_overlaps: int | None = None,
    ) -> ParetoFront:
        """Find the settings that no other betters in both ``|QC|`` and ER.

        Parameters
        ----------
        n_expected : float
            The expected number of atoms.
        distance_sum : float
            DS, in pixels: the least sum of distances to the nearest neighbours.
        n_neighbors : int, default=4
            How many neighbours are summed over.
        threshold_range : tuple of float
            Least and greatest threshold, above 0 and not below the one that the candidates were
            found with.
        overlap_range : tuple of float, default=(0.0, 1.0)
            Least and greatest overlap.
        max_overlaps : int or None, default=None
            How many overlaps to try, evenly chosen by rank among those that prune differently;
            None tries them all.

        Returns
        -------
        front : ParetoFront
            One setting for each pair of QC and ER, sorted by ER, then QC.

        Raises
        ------
        TypeError, ValueError
            For a range or a parameter that cannot be.

        Notes
        -----
        Which candidates are kept changes only where the threshold passes a response or the overlap
        passes that of a pair. One setting between each two such values therefore covers every
        outcome; overlaps that differ by less than 1e-9 count as one. Among the settings that give
        the same QC and ER the most stable one is returned: the middle of the widest range of
        thresholds that keep the same candidates, on a logarithmic scale; if several ranges are as
        wide, the one at the lower overlap, then the one at the higher thresholds. Overlaps are in
        the middle of those that prune alike.
        """
        ranges = threshold_range, overlap_range, max_overlaps
        return self.front_and_grid(
            (), ranges, n_expected=n_expected, distance_sum=distance_sum, n_neighbors=n_neighbors
        )[0]

    def front_and_grid(
        self,
        thresholds: ArrayLike,
        ranges: tuple[Range, Range, int | None],
        *,
        n_expected: float,
        distance_sum: float,
        n_neighbors: int = 4,
    ) -> tuple[ParetoFront, tuple[FloatArray, FloatArray, FloatArray]]:
        """Find the front, and measure QC and ER at some thresholds with every overlap it tries.

        Parameters
        ----------
        thresholds : array-like of shape (n_thresholds,)
            As of `objective_grid`.
        ranges : tuple
            `threshold_range`, `overlap_range` and `max_overlaps` of `pareto_front`.
        n_expected : float
            As of both.
        distance_sum : float
            As of both, in pixels.
        n_neighbors : int, default=4
            As of both.

        Returns
        -------
        front, grid : ParetoFront, tuple of ndarray
            As of `pareto_front`; the overlaps, rising, and what `objective_grid` gives.
        """
        threshold_range, overlap_range, max_overlaps = ranges
        expected, rule = _check_rule(n_expected, distance_sum, n_neighbors)
        within = _as_range(threshold_range, "threshold_range", low=0, low_included=False)
        self._check_threshold(within[0], "threshold_range[0]")
        if max_overlaps is not None:
            max_overlaps = check_integer(max_overlaps, name="max_overlaps", low=1)
        overlaps = self._set.overlaps_within(
            *_as_range(overlap_range, "overlap_range", low=0), max_overlaps
        )
        rows, columns = self._check_axes(thresholds, overlaps)
        found, (n_kept, n_crowded) = self._set.front_and_grid(
            columns, within, rows, *rule, expected, self._n_threads
        )
        front = ParetoFront(*found[:2], *_objectives(*found[2:], expected))
        return front, (overlaps, *_objectives(n_kept, n_crowded, expected))

    def _check_axes(
        self, thresholds: ArrayLike, overlaps: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        rows, columns = _as_axis(thresholds, "thresholds"), _as_axis(overlaps, "overlaps")
        # The minimum is NaN where any is.
        if len(rows):
            self._check_threshold(float(rows.min()), "the least of thresholds")
        if len(columns):
            check_real(float(columns.min()), name="the least of overlaps", low=0)
        return rows, columns

    def _check_threshold(self, threshold: float, name: str = "threshold") -> float:
        number = check_real(threshold, name=name)
        if number < self.threshold:
            raise ValueError(
                f"{name} must not be below {self.threshold!r}, with which the candidates were "
                f"found, got {threshold!r}: weaker ones are not known. Find the candidates with a "
                "lower threshold."
            )
        return number


def _objectives(
    n_kept: NDArray[np.int64], n_crowded: NDArray[np.int64], n_expected: float
) -> tuple[FloatArray, FloatArray]:
    qc = (n_kept - n_expected) / n_expected
    return np.asarray(qc, dtype=np.float64), n_crowded / n_expected


def _as_table(table: ArrayLike) -> FloatArray:
    array = np.array(table, dtype=np.float64)
    if array.size == 0 and array.ndim <= 2:
        array = np.empty((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(
            "table must have the shape (n, 4): row, column, sigma, response; got shape "
            f"{array.shape}."
        )
    array.setflags(write=False)
    return array


def _as_ladder(sigmas: ArrayLike) -> FloatArray:
    ladder = np.require(np.asarray(sigmas, dtype=np.float64), requirements="A")
    if ladder.ndim != 1 or ladder.size == 0:
        raise ValueError(
            f"sigmas must be a sequence of at least one number, got shape {ladder.shape}."
        )
    check_scales(ladder.size, "sigmas")
    for index, sigma in enumerate(ladder):
        check_real(float(sigma), name=f"sigmas[{index}]", low=0, low_included=False)
    return ladder


def _as_axis(values: ArrayLike, name: str) -> FloatArray:
    axis = np.require(np.asarray(values, dtype=np.float64), requirements="A")
    if axis.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {axis.shape}.")
    return axis


def _as_range(
    values: Range, name: str, *, low: float, low_included: bool = True
) -> tuple[float, float]:
    try:
        first, last = values
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be two numbers, got {values!r}.") from None
    start = check_real(first, name=f"{name}[0]", low=low, low_included=low_included)
    return start, check_real(last, name=f"{name}[1]", low=start)


def _check_rule(
    n_expected: float, distance_sum: float, n_neighbors: int
) -> tuple[float, tuple[int, float]]:
    """Check what QC and ER are measured by: the expected count, and when an atom is too close."""
    try:
        return _checked_rule(n_expected, distance_sum, n_neighbors)
    except TypeError:
        # The cache refuses arguments without a hash; the check itself says what is wrong with them.
        return _checked_rule.__wrapped__(n_expected, distance_sum, n_neighbors)


@lru_cache(maxsize=64, typed=True)
def _checked_rule(
    n_expected: float, distance_sum: float, n_neighbors: int
) -> tuple[float, tuple[int, float]]:
    expected = check_real(n_expected, name="n_expected", low=0, low_included=False)
    limit = check_real(distance_sum, name="distance_sum", low=0, low_included=False)
    return expected, (check_integer(n_neighbors, name="n_neighbors", low=1), limit)
