"""The course of a search's hypervolume, computed when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from logstar._validation import FloatArray
from logstar.pareto import hypervolume, hypervolume_trace


@dataclass
class Volumes:
    """What the evaluations of a search dominate, up to one corner.

    With many objectives, or fronts of many rows, this may take longer than the search itself, so it
    is computed only when it is asked for.

    Parameters
    ----------
    losses : ndarray of shape (n_rows, n_objectives)
        Losses of all rows; failures are not finite.
    corner : ndarray of shape (n_objectives,)
        Reference point.
    counts : list of int
        Rows of each evaluation, all of which come at once.
    fronts : list of ndarray
        The front after each evaluation.
    """

    losses: FloatArray
    corner: FloatArray
    counts: list[int]
    fronts: list[FloatArray]

    @cached_property
    def last(self) -> float:
        """Hypervolume of all rows."""
        return hypervolume(self.losses, self.corner)

    @cached_property
    def trace(self) -> FloatArray:
        """Hypervolume after each row, shape (n_rows,)."""
        if all(count == 1 for count in self.counts):
            return hypervolume_trace(self.losses, self.corner)
        volumes: list[float] = []
        for before, front in zip([None, *self.fronts], self.fronts, strict=False):
            # Most are equal to the one before.
            if before is not None and np.array_equal(front, before):
                volumes.append(volumes[-1])
            else:
                volumes.append(hypervolume(front, self.corner) if front.size else 0.0)
        # Rounding must not let the trace fall.
        return np.repeat(np.maximum.accumulate(volumes), self.counts)
