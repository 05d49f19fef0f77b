"""Rewards of detections: their number and their distances."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from numbers import Real
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, as_positions, check_integer, check_real
from logstar.detection import CountCriterion, CrowdingCriterion
from logstar.lattice import Lattice
from logstar.neighbors import distance_sums

from ._base import DetectionReward


@runtime_checkable
class Oracle(Protocol):
    """Anything that predicts positions: a trained network, another detector."""

    def predict(self, X: Any) -> Any:
        """Positions of one image, or a list of arrays for a stack."""


ExpectedCount: TypeAlias = float | Sequence[float] | NDArray[Any] | Lattice | Oracle | None


def flag_errors(
    detections: ArrayLike, distance_sum: float | Lattice, n_neighbors: int = 4
) -> NDArray[np.bool_]:
    """Tell which atoms are closer to their neighbours than physics allows.

    Parameters
    ----------
    detections : array-like of shape (n_atoms, >=2)
        Row and column in pixels; further columns are ignored.
    distance_sum : float or Lattice
        DS of eq. 2, in pixels: the least sum of distances to the nearest neighbours. Of a
        lattice, its `distance_sum_threshold`.
    n_neighbors : int, default=4
        How many neighbours are summed over.

    Returns
    -------
    flagged : ndarray of shape (n_atoms,), bool
        True for atoms too close to their neighbours.

    Raises
    ------
    TypeError, ValueError
        For a table that holds no positions, a `distance_sum` that is not above 0 and finite, or
        `n_neighbors` below 1.

    Examples
    --------
    >>> from logstar.rewards import flag_errors
    >>> flag_errors([[0, 0], [0, 10], [10, 0], [10, 10], [1, 1]], distance_sum=40)
    array([ True, False, False, False,  True])
    """
    limit = _distance_sum_limit(distance_sum, n_neighbors)
    return distance_sums(detections, n_neighbors) < limit


_NEEDS_REFERENCE = "n_expected is None, so the reference y is needed"


class _CountReward(DetectionReward):
    """A reward of detections that compares with an expected number of atoms."""

    n_expected: ExpectedCount

    def expected_counts(self, n_images: int, X: Any = None, y: Any = None) -> list[float]:
        """Find the expected number of atoms of each image.

        Parameters
        ----------
        n_images : int
            How many images there are.
        X : sequence of images or None, default=None
            As in `measure`, an entry for each image.
        y : sequence of positions or counts, or None, default=None
            As in `measure`, an entry for each image.

        Returns
        -------
        counts : list of float
            All above 0.

        Raises
        ------
        TypeError, ValueError
            If there is no such count for each image.
        """
        return _expected_counts(self._expected_source(y), n_images, X, y)

    def _expected_source(self, y: Any) -> ExpectedCount:  # noqa: ARG002 - for who overrides it
        return self.n_expected

    def check_scorable(self, *, has_target: bool) -> None:
        """Refuse an expected number that is none, and one that only a missing `y` could tell.

        A search asks before its first evaluation.

        Parameters
        ----------
        has_target : bool
            Whether there will be a `y`.

        Raises
        ------
        TypeError, ValueError
            For parameters that cannot be, and for a `y` that is needed and missing.
        """
        source: Any = self._expected_source(() if has_target else None)
        if source is None and not has_target:
            raise ValueError(f"{_NEEDS_REFERENCE}, and there is none (y=None).")
        is_one_for_all = isinstance(source, (str, bytes, Real))
        if is_one_for_all:
            # The number of one image stands for all.
            _expected_counts(source, 1, None, None)

    def _measure_each(self, tables: list[ArrayLike], X: Any, y: Any) -> list[float]:
        counts = self.expected_counts(len(tables), X, y)
        return [self._measure(table, n) for table, n in zip(tables, counts, strict=True)]

    @abstractmethod
    def _measure(self, detections: ArrayLike, n_expected: float) -> float:
        """Measure one image."""


class QualityCount(_CountReward):
    """How far the number of atoms is from what physics expects, QC (eq. 1).

    ``QC = (N_found - N_expected) / N_expected``: 0 is ideal, -1 is nothing found. The measure is
    QC with its sign, whatever the uncertainty. The score is ``-max(|QC| - uncertainty, 0)``,
    averaged over images: numbers that the expected one cannot tell apart are equally good.

    Parameters
    ----------
    n_expected : float, sequence of float, Lattice, oracle or None, default=None
        The expected number of atoms: a number for every image, one per image, a `Lattice` (by the
        image's shape), or any object with `predict` that finds positions. None takes the
        reference positions or counts given as `y`; with anything else `y` is ignored.
    uncertainty : float, default=0.0
        By which share the expected number may be wrong, because of edges or calibration. Where it
        is above 0, `CountStability` is the reward that tells equally good numbers apart.

    Raises
    ------
    TypeError, ValueError
        On use, for an `n_expected` that is no count or an `uncertainty` below 0.

    Examples
    --------
    >>> from logstar.rewards import QualityCount
    >>> QualityCount(n_expected=4).measure([[0, 0], [0, 9], [9, 0]])
    -0.25
    """

    def __init__(self, n_expected: ExpectedCount = None, uncertainty: float = 0.0) -> None:
        self.n_expected = n_expected
        self.uncertainty = uncertainty

    def criterion(self, images: Sequence[Any], y: Sequence[Any] | None = None) -> CountCriterion:
        """Say what is compared with, for an exact sweep.

        Parameters
        ----------
        images : sequence of images
            Those that are swept.
        y : sequence of positions or counts, or None, default=None
            An entry for each image.

        Returns
        -------
        criterion : CountCriterion
            The expected numbers, and their uncertainty.

        Raises
        ------
        TypeError, ValueError
            If there is no expected count for each image.
        """
        expected = self.expected_counts(len(images), images, y)
        return CountCriterion(expected, self._checked_uncertainty())

    def check_scorable(self, *, has_target: bool) -> None:
        """Refuse an expected number or an uncertainty that is none, and a missing `y`.

        Parameters
        ----------
        has_target : bool
            Whether there will be a `y`.

        Raises
        ------
        TypeError, ValueError
            For parameters that cannot be, and for a `y` that is needed and missing.
        """
        super().check_scorable(has_target=has_target)
        self._checked_uncertainty()

    def _checked_uncertainty(self) -> float:
        return check_real(self.uncertainty, name="uncertainty", low=0)

    def _measure(self, detections: ArrayLike, n_expected: float) -> float:
        n_found = len(as_positions(detections, name="detections"))
        return (n_found - n_expected) / n_expected

    def _scores(self, measures: float | FloatArray) -> float | FloatArray:
        return -np.maximum(np.abs(measures) - self._checked_uncertainty(), 0.0)


class ErrorRate(_CountReward):
    """Share of atoms closer to their neighbours than physics allows, ER (eq. 2).

    ``ER = #{atoms whose distance sum < DS} / N_expected``: 0 is ideal. Together with `QualityCount`
    it cannot be met by the right number of atoms at the wrong places. The score is ``-ER``,
    averaged over images.

    Parameters
    ----------
    distance_sum : float or Lattice
        DS, in pixels: the least sum of distances to the `n_neighbors` nearest neighbours. Of a
        lattice, its `distance_sum_threshold`.
    n_expected : float, sequence of float, Lattice, oracle or None, default=None
        What the number of errors is divided by, as in `QualityCount`. None takes `y` where that is
        given, else `distance_sum` if that is a lattice: ``ErrorRate(lattice)`` takes both numbers
        from one crystal.
    n_neighbors : int, default=4
        How many neighbours are summed over.

    Examples
    --------
    >>> from logstar.rewards import ErrorRate
    >>> atoms = [[0, 0], [0, 10], [10, 0], [10, 10], [1, 1]]
    >>> ErrorRate(distance_sum=40, n_expected=4).measure(atoms)
    0.5
    """

    def __init__(
        self,
        distance_sum: float | Lattice,
        *,
        n_expected: ExpectedCount = None,
        n_neighbors: int = 4,
    ) -> None:
        self.distance_sum = distance_sum
        self.n_expected = n_expected
        self.n_neighbors = n_neighbors

    def criterion(self, images: Sequence[Any], y: Sequence[Any] | None = None) -> CrowdingCriterion:
        """Say what is compared with, for an exact sweep.

        Parameters
        ----------
        images : sequence of images
            Those that are swept.
        y : sequence of positions or counts, or None, default=None
            An entry for each image.

        Returns
        -------
        criterion : CrowdingCriterion
            The expected numbers, and when an atom is too close to its neighbours.

        Raises
        ------
        TypeError, ValueError
            If there is no expected count for each image, or no `distance_sum`.
        """
        limit = _distance_sum_limit(self.distance_sum, self.n_neighbors)
        expected = self.expected_counts(len(images), images, y)
        return CrowdingCriterion(expected, limit, int(self.n_neighbors))

    def check_scorable(self, *, has_target: bool) -> None:
        """Refuse an expected number or a distance sum that is none, and a missing `y`.

        Parameters
        ----------
        has_target : bool
            Whether there will be a `y`.

        Raises
        ------
        TypeError, ValueError
            For parameters that cannot be, and for a `y` that is needed and missing.
        """
        super().check_scorable(has_target=has_target)
        _distance_sum_limit(self.distance_sum, self.n_neighbors)

    def _expected_source(self, y: Any) -> ExpectedCount:
        if self.n_expected is None and y is None and isinstance(self.distance_sum, Lattice):
            return self.distance_sum
        return self.n_expected

    def _measure(self, detections: ArrayLike, n_expected: float) -> float:
        flagged = flag_errors(detections, self.distance_sum, self.n_neighbors)
        return int(np.count_nonzero(flagged)) / n_expected


def _distance_sum_limit(distance_sum: float | Lattice, n_neighbors: int) -> float:
    check_integer(n_neighbors, name="n_neighbors", low=1)
    if isinstance(distance_sum, Lattice):
        return distance_sum.distance_sum_threshold(n_neighbors)
    return check_real(distance_sum, name="distance_sum", low=0, low_included=False)


def _expected_counts(n_expected: ExpectedCount, n_images: int, X: Any, y: Any) -> list[float]:
    """Find the expected number of atoms of each image; `X` and `y` hold an entry per image."""
    if n_expected is None:
        _check_length(y, n_images, _NEEDS_REFERENCE)
        counts = [
            reference if np.ndim(reference) == 0 else len(as_positions(reference, name="y"))
            for reference in y
        ]
    elif isinstance(n_expected, (str, bytes)):
        raise TypeError(
            f"n_expected must be a number, a sequence of numbers, a Lattice or an oracle, got "
            f"{n_expected!r}. A crystal's name is no count: make its Lattice, as by "
            "Lattice.ybco(pixel_size)."
        )
    elif isinstance(n_expected, Lattice):
        _check_length(X, n_images, "n_expected is a lattice, which needs the images X")
        counts = [n_expected.n_expected(np.shape(image)) for image in X]
    elif isinstance(n_expected, Oracle):
        _check_length(X, n_images, "n_expected is an oracle, which needs the images X")
        counts = [len(n_expected.predict(image)) for image in X]
    elif isinstance(n_expected, (Sequence, np.ndarray)):
        _check_length(
            n_expected,
            n_images,
            "n_expected is a sequence (with cross-validation give it as y, which is split along "
            "with the images)",
        )
        counts = list(n_expected)
    else:
        counts = [n_expected] * n_images
    return [
        check_real(count, name=f"n_expected of image {i}", low=0, low_included=False)
        for i, count in enumerate(counts)
    ]


def _check_length(values: Any, n_images: int, need: str) -> None:
    length = 0 if values is None else len(values)
    if length != n_images:
        raise ValueError(f"{need}: there are {length} entries for {n_images} images.")
