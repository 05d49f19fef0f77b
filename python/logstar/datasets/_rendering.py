"""Gaussian atoms on a pixel grid."""

from __future__ import annotations

import math

import numpy as np

from logstar._validation import FloatArray

#: Atoms are cut off this many sigma from their centre, where they have 4e-6 of their height.
CUTOFF = 5.0
#: Values computed at a time; bounds the memory to some 100 MB.
_CHUNK_VALUES = 2_000_000


def render_atoms(
    shape: tuple[int, int],
    positions: FloatArray,
    amplitudes: FloatArray,
    sigma: float,
    row_shifts: FloatArray,
) -> FloatArray:
    """Add up Gaussians, sampled at the pixel centres.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the image.
    positions : ndarray of shape (n, 2)
        Row and column of the centres; those beyond the edges count with what reaches in.
    amplitudes : ndarray of shape (n,)
        Heights.
    sigma : float
        Standard deviation in pixels.
    row_shifts : ndarray of shape (n_rows,)
        How far to the right each row of the image shows everything.

    Returns
    -------
    image : ndarray of shape (n_rows, n_cols), float64
        Pixels farther than 5 sigma from a centre in row or column may miss its share.
    """
    if len(positions) == 0:
        return np.zeros(shape)
    row_reach = math.ceil(CUTOFF * sigma)
    col_reach = row_reach + math.ceil(np.abs(row_shifts).max())
    row_offsets = np.arange(-row_reach, row_reach + 2)
    col_offsets = np.arange(-col_reach, col_reach + 2)
    corners = np.floor(positions).astype(int)
    # The canvas holds every window whole, so that none has to be clipped.
    first = np.minimum(corners.min(axis=0) + np.array([row_offsets[0], col_offsets[0]]), 0)
    last = corners.max(axis=0) + np.array([row_offsets[-1], col_offsets[-1]])
    canvas_rows, canvas_cols = np.maximum(last, np.array(shape) - 1) - first + 1
    canvas = np.zeros(canvas_rows * canvas_cols)
    shifts = np.zeros(canvas_rows)
    shifts[-first[0] : -first[0] + shape[0]] = row_shifts

    step = max(1, _CHUNK_VALUES // (len(row_offsets) * len(col_offsets)))
    for start in range(0, len(positions), step):
        chunk = slice(start, start + step)
        rows = corners[chunk, :1] + row_offsets
        cols = corners[chunk, 1:] + col_offsets
        from_row = rows - positions[chunk, :1]
        from_col = cols - positions[chunk, 1:]
        shifted = from_col[:, None, :] - shifts[rows - first[0]][:, :, None]
        exponents = (from_row**2)[:, :, None] + shifted**2
        values = np.exp(exponents / (-2 * sigma**2)) * amplitudes[chunk, None, None]
        pixels = (rows - first[0])[:, :, None] * canvas_cols + (cols - first[1])[:, None, :]
        canvas += np.bincount(pixels.ravel(), values.ravel(), minlength=len(canvas))
    image = canvas.reshape(canvas_rows, canvas_cols)
    return image[-first[0] : -first[0] + shape[0], -first[1] : -first[1] + shape[1]]
