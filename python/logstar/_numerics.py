"""Small pieces of numerics that several rooms share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ._validation import FloatArray

#: The median absolute deviation of a normal distribution, times this, is its standard deviation.
MAD_TO_SIGMA = 1.4826


def parabola_vertex(left: ArrayLike, middle: ArrayLike, right: ArrayLike) -> FloatArray:
    """Find where the parabola through three equally spaced values is highest.

    Parameters
    ----------
    left, middle, right : array-like of one shape
        Values at -1, 0 and 1.

    Returns
    -------
    place : ndarray of that shape, float64
        Within [-1, 1]. Where the values have no maximum between them it is the end that is higher,
        and 0 if all three are equal.

    Examples
    --------
    >>> from logstar._numerics import parabola_vertex
    >>> parabola_vertex([2.0, 0.0], [3.0, 1.0], [2.5, 4.0])
    array([0.16666667, 1.        ])
    """
    left, middle, right = (np.asarray(x, dtype=np.float64) for x in (left, middle, right))
    curvature = left - 2 * middle + right
    has_top = curvature < 0
    top = (left - right) / (2 * np.where(has_top, curvature, 1.0))
    return np.asarray(np.clip(np.where(has_top, top, np.sign(right - left)), -1, 1))
