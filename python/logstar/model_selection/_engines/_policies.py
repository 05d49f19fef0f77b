"""The two policies that decide how a search over several losses fares: their scale, and the corner.

Both were measured on ten problems; `benches/search_engines.py` switches them off and on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logstar._validation import FloatArray
from logstar.pareto import is_non_dominated

#: An objective has a heavy tail where the largest excess over its best loss is more than this many
#: times the extent of the front.
_HEAVY = 20.0
#: The corner lies beyond the front's nadir, or beyond the worst seen, by this share of the range.
_MARGIN = 0.1
#: Every how many asks one looks beyond the front's nadir.
_FAR_EVERY = 4


@dataclass(frozen=True)
class Warp:
    """Compresses losses with heavy tails: linear near the best, logarithmic beyond.

    A count of atoms can be wrong by a factor of 40 while all that matters lies within a tenth;
    such outliers would flatten a Gaussian process. The map is continuous with its slope and
    strictly rising, so it changes no front.

    Parameters
    ----------
    best : ndarray of shape (n_objectives,)
        The least losses seen.
    unit : ndarray of shape (n_objectives,)
        Excess over the best up to which the map is linear; infinite where tails are light.
    """

    best: FloatArray
    unit: FloatArray

    @classmethod
    def from_losses(cls, losses: FloatArray) -> Warp:
        """Decide for each objective, by the excess over the best seen.

        Tails are heavy where the worst lies many times the front's own extent away: only there
        does a surrogate of the raw losses see the whole front as one value. The median excess,
        compared with the worst, tells less, because it shrinks wherever a search gathers near its
        front. Decided anew at each ask, so that the linear part zooms in as the median shrinks.

        Parameters
        ----------
        losses : ndarray of shape (n_points, n_objectives)
            All seen so far.
        """
        best = losses.min(axis=0)
        unit = np.full(losses.shape[1], np.inf)
        extents = np.ptp(losses[is_non_dominated(losses)], axis=0)
        for j, (excess, extent) in enumerate(zip((losses - best).T, extents, strict=True)):
            positive = excess[excess > 0]
            if len(positive) == 0:
                continue
            # Where most points are at the best, the median would be zero.
            median = float(np.median(excess)) or float(np.median(positive))
            # A front of one point, or one objective alone, has no extent to compare with.
            if excess.max() > _HEAVY * (extent or median):
                unit[j] = median
        return cls(best, unit)

    def __call__(self, losses: FloatArray) -> FloatArray:
        """Warp losses of shape (n_points, n_objectives)."""
        excess = (losses - self.best) / self.unit
        with np.errstate(invalid="ignore"):
            compressed = self.unit * (1 + np.log(np.maximum(excess, 1.0)))
        return np.where(excess > 1, self.best + compressed, losses)


def corner_beyond(
    front: FloatArray, losses: FloatArray, n_asks: int, *, alternate: bool
) -> FloatArray:
    """Set the reference point of one ask.

    Close to the front's nadir the search completes the middle of the front, but never sees arms
    that lie beyond; from the worst loss seen it sees these alone. Three asks in four take the one,
    the fourth the other.

    Parameters
    ----------
    front : ndarray of shape (n_front, n_objectives)
        The current front.
    losses : ndarray of shape (n_points, n_objectives)
        All seen.
    n_asks : int
        How many asks there were before.
    alternate : bool
        Whether to look beyond the nadir at all.
    """
    spread = np.ptp(losses, axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    if alternate and n_asks % _FAR_EVERY == 0:
        return np.asarray(losses.max(axis=0) + _MARGIN * spread, dtype=np.float64)
    extent = np.ptp(front, axis=0)
    # A front of one point, or all equal in an objective, has no extent of its own.
    extent = np.where(extent > 0, extent, spread)
    return np.asarray(front.max(axis=0) + _MARGIN * extent, dtype=np.float64)
