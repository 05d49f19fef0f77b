"""What the scores of a sweep compare with: rewards say it, and sweeps read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

from logstar._validation import Image


@dataclass(frozen=True)
class CountCriterion:
    """The number of atoms against the expected one, QC beyond its uncertainty.

    Parameters
    ----------
    expected : sequence of float
        The expected number of each image.
    uncertainty : float, default=0.0
        By which share of it a number may differ and be as good.
    most_candidates : float, default=inf
        Of one image only so many of the strongest candidates are swept, as a multiple of the
        expected number: lower thresholds, at which there are more of them, are left out.
    most_overlaps : int, default=64
        Greatest number of overlaps that are tried, spread over those at which the outcome changes.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import QualityCount
    >>> QualityCount(120.0, 0.03).criterion([np.eye(64)])
    CountCriterion(expected=[120.0], uncertainty=0.03, most_candidates=inf, most_overlaps=64)
    """

    expected: Sequence[float]
    uncertainty: float = 0.0
    most_candidates: float = math.inf
    most_overlaps: int = 64


@dataclass(frozen=True)
class CrowdingCriterion:
    """The number of atoms too close to their neighbours, by the expected number of atoms: ER.

    Parameters
    ----------
    expected : sequence of float
        The expected number of atoms of each image.
    distance_sum : float
        DS, in pixels: the least sum of distances to the nearest neighbours.
    n_neighbors : int
        How many neighbours are summed over.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import ErrorRate
    >>> ErrorRate(40.0, n_expected=120.0).criterion([np.eye(64)])
    CrowdingCriterion(expected=[120.0], distance_sum=40.0, n_neighbors=4)
    """

    expected: Sequence[float]
    distance_sum: float
    n_neighbors: int


@dataclass(frozen=True)
class StabilityCriterion:
    """How wide the range of thresholds is over which the number of atoms stays the same.

    Parameters
    ----------
    threshold_range : tuple of float
        The least and the greatest threshold that are looked at, above 0.

    Examples
    --------
    >>> from logstar.detection import StabilityCriterion
    >>> StabilityCriterion((0.005, 0.4)).threshold_range
    (0.005, 0.4)
    """

    threshold_range: tuple[float, float]


Criterion: TypeAlias = CountCriterion | CrowdingCriterion | StabilityCriterion


@runtime_checkable
class HasCriterion(Protocol):
    """A scorer that says what it compares with, so that it can be swept exactly."""

    def criterion(self, images: Sequence[Any], y: Sequence[Any] | None = None) -> Criterion:
        """Say what the score compares with, for these images.

        Parameters
        ----------
        images : sequence of ndarray
            The images that are swept.
        y : sequence, default=None
            What the scorer compares with, an entry for each image.

        Returns
        -------
        criterion : CountCriterion, CrowdingCriterion or StabilityCriterion
            What the score of these images follows from.
        """


@dataclass(frozen=True)
class Criteria:
    """The criteria of a sweep, with the names of their scores."""

    count: CountCriterion
    errors: CrowdingCriterion
    stability: StabilityCriterion | None
    #: Names of the scores in this order: count, errors and, where it is scored, stability.
    names: tuple[str, ...]

    @classmethod
    def of(cls, scorers: Mapping[str, Any], images: Sequence[Image], y: Any) -> Self:
        """Ask the scorers; `y` holds an entry for each image, or is None.

        Raises
        ------
        TypeError
            If the scorers are not one count, one rate of errors, and at most one stability.
        """
        found: dict[type[Criterion], Any] = {}
        names: dict[type[Criterion], str] = {}
        for name, scorer in scorers.items():
            if isinstance(scorer, HasCriterion):
                criterion = scorer.criterion(images, y)
                found[type(criterion)] = criterion
                names[type(criterion)] = name
        kinds = [k for k in (CountCriterion, CrowdingCriterion, StabilityCriterion) if k in found]
        if len(found) < len(scorers) or kinds[:2] != [CountCriterion, CrowdingCriterion]:
            raise TypeError(
                "threshold and overlap can be swept for one QualityCount, one ErrorRate and, if "
                f"wanted, one CountStability, got {dict(scorers)!r}. Leave `sweep` empty for other "
                "scorers."
            )
        return cls(
            found[CountCriterion],
            found[CrowdingCriterion],
            found.get(StabilityCriterion),
            tuple(names[kind] for kind in kinds),
        )

    @property
    def least_threshold(self) -> float:
        """Least threshold that the criteria look at, whatever settings are swept."""
        return math.inf if self.stability is None else self.stability.threshold_range[0]
