"""All cells of an image laid on one another, and the columns of that mean cell."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray

from ._bragg import BraggLattice

#: Width, as a share of the cell's longer edge, of the Gaussian that phases are averaged with: it
#: leaves 2e-5 of the neighbouring peak.
_SMOOTHING = 0.75
#: Blocks that phases are computed on, by the shorter edge.
_BLOCKS_PER_EDGE = 4
#: Least bins of the mean cell along an edge.
_LEAST_BINS = 16
#: A column rises above the saddle to a higher one by this share of the range, and this many
#: standard errors of the mean cell.
_LEAST_RISE, _LEAST_ERRORS = 0.05, 6.0
#: Smoothing of the mean cell, in bins, and what it leaves of the variance of noise (with that of
#: sharing a pixel among four bins).
_CELL_SMOOTHING, _VARIANCE_LEFT = 0.8, 0.1


class Distortion(NamedTuple):
    """Where the lattice is and how it is displaced, on a coarse grid of blocks.

    Attributes
    ----------
    fractions : ndarray of shape (2, n_block_rows, n_block_cols)
        What is to be added to a place's fractional coordinates.
    amplitude : ndarray of shape (n_block_rows, n_block_cols)
        How strong the lattice is, by its 90th percentile; 0 where there is none.
    trust : ndarray of shape (n_block_rows, n_block_cols)
        1 well inside, 0 at the edges, where other peaks do not average out.
    block : int
        Side of a block in pixels.
    """

    fractions: FloatArray
    amplitude: FloatArray
    trust: FloatArray
    block: int


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


def local_phases(flat: FloatArray, bragg: BraggLattice) -> Distortion:
    """Follow the phases of two Bragg peaks through the image.

    Geometric phase analysis: M. J. Hytch, E. Snoeck, R. Kilaas, Ultramicroscopy 74, 131 (1998).
    """
    # Slow to import, and only needed here.
    from skimage.restoration import unwrap_phase  # noqa: PLC0415

    chosen = _two_peaks(bragg)
    reciprocal = np.linalg.inv(bragg.vectors).T
    lengths = np.linalg.norm(bragg.vectors, axis=1)
    block = max(1, int(lengths.min() / _BLOCKS_PER_EDGE))
    n_rows, n_cols = (size // block for size in flat.shape)
    inner = flat[: n_rows * block, : n_cols * block]
    rows, cols = (np.arange(size) for size in inner.shape)
    width = _SMOOTHING * lengths.max() / block
    weight = ndimage.gaussian_filter(np.ones((n_rows, n_cols)), width, mode="constant")
    phases, amplitudes = [], []
    for frequency in chosen @ reciprocal:
        shifted = inner * np.exp(-2j * np.pi * frequency[0] * rows)[:, None]
        shifted *= np.exp(-2j * np.pi * frequency[1] * cols)
        blocks = shifted.reshape(n_rows, block, n_cols, block).mean(axis=(1, 3))
        local = ndimage.gaussian_filter(blocks, width, mode="constant") / weight
        phases.append(unwrap_phase(np.angle(local)) / (2 * np.pi))
        amplitude = np.abs(local)
        amplitudes.append(amplitude / max(np.percentile(amplitude, 90), np.finfo(float).tiny))
    # The smoothing loses half of its weight at an edge.
    trust = np.clip(2 * weight - 1, 0, 1) ** 2
    fractions = np.linalg.solve(chosen.astype(float), np.reshape(phases, (2, -1)))
    return Distortion(
        fractions.reshape(2, n_rows, n_cols), np.min(amplitudes, axis=0), trust, block
    )


def _two_peaks(bragg: BraggLattice) -> NDArray[np.int_]:
    """Indices of the two strongest peaks that span the plane; the finer ones if alike."""
    indices = bragg.indices
    first, second = np.triu_indices(len(indices), 1)
    areas = np.abs(np.linalg.det(np.stack([indices[first], indices[second]], axis=1))).round()
    weaker = np.minimum(bragg.powers[first], bragg.powers[second])
    worth = np.where(areas > 0, weaker / np.maximum(areas, 1) ** 0.25, -1.0)
    best = int(worth.argmax())
    return indices[[first[best], second[best]]]


def straighten(vectors: FloatArray, distortion: Distortion) -> tuple[FloatArray, FloatArray]:
    """Take the even part of a distortion into the lattice.

    Returns
    -------
    vectors : ndarray of shape (2, 2)
        Edges of the cell with the mean strain that is left in the phases.
    corner : ndarray of shape (2,)
        Fractional coordinates of the pixel (0, 0).
    """
    centres = _centres(distortion)
    table = np.column_stack([np.ones(len(centres)), centres])
    root = np.sqrt((np.minimum(distortion.amplitude, 1.0) * distortion.trust).ravel())[:, None]
    fit = np.linalg.lstsq(table * root, distortion.fractions.reshape(2, -1).T * root, rcond=None)[0]
    reciprocal = np.linalg.inv(vectors).T + fit[1:].T
    return np.linalg.inv(reciprocal).T, fit[0]


def _centres(distortion: Distortion) -> FloatArray:
    """Row and column of the blocks' centres."""
    axes = [(np.arange(size) + 0.5) * distortion.block - 0.5 for size in distortion.amplitude.shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def mean_cell(
    flat: FloatArray,
    vectors: FloatArray,
    distortion: Distortion,
    mask: NDArray[np.bool_] | None = None,
) -> MeanCell:
    """Lay all cells on one another along the lattice that the phases follow.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image, columns bright.
    vectors : ndarray of shape (2, 2)
        Edges of the cell that `distortion` is relative to.
    distortion : Distortion
        From `local_phases`.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        The pixels to take.

    Returns
    -------
    cell : MeanCell
    """
    rows, cols = np.arange(flat.shape[0]), np.arange(flat.shape[1])
    at = np.meshgrid(
        *(
            np.clip((axis + 0.5) / distortion.block - 0.5, 0, size - 1)
            for axis, size in zip((rows, cols), distortion.amplitude.shape, strict=True)
        ),
        indexing="ij",
    )
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
    """Sums of pixels, weights and squares over the cell; a pixel is shared by four bins."""
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
    """Local maxima of a periodic map, and how far each rises above the saddle to a higher one."""
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

    # From the highest bin down, islands grow and meet at saddles, where the lower one ends.
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
    vertex = []
    for axis, size in enumerate(values.shape):
        steps = [(peak[axis] + step) % size for step in (-1, 0, 1)]
        left, middle, right = values[steps, col] if axis == 0 else values[row, steps]
        curvature = left - 2 * middle + right
        shift = (left - right) / (2 * curvature) if curvature < 0 else 0.0
        vertex.append(peak[axis] + shift)
    return np.array(vertex)
