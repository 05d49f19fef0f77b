"""Small pieces of numerics that several rooms share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


#: Rows, and columns, that `smoothed` multiplies by one matrix. With more of them the matrix has
#: more zeros, with fewer there are more products to begin.
_BAND = 16
#: Where a Gaussian is cut off, in standard deviations, as by SciPy.
_CUTOFF = 4.0


def smoothed(values: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Average over a Gaussian, as `scipy.ndimage.gaussian_filter` in a quarter of its time.

    A band of rows is the product of a small matrix and the rows that the Gaussian reaches.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_cols), float32 or float64
        The numbers; they are mirrored at the edges.
    sigma : float
        Standard deviation in pixels.

    Returns
    -------
    averages : ndarray of shape (n_rows, n_cols)
        In the precision of the numbers; rounding may differ from SciPy's, and between machines.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar._numerics import smoothed
    >>> smoothed(np.eye(3), 0.5).round(2)
    array([[0.81, 0.18, 0.01],
           [0.18, 0.64, 0.18],
           [0.01, 0.18, 0.81]])
    """
    radius = int(_CUTOFF * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    matrix = np.zeros((_BAND, _BAND + 2 * radius), dtype=values.dtype)
    for row in range(_BAND):
        matrix[row, row : row + 2 * radius + 1] = weights
    n_rows, n_cols = values.shape
    above_and_below = np.pad(values, ((radius, radius), (0, 0)), mode="symmetric")
    down = np.empty(values.shape, dtype=values.dtype)
    for start in range(0, n_rows, _BAND):
        size = min(_BAND, n_rows - start)
        reached = above_and_below[start : start + size + 2 * radius]
        np.matmul(matrix[:size, : size + 2 * radius], reached, out=down[start : start + size])
    beside = np.pad(down, ((0, 0), (radius, radius)), mode="symmetric")
    turned = np.ascontiguousarray(matrix.T)
    averages = down
    for start in range(0, n_cols, _BAND):
        size = min(_BAND, n_cols - start)
        reached = beside[:, start : start + size + 2 * radius]
        across = averages[:, start : start + size]
        np.matmul(reached, turned[: size + 2 * radius, :size], out=across)
    return averages
