"""Rules that pick one point of a Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.pareto import is_non_dominated

#: The rules by name; each gives every point of a front a number that is to be small. What ties by
#: one is decided by the others, in this order.
RULES = ("euclidean", "chebyshev", "knee")


@dataclass(frozen=True)
class Objective:
    """What a scorer declares about the quantity behind its score.

    Parameters
    ----------
    name : str
        The scorer's name.
    greater_is_better : bool, default=True
        False if the score is minus the quantity.
    ideal : float or None, default=None
        The value that cannot be bettered; None takes the best on the front.
    scale : float or None, default=None
        One unit of distance from the ideal; None takes the front's range.
    """

    name: str
    greater_is_better: bool = True
    ideal: float | None = None
    scale: float | None = None

    @classmethod
    def from_scorer(cls, name: str, scorer: Any) -> Objective:
        """Read what a scorer declares; a plain scorer declares nothing."""
        ideal = getattr(scorer, "ideal", None)
        scale = getattr(scorer, "scale", None)
        if ideal is not None and not np.isfinite(ideal):
            raise ValueError(f"The scorer {name!r} declares ideal={ideal!r}; it must be finite.")
        if scale is not None and not (np.isfinite(scale) and scale > 0):
            raise ValueError(
                f"The scorer {name!r} declares scale={scale!r}; it must be above 0 and finite."
            )
        return cls(
            name,
            bool(getattr(scorer, "greater_is_better", True)),
            None if ideal is None else float(ideal),
            None if scale is None else float(scale),
        )

    @property
    def sign(self) -> float:
        """Factor between the loss, which is small where good, and the quantity."""
        return -1.0 if self.greater_is_better else 1.0

    def from_loss(self, loss: FloatArray) -> FloatArray:
        """Turn losses into the quantity."""
        # Adding 0 turns minus zero, which reads oddly in a table, into zero.
        return self.sign * loss + 0.0


def pick_compromise(losses: FloatArray, objectives: Sequence[Objective], rule: str) -> int:
    """Pick the evaluation that suits a rule best.

    Parameters
    ----------
    losses : ndarray of shape (n_evaluations, n_objectives)
        Minus the scores; rows that are not finite are failures.
    objectives : sequence of Objective
        What the columns mean.
    rule : str
        ``"euclidean"`` or ``"chebyshev"``: least distance from the ideal point. ``"knee"``:
        farthest from the line, or plane, through the front's extremes, towards the ideal. An
        objective's name: the best in that one. Ties go to the better by the first of the other
        rules that tells them apart, in the order given here, then to the earlier evaluation.

    Returns
    -------
    index : int
        Row of `losses`; it is always on the Pareto front.
    """
    candidates = np.flatnonzero(is_non_dominated(losses))
    front = losses[candidates]
    distances = _distances(front, objectives)
    if rule in RULES:
        keys = [distances[rule], *(distances[other] for other in RULES if other != rule)]
    else:
        column = [objective.name for objective in objectives].index(rule)
        keys = [front[:, column], *(distances[rule] for rule in RULES)]
    # lexsort takes the last key first, and is stable: what still ties keeps the earlier.
    return int(candidates[np.lexsort(keys[::-1])[0]])


def _distances(
    front: FloatArray, objectives: Sequence[Objective]
) -> dict[str, NDArray[np.float64]]:
    best = front.min(axis=0)
    spread = np.ptp(front, axis=0)
    ideal = np.array(
        [
            low if objective.ideal is None else objective.sign * objective.ideal
            for objective, low in zip(objectives, best, strict=True)
        ]
    )
    scale = np.array(
        [
            (extent if extent > 0 else 1.0) if objective.scale is None else objective.scale
            for objective, extent in zip(objectives, spread, strict=True)
        ]
    )
    excess = np.abs(front - ideal) / scale
    # In units of the front's own range the extremes lie on the plane where the sum is 1, so the
    # least sum is farthest from it. What an objective declares does not move the extremes.
    along = (front - best) / np.where(spread > 0, spread, 1.0)
    return {
        "euclidean": np.sqrt((excess**2).sum(axis=1)),
        "chebyshev": excess.max(axis=1),
        "knee": along.sum(axis=1),
    }
