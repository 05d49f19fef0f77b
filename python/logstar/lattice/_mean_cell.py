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

#: The mean cell has a bin for each pixel along an edge, but at least 16.
_LEAST_BINS = 16
#: A maximum of the mean cell is a column if it rises above the saddle to the next higher maximum by
#: 5 % of the mean cell's range, and by 6 standard errors of a bin.
_LEAST_RISE, _LEAST_ERRORS = 0.05, 6.0
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
        Brightness above the darkest place, that of the brightest being 1.
    """

    places: FloatArray
    heights: FloatArray


def mean_cell(
    flat: FloatArray,
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
    rows, cols = np.arange(flat.shape[0]), np.arange(flat.shape[1])
    at = distortion.block_coordinates(flat.shape)
    reciprocal = np.linalg.inv(vectors).T
    n_bins = [max(_LEAST_BINS, round(float(length))) for length in np.linalg.norm(vectors, axis=1)]
    bins = [
        (g[0] * rows[:, None] + g[1] * cols + ndimage.map_coordinates(shift, at, order=1)) * n % n
        for g, shift, n in zip(reciprocal, distortion.fractions, n_bins, strict=True)
    ]
    use = ndimage.map_coordinates(np.minimum(distortion.amplitude, 1.0), at, order=1) ** 2
    if mask is not None:
        use = use * mask
    total, weight, squares = _fold(flat, use, bins, n_bins)
    mean = total / np.maximum(weight, np.finfo(float).tiny)
    variance = (squares.sum() - (mean * total).sum()) / weight.sum()
    smooth = ndimage.gaussian_filter(mean, _CELL_SMOOTHING, mode="wrap")
    n_pixels = weight.mean() * weight.sum() / max((use**2).sum(), np.finfo(float).tiny)
    error = math.sqrt(max(variance, 0.0) * _VARIANCE_LEFT / n_pixels)
    least = max(_LEAST_RISE * float(np.ptp(smooth)), _LEAST_ERRORS * error)
    peaks = [peak for peak, rise in _rises(smooth) if rise >= least]
    places = np.array([_between_bins(smooth, peak) / n_bins for peak in peaks])
    heights = np.array([smooth[peak] for peak in peaks]) - smooth.min()
    order = np.argsort(-heights, kind="stable")
    return MeanCell(places[order] % 1.0, heights[order] / heights.max())


def _fold(
    flat: FloatArray, use: FloatArray, bins: list[FloatArray], n_bins: list[int]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sums of pixels, weights and squares in each bin; a pixel is shared by the four around it."""
    lower = [np.floor(axis).astype(np.intp) for axis in bins]
    upper_share = [axis - low for axis, low in zip(bins, lower, strict=True)]
    size = n_bins[0] * n_bins[1]
    sums = np.zeros((3, size))
    for step in np.ndindex(2, 2):
        row, col = ((low + s) % n for low, s, n in zip(lower, step, n_bins, strict=True))
        share = use.copy()
        for s, upper in zip(step, upper_share, strict=True):
            share *= upper if s else 1 - upper
        index = (row * n_bins[1] + col).ravel()
        weighted = share * flat
        for i, values in enumerate((weighted, share, weighted * flat)):
            sums[i] += np.bincount(index, values.ravel(), size)
    total, weight, squares = sums.reshape(3, *n_bins)
    return total, weight, squares


def _rises(values: FloatArray) -> list[tuple[tuple[int, int], float]]:
    """Local maxima of a periodic map, with how far each rises above the saddle to a higher one.

    The highest one of all rises above the lowest place.
    """
    n_rows, n_cols = values.shape
    order = np.argsort(-values, axis=None, kind="stable")
    parent = np.full(values.size, -1)
    peak_of: dict[int, int] = {}
    rises: list[tuple[tuple[int, int], float]] = []
    flat = values.ravel()

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = int(parent[index])
        return index

    def place(index: int) -> tuple[int, int]:
        row, col = divmod(int(index), n_cols)
        return row, col

    # As a falling sea level lets islands grow: bins are added from the highest to the lowest. Where
    # two islands meet is the saddle between their maxima, and the lower island joins the higher.
    for index in map(int, order):
        row, col = divmod(index, n_cols)
        around = {
            root(neighbor)
            for dr, dc in np.ndindex(3, 3)
            if parent[neighbor := (row + dr - 1) % n_rows * n_cols + (col + dc - 1) % n_cols] >= 0
        }
        parent[index] = index
        if not around:
            peak_of[index] = index
            continue
        highest, *others = sorted(around, key=lambda island: -flat[peak_of[island]])
        parent[index] = highest
        for island in others:
            rises.append((place(peak_of[island]), float(flat[peak_of[island]] - flat[index])))
            parent[island] = highest
    rises.append((place(int(order[0])), float(flat[order[0]] - flat[order[-1]])))
    return rises


def _between_bins(values: FloatArray, peak: tuple[int, int]) -> FloatArray:
    """Vertex of the parabolas through a maximum and its neighbours, in bins."""
    row, col = peak
    n_rows, n_cols = values.shape
    along_rows = values[[row - 1, row, (row + 1) % n_rows], col]
    along_cols = values[row, [col - 1, col, (col + 1) % n_cols]]
    return np.array([row + parabola_vertex(*along_rows), col + parabola_vertex(*along_cols)])
