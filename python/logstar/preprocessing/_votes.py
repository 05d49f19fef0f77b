"""What contamination must not do to what is learnt from an image of a crystal.

A thick patch has a hundred times the variance of the crystal around it, its edge above all, and
would decide what the whole image is taken to be like.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray, Image

#: A neighbourhood has at most this many times the typical variance. Where only noise, defocus or
#: thickness vary, from one end of an image to the other, the largest is 3.6 times the typical one.
_LARGEST_VOTE = 4.0
#: Variance that is lower than this share of the mean one is that of rounding, as in a vacuum
#: without noise or where a detector is saturated, and tells nothing of what is typical.
_ROUNDING = 1e-8
#: What passes a filter is noise up to the first ratio of its power to that of white noise, and
#: clear of it from the second one on; between them it counts in part.
_NOISE, _CLEAR = 1.3, 2.0
#: Powers are compared over squares of so many windows a side.
_WINDOWS = 2
#: Share of all variance of places above that, from which on they outshine the others.
_OUTSHINING = 0.25
#: Sigma in pixels of the filter that takes the noise out of an image of which only the coarse
#: structure is wanted.
_PIXELS = 1.5
#: Three running means are nearly a Gaussian.
_N_MEANS = 3


def slow_part(image: Image, sigma: float) -> NDArray[Any]:
    """Smooth an image over a distance so long that a crystal's columns vanish.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    sigma : float
        Standard deviation of the filter, in pixels; the filter is nearly a Gaussian.

    Returns
    -------
    slow : ndarray of shape (n_rows, n_cols)
        In the image's precision.
    """
    # A running mean over n pixels has a variance of (n**2 - 1) / 12.
    side = 2 * round((np.sqrt(12 * sigma**2 / _N_MEANS + 1) - 1) / 2) + 1
    slow: NDArray[Any] = image
    for _ in range(_N_MEANS):
        slow = ndimage.uniform_filter(slow, side)
    return slow


def is_outshone(image: Image, sigma: float) -> bool:
    """Tell whether a small part of an image has much of all its variance.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    sigma : float
        What changes over this distance is of no matter, in pixels.

    Returns
    -------
    is_outshone : bool
    """
    # Without the noise of single pixels, which may be louder than both.
    detail = slow_part(image, _PIXELS) - slow_part(image, sigma)
    is_bright = with_even_votes(detail, side_of(sigma)) != detail
    squares = np.square(detail, dtype=np.float64)
    return bool(squares[is_bright].sum() > _OUTSHINING * squares.sum())


def side_of(sigma: float) -> int:
    """Side of a square as wide as a Gaussian is, in pixels."""
    return max(1, round(2 * sigma))


def with_even_votes(detail: NDArray[Any], side: int) -> NDArray[Any]:
    """Scale an image down where its variance is far above what is typical.

    Parameters
    ----------
    detail : ndarray of shape (n_rows, n_cols)
        An image without its slow part.
    side : int
        Side of the square over which the variance is taken, in pixels.

    Returns
    -------
    even : ndarray of shape (n_rows, n_cols)
        The same, bit for bit, wherever the variance is at most four times the typical one.
    """
    squares = ndimage.uniform_filter(np.square(detail), side)
    told = squares[squares > _ROUNDING * squares.mean(dtype=np.float64)]
    if len(told) == 0:
        return detail
    limit = squares.dtype.type(_LARGEST_VOTE * np.median(told))
    if squares.max() <= limit:
        return detail
    even: NDArray[Any] = detail * np.sqrt(limit / np.maximum(squares, limit))
    return even


def periodicity(
    detail: NDArray[Any], shown: NDArray[Any], kernel: FloatArray, side: int
) -> NDArray[Any]:
    """Tell where an image has what a filter shows of it.

    Parameters
    ----------
    detail : ndarray of shape (n_rows, n_cols)
        An image without its slow part.
    shown : ndarray of shape (n_rows, n_cols)
        The same after a filter that passes what a crystal is made of.
    kernel : ndarray
        That of the filter.
    side : int
        Side of the square over which the two are compared, in pixels.

    Returns
    -------
    seen : ndarray of shape (n_rows, n_cols)
        From 0, where only noise passes the filter, or what passes comes from elsewhere, to 1.
    """

    def mean(values: NDArray[Any], size: int) -> NDArray[Any]:
        result: NDArray[Any] = ndimage.uniform_filter(values, size)
        return result

    squares = np.square(shown)
    tiny = np.finfo(squares.dtype).tiny
    share = mean(detail * shown, side) / np.maximum(mean(squares, side), tiny)
    # Powers of filtered noise vary by a half from one window to the next.
    size = _WINDOWS * side
    noise = mean(np.square(detail - shown), size) * squares.dtype.type(np.square(kernel).sum())
    above = mean(squares, size) / np.maximum(noise, tiny)
    sure = np.clip((above - _NOISE) / (_CLEAR - _NOISE), 0, 1)
    seen: NDArray[Any] = np.clip(share, 0, 1) * sure
    return seen
