"""Searches that learn nothing: the yardsticks of all others."""

from __future__ import annotations

import numpy as np

from logstar.model_selection._spaces import Point

from ._base import BaseEngine


class RandomSearch(BaseEngine):
    """Points drawn from the prior, the initial design included."""

    def ask(self, n_points: int = 1) -> list[Point]:
        """Return up to `n_points` points that are new."""
        points = self._unseen(self._next_rng(), n_points)
        self._pending.extend(points)
        return points


class SobolSearch(BaseEngine):
    """The initial design without end."""

    def _propose(self, n_points: int, rng: np.random.Generator) -> list[Point]:
        return self._from_design(n_points, rng)
