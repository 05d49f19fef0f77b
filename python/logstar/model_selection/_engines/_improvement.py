"""Expected improvement and expected hypervolume improvement, exact, in logarithms.

The region that no point of the front dominates is cut into boxes. For independent normal
predictions the expected volume gained inside a box is a product over the objectives, each factor

    psi(c) = E[max(c - Y, 0)] = std * h((c - mean) / std),    h(z) = phi(z) + z * Phi(z),

or a difference of two such psi (Yang et al., J. Global Optim. 75 (2019) 3). Far from the front all
factors underflow, so that a search would see a plateau of zeros: logarithms keep the slope
(Ament et al., NeurIPS 2023, appendix A).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, logsumexp

from logstar._validation import FloatArray
from logstar.pareto import is_non_dominated

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
_LOG_SQRT_HALF_PI = 0.5 * np.log(np.pi / 2)
#: Below this 1 - |z| * sqrt(pi / 2) * erfcx(|z| / sqrt(2)) loses its digits to cancellation, and
#: its series z**-2 - 3 * z**-4 is exact to 1e-9.
_SERIES_BELOW = -500.0
#: Intervals narrower than this, in standard deviations, are integrated by the midpoint rule.
_NARROW = 1e-4
#: Products summed at a time: what stays in the cache.
_BLOCK = 100_000
#: Sums of scaled products below this may have lost addends to underflow.
_TINY = 1e-250


def log_h(z: FloatArray) -> FloatArray:
    """Logarithm of phi(z) + z * Phi(z), without underflow or cancellation."""
    z = np.asarray(z, dtype=np.float64)
    out = np.empty_like(z)
    near = z > -1.0
    above = z[near]
    density = np.exp(-0.5 * above**2 - _LOG_SQRT_2PI)
    out[near] = np.log(density + above * np.exp(log_ndtr(above)))
    below = z[~near]
    # h = phi * (1 - |z| * Phi(z) / phi(z)), and the ratio is a scaled error function.
    ratio = np.exp(_LOG_SQRT_HALF_PI) * erfcx(-below / np.sqrt(2)) * -below
    far = below < _SERIES_BELOW
    with np.errstate(divide="ignore"):
        rest = np.log1p(-ratio)
    rest[far] = -2 * np.log(-below[far]) + np.log1p(-3 / below[far] ** 2)
    out[~near] = -0.5 * below**2 - _LOG_SQRT_2PI + rest
    return out


def log_expected_improvement(mean: FloatArray, std: FloatArray, best: float) -> FloatArray:
    """Logarithm of E[max(best - Y, 0)] for normal Y.

    Parameters
    ----------
    mean, std : ndarray of shape (n,)
        Predictions; `std` above 0.
    best : float
        What to fall below.

    Returns
    -------
    values : ndarray of shape (n,)
        Finite, however far `mean` is above `best`.
    """
    return np.asarray(np.log(std) + log_h((best - mean) / std), dtype=np.float64)


@dataclass(frozen=True)
class Boxes:
    """Disjoint boxes that fill what a front does not dominate, up to a reference point.

    Parameters
    ----------
    lower : ndarray of shape (n_boxes, n_objectives)
        Their lower ends; minus infinity where they are open.
    upper : ndarray of shape (n_boxes, n_objectives)
        Their upper ends; finite.
    """

    lower: FloatArray
    upper: FloatArray

    @classmethod
    def beyond(cls, front: FloatArray, ref_point: FloatArray) -> Boxes:
        """Cut what `front` does not dominate into boxes.

        From one box, all below the reference point, each point of the front takes the part that
        it dominates; what is left of a box falls into at most one piece per objective. Exact for
        any number of objectives; two give one box more than there are points.

        Parameters
        ----------
        front : ndarray of shape (n_points, n_objectives)
            Smaller is better. Dominated points and those beyond the reference point are ignored.
        ref_point : ndarray of shape (n_objectives,)
            The far corner.
        """
        n_objectives = len(ref_point)
        lower = np.full((1, n_objectives), -np.inf)
        upper = np.asarray(ref_point, dtype=np.float64)[np.newaxis].copy()
        points = front[(front < ref_point).all(axis=1)]
        points = np.unique(points[is_non_dominated(points)], axis=0)
        # Sorted by the last objective but, with two, by the first, an order in which few boxes
        # are cut again.
        for point in points[np.argsort(points[:, -1], kind="stable")]:
            hit = (point < upper).all(axis=1)
            low, high = lower[hit], upper[hit]
            pieces_low, pieces_high = [lower[~hit]], [upper[~hit]]
            for j in range(n_objectives - 1, -1, -1):
                kept = low[:, j] < point[j]
                piece_high = high[kept].copy()
                piece_high[:, j] = point[j]
                pieces_low.append(low[kept].copy())
                pieces_high.append(piece_high)
                low[:, j] = np.maximum(low[:, j], point[j])
            lower, upper = np.concatenate(pieces_low), np.concatenate(pieces_high)
        return cls(lower, upper)

    def log_expected_volume(self, mean: FloatArray, std: FloatArray) -> FloatArray:
        """Logarithm of the expected volume that independent normal losses would add.

        Parameters
        ----------
        mean, std : ndarray of shape (n_points, n_objectives)
            Predictions; `std` above 0.

        Returns
        -------
        values : ndarray of shape (n_points,)
            The logarithm of the expected hypervolume improvement of each point alone.
        """
        sides = []
        for j in range(mean.shape[1]):
            # Boxes share their sides: each distinct one is integrated once.
            ends = np.column_stack([self.lower[:, j], self.upper[:, j]])
            distinct, which = np.unique(ends, axis=0, return_inverse=True)
            sides.append((_log_side(distinct, mean[:, j], std[:, j]), which.ravel()))
        values = np.empty(len(mean))
        n_rows = max(1, _BLOCK // len(self.upper))
        for start in range(0, len(mean), n_rows):
            rows = slice(start, start + n_rows)
            values[rows] = _log_sum_of_products([(table[rows], which) for table, which in sides])
        return values


def _log_sum_of_products(factors: list[tuple[FloatArray, NDArray[np.intp]]]) -> FloatArray:
    """Logarithm of the sum over boxes of the product over objectives.

    Parameters
    ----------
    factors : list of (ndarray of shape (n, n_sides), ndarray of shape (n_boxes,))
        For each objective the logarithms of its sides, and which of them each box has.
    """
    product = np.ones((len(factors[0][0]), len(factors[0][1])))
    log_scale = np.zeros(len(factors[0][0]))
    for table, which in factors:
        largest = table.max(axis=1)
        log_scale += largest
        product *= np.exp(table - largest[:, np.newaxis])[:, which]
    total = np.sum(product, axis=1)
    values: FloatArray = np.empty(len(total))
    safe = total > _TINY
    values[safe] = log_scale[safe] + np.log(total[safe])
    if not safe.all():
        # No box is near the largest side of every objective. Rare, and slow to sum.
        log_product = sum(table[~safe][:, which] for table, which in factors)
        values[~safe] = logsumexp(log_product, axis=1)
    return values


def _log_side(sides: FloatArray, mean: FloatArray, std: FloatArray) -> FloatArray:
    """Logarithm of psi(upper) - psi(lower) for each prediction and side."""
    ends, where = np.unique(sides, return_inverse=True)
    low, high = where.reshape(sides.shape).T
    z = (ends - mean[:, np.newaxis]) / std[:, np.newaxis]
    finite = np.isfinite(ends)
    table = np.full_like(z, -np.inf)
    table[:, finite] = log_h(z[:, finite])
    log_upper, log_lower = table[:, high], table[:, low]
    values = log_upper.copy()
    closed = finite[low]
    if closed.any():
        width = (ends[high] - ends[low])[closed] / std[:, np.newaxis]
        z_low, z_high = z[:, low[closed]], z[:, high[closed]]
        gap = np.maximum(log_upper[:, closed] - log_lower[:, closed], np.finfo(float).tiny)
        difference = log_upper[:, closed] + np.log(-np.expm1(-gap))
        # h(z) = z + h(-z): where both ends are above the mean nothing cancels this way.
        above = z_low > 0
        difference[above] = np.log(
            width[above] + np.exp(log_h(-z_high[above])) - np.exp(log_h(-z_low[above]))
        )
        narrow = width * np.maximum(1.0, np.abs(z_low)) < _NARROW
        middle = z_low[narrow] + width[narrow] / 2
        difference[narrow] = np.log(width[narrow]) + log_ndtr(middle)
        values[:, closed] = difference
    return values + np.log(std)[:, np.newaxis]
