"""Places without an atom within reach."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from logstar._validation import FloatArray

#: Where gaps are more than this share of the image, distances come from a transform of the whole
#: image, whose time does not grow with them, and else from a search for each pixel of a gap.
_MANY = 0.05


def covered(points: NDArray[np.intp], reach: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Paint a disc about each point.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Row and column of pixels; those outside of the image have no disc.
    reach : float
        Radius of the discs in pixels.
    shape : tuple of two int
        Rows and columns of the image.

    Returns
    -------
    covered : ndarray of shape (n_rows, n_cols), bool
        Pixels that are no farther than `reach` from the nearest point.
    """
    n_rows, n_cols = shape
    points = points[((points >= 0) & (points < shape)).all(axis=1)]
    # A disc is a run of pixels in each row: 1 is added where it starts and taken off behind its
    # end. The sums along the rows then count the discs at each pixel.
    steps = np.zeros((n_rows, n_cols + 1), dtype=np.int32)
    flat = steps.ravel()  # adding at numbers of pixels is far faster than at pairs
    highest = _half_width(0, reach, n_rows)
    for step in range(-highest, highest + 1):
        half = _half_width(step, reach, n_cols)
        rows, cols = points[:, 0] + step, points[:, 1]
        inside = (rows >= 0) & (rows < n_rows)
        first, cols = rows[inside] * (n_cols + 1), cols[inside]
        np.add.at(flat, first + np.maximum(cols - half, 0), np.int32(1))
        np.add.at(flat, first + np.minimum(cols + half + 1, n_cols), np.int32(-1))
    return np.asarray(steps.cumsum(axis=1, dtype=np.int32)[:, :-1] > 0)


def _half_width(step: int, reach: float, most: int) -> int:
    """Greatest whole number of columns within reach in a row so many rows away, up to `most`."""
    if reach >= math.hypot(step, most):
        return most
    half = math.isqrt(max(0, int(reach * reach) - step * step))
    # Exactly, as distances of pixels are compared: by the root of their squares' sum.
    while math.sqrt(step * step + (half + 1) ** 2) <= reach:
        half += 1
    while half > 0 and math.sqrt(step * step + half * half) > reach:
        half -= 1
    return half


def deepest(
    gaps: NDArray[np.bool_], points: NDArray[np.intp]
) -> tuple[NDArray[np.intp], FloatArray]:
    """Find the place of each gap that is the farthest from all points.

    Parameters
    ----------
    gaps : ndarray of shape (n_rows, n_cols), bool
        Connected pixels (four neighbours) are a gap.
    points : ndarray of shape (n_points, 2)
        Row and column of pixels; those outside of the image do not count.

    Returns
    -------
    places : ndarray of shape (n_gaps, 2)
        Row and column; of places that are equally far the first one, row by row.
    distances : ndarray of shape (n_gaps,)
        In pixels; infinite where there is no point.
    """
    labels, n_gaps = ndimage.label(gaps)
    pixels = np.flatnonzero(gaps)
    owners = labels.ravel()[pixels]
    distances = _distances(pixels, points, gaps.shape)
    order = np.lexsort((pixels, -distances, owners))
    first = order[np.searchsorted(owners[order], np.arange(1, n_gaps + 1))]
    places = np.column_stack(np.unravel_index(pixels[first], gaps.shape))
    return places, distances[first]


def _distances(
    pixels: NDArray[np.intp], points: NDArray[np.intp], shape: tuple[int, ...]
) -> FloatArray:
    """Distance of pixels to the nearest point."""
    points = points[((points >= 0) & (points < shape)).all(axis=1)]
    if len(points) == 0:
        return np.full(len(pixels), np.inf)
    if len(pixels) > _MANY * math.prod(shape):
        empty = np.ones(shape, dtype=np.bool_)
        empty[tuple(points.T)] = False
        return np.asarray(ndimage.distance_transform_edt(empty)).ravel()[pixels]
    where = np.column_stack(np.unravel_index(pixels, shape))
    return np.asarray(KDTree(points).query(where)[0])
