"""The mean of all cells of an image, and the columns in it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._numerics import parabola_vertex
from logstar._validation import FloatArray

from ._phases import Distortion
from ._unresolved import find_overlap

#: The mean cell has a bin for each pixel along an edge, but at least 16.
_LEAST_BINS = 16
#: A maximum of the mean cell is a column if it rises above the saddle to the next higher maximum by
#: 5 % of the mean cell's range, and by 6 standard errors of a bin.
_LEAST_RISE, _LEAST_ERRORS = 0.05, 6.0
#: Pixels are put into parts of bins, this many along each edge of a bin: by that they are off by up
#: to 1 / 8 bin, in the mean over cells at any angle by far less.
_PARTS = 4
#: Pixels that are worked on together, so that they stay in the processor's cache.
_BATCH = 2**15
#: Standard deviation, in bins, of the Gaussian that smooths the mean cell.
_CELL_SMOOTHING = 0.8
#: Share of the variance of noise that is left in a bin after that, and after each pixel was shared
#: among four bins.
_VARIANCE_LEFT = 0.1


class MeanCell(NamedTuple):
    """Columns of the mean cell, brightest first.

    Attributes
    ----------
    places : ndarray of shape (n, 2)
        Fractional coordinates.
    heights : ndarray of shape (n,)
        Brightness above the darkest place, that of the brightest being 1. Of columns that overlap
        the height of the column alone.
    maxima : ndarray of shape (n_maxima, 2) or None
        Fractional coordinates of the maxima, where columns are hidden beside others; None where
        each column is a maximum.
    """

    places: FloatArray
    heights: FloatArray
    maxima: FloatArray | None = None


def mean_cell(
    flat: NDArray[np.float32],
    vectors: FloatArray,
    distortion: Distortion,
    mask: NDArray[np.bool_] | None = None,
) -> MeanCell:
    """Average all cells of an image, following its distortion, and find the columns.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image, columns bright.
    vectors : ndarray of shape (2, 2)
        Edges of the cell before the distortion, as rows (row, col) in pixels.
    distortion : Distortion
        From `local_phases`.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        The pixels that are averaged; None takes all.

    Returns
    -------
    cell : MeanCell
    """
    n_bins = [max(_LEAST_BINS, round(float(length))) for length in np.linalg.norm(vectors, axis=1)]
    sums = _fold(flat, vectors, distortion, n_bins, mask)
    total, weight = sums.total, sums.weight
    mean = total / np.maximum(weight, np.finfo(float).tiny)
    variance = (sums.squares - float((mean * total).sum())) / weight.sum()
    smooth = ndimage.gaussian_filter(mean, _CELL_SMOOTHING, mode="wrap")
    n_pixels = weight.mean() * weight.sum() / max(sums.squared_weights, np.finfo(float).tiny)
    error = math.sqrt(max(variance, 0.0) * _VARIANCE_LEFT / n_pixels)
    least = max(_LEAST_RISE * float(np.ptp(smooth)), _LEAST_ERRORS * error)
    peaks = [peak for peak, rise in _rises(smooth) if rise >= least]
    places = np.array([_between_bins(smooth, peak) / n_bins for peak in peaks])
    heights = np.array([smooth[peak] for peak in peaks]) - smooth.min()
    overlap = find_overlap(mean, vectors, places)
    if overlap is not None:
        return MeanCell(overlap.places, overlap.heights, places % 1.0)
    order = np.argsort(-heights, kind="stable")
    return MeanCell(places[order] % 1.0, heights[order] / heights.max())


class _Sums(NamedTuple):
    """Sums over the pixels of an image.

    Attributes
    ----------
    total, weight : ndarray of shape (n_bins_0, n_bins_1)
        In each bin of the cell the sum of weighted pixels, and of weights.
    squares, squared_weights : float
        Over the image, the sum of weighted squares of pixels, and of squares of weights.
    """

    total: FloatArray
    weight: FloatArray
    squares: float
    squared_weights: float


def _fold(
    flat: NDArray[np.float32],
    vectors: FloatArray,
    distortion: Distortion,
    n_bins: list[int],
    mask: NDArray[np.bool_] | None,
) -> _Sums:
    """Sum up the pixels of all cells in the bins of one; a pixel is shared by the four around it.

    Pixels weigh by the square of the lattice's amplitude where they are.
    """
    # Rounded to parts of a bin first, pixels are shared all at once.
    n_parts = [n * _PARTS for n in n_bins]
    parts = np.zeros((2, n_parts[0] * n_parts[1]))
    squares = squared_weights = 0.0
    gradients = np.linalg.inv(vectors).T
    cols = np.arange(flat.shape[1])
    lower, share = distortion.between(flat.shape[1], 1)
    grid = np.stack([*distortion.fractions, np.minimum(distortion.amplitude, 1.0)])
    upper = np.minimum(lower + 1, grid.shape[2] - 1)
    grid = grid[:, :, lower] * (1 - share) + grid[:, :, upper] * share
    grid[:2] += (gradients[:, 1, None] * cols)[:, None]
    grid = grid.astype(np.float32)
    lower, share = distortion.between(flat.shape[0], 0)
    share = share.astype(np.float32)
    upper = np.minimum(lower + 1, grid.shape[1] - 1)
    # The sums of a batch take as long as the cell is large.
    n_rows = max(1, max(_BATCH, parts.shape[1]) // flat.shape[1])
    for start in range(0, flat.shape[0], n_rows):
        rows = slice(start, min(start + n_rows, flat.shape[0]))
        local = grid[:, upper[rows]]
        local -= (base := grid[:, lower[rows]])
        local *= share[rows, None]
        local += base
        down = gradients[:, :1] * np.arange(rows.start, rows.stop) % 1.0
        local[:2] += down.astype(np.float32)[..., None]
        local[:2] -= np.floor(local[:2])
        index = np.minimum((local[0] * n_parts[0]).astype(np.intp), n_parts[0] - 1)
        index *= n_parts[1]
        index += np.minimum((local[1] * n_parts[1]).astype(np.intp), n_parts[1] - 1)
        use = local[2] * local[2]
        if mask is not None:
            use *= mask[rows]
        weighted = use * flat[rows]
        parts[0] += np.bincount(index.ravel(), weighted.ravel(), parts.shape[1])
        parts[1] += np.bincount(index.ravel(), use.ravel(), parts.shape[1])
        squares += float(np.vdot(weighted, flat[rows]))
        squared_weights += float(np.vdot(use, use))
    across, along = (_shares(n) for n in n_bins)
    total, weight = (across @ sums.reshape(n_parts) @ along.T for sums in parts)
    return _Sums(total, weight, squares, squared_weights)


def _shares(n_bins: int) -> FloatArray:
    """Shares (n_bins, n_parts) of a part's pixels for the two bins around it."""
    places = (np.arange(n_bins * _PARTS) + 0.5) / _PARTS
    apart = np.abs(places - np.arange(n_bins)[:, None])
    return np.asarray(np.maximum(1 - np.minimum(apart, n_bins - apart), 0.0))


def _rises(values: FloatArray) -> list[tuple[tuple[int, int], float]]:
    """Local maxima of a periodic map, with how far each rises above the saddle to a higher one.

    The highest one of all rises above the lowest place.
    """
    n_cols = values.shape[1]
    index = np.arange(values.size).reshape(values.shape)
    neighbors = np.stack(
        [np.roll(index, (dr, dc), (0, 1)).ravel() for dr in (-1, 0, 1) for dc in (-1, 0, 1)], axis=1
    ).tolist()
    order = np.argsort(-values, axis=None, kind="stable").tolist()
    heights = values.ravel().tolist()
    # The next bin on the way to the maximum of the island that a bin belongs to; -1 under water.
    parent = [-1] * values.size
    rises: list[tuple[tuple[int, int], float]] = []

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    # As a falling sea level lets islands grow: bins are added from the highest to the lowest. Where
    # two islands meet is the saddle between their maxima, and the lower island joins the higher.
    for place in order:
        around = {root(other) for other in neighbors[place] if parent[other] >= 0}
        highest, *others = sorted(around, key=lambda top: -heights[top]) or [place]
        parent[place] = highest
        for top in others:
            rises.append((divmod(top, n_cols), heights[top] - heights[place]))
            parent[top] = highest
    rises.append((divmod(order[0], n_cols), heights[order[0]] - heights[order[-1]]))
    return rises


def _between_bins(values: FloatArray, peak: tuple[int, int]) -> FloatArray:
    """Vertex of the parabolas through a maximum and its neighbours, in bins."""
    row, col = peak
    n_rows, n_cols = values.shape
    along_rows = values[[row - 1, row, (row + 1) % n_rows], col]
    along_cols = values[row, [col - 1, col, (col + 1) % n_cols]]
    return np.array([row + parabola_vertex(*along_rows), col + parabola_vertex(*along_cols)])
