"""The mean of all cells of an image, and the columns in it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._core import fold_cells
from logstar._numerics import parabola_vertex
from logstar._validation import FloatArray
from logstar.exceptions import NotOneLatticeError

from ._phases import Distortion
from ._unresolved import find_overlap

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

    Raises
    ------
    NotOneLatticeError
        If no column stands out of noise.
    """
    n_rows, n_cols = (
        max(_LEAST_BINS, round(float(length))) for length in np.linalg.norm(vectors, axis=1)
    )
    n_bins = n_rows, n_cols
    # Each pixel is shared by the four bins around it, and weighs by the square of the lattice's
    # amplitude where it is.
    total, weight, squares, squared_weights = fold_cells(
        flat,
        mask,
        np.stack([*distortion.fractions, np.minimum(distortion.amplitude, 1.0)]),
        distortion.spacing,
        np.linalg.inv(vectors).T.tolist(),
        n_bins,
    )
    mean = total / np.maximum(weight, np.finfo(float).tiny)
    variance = (squares - float((mean * total).sum())) / weight.sum()
    smooth = ndimage.gaussian_filter(mean, _CELL_SMOOTHING, mode="wrap")
    n_pixels = weight.mean() * weight.sum() / max(squared_weights, np.finfo(float).tiny)
    error = math.sqrt(max(variance, 0.0) * _VARIANCE_LEFT / n_pixels)
    least = max(_LEAST_RISE * float(np.ptp(smooth)), _LEAST_ERRORS * error)
    peaks = [peak for peak, rise in _rises(smooth) if rise >= least]
    if not peaks:
        raise NotOneLatticeError("no lattice: no column stands out of the noise of the mean cell.")
    places = np.array([_between_bins(smooth, peak) / n_bins for peak in peaks])
    heights = np.array([smooth[peak] for peak in peaks]) - smooth.min()
    overlap = find_overlap(mean, vectors, places)
    if overlap is not None:
        return MeanCell(overlap.places, overlap.heights, places % 1.0)
    order = np.argsort(-heights, kind="stable")
    return MeanCell(places[order] % 1.0, heights[order] / heights.max())


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
