"""How far rows of pixels are shifted along themselves, by comparison with the mean cell."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from logstar._validation import FloatArray, Image
from logstar.lattice import DriftField, ImageLattice

#: The mean cell has this many bins for each pixel along an edge, and at least 8.
_BINS_PER_PIXEL, _LEAST_BINS = 1.5, 8
#: Standard deviation in bins of the Gaussian that smooths it, against noise.
_SMOOTHING = 1.0
#: How often rows are compared; each time a shift of up to an atom's sigma is found nearly whole.
_N_ROUNDS = 4
#: By so many pixels rows are shifted to the left and to the right to see how they change.
_HALF_STEP = 0.5


def row_shifts(
    pixels: Image, lattice: ImageLattice, drift: DriftField, max_shift: float
) -> FloatArray:
    """Find how far each row of an image shows everything to the right.

    The mean over all cells, which jitter hardly blurs, is laid over the image. How far each row is
    shifted against it follows by least squares, together with the brightness and the contrast of
    the row; and so does how uncertain that is. Shifts are multiplied by the share of their variance
    that noise does not explain, so that an image without jitter is left alone.

    Parameters
    ----------
    pixels : ndarray of shape (n_rows, n_cols)
        The image, columns bright.
    lattice : ImageLattice
        Its lattice.
    drift : DriftField
        How it is bent.
    max_shift : float
        Largest shift in pixels.

    Returns
    -------
    shifts : ndarray of shape (n_rows,)
        In pixels.
    """
    values = np.asarray(pixels, dtype=np.float64)
    reciprocal = np.linalg.inv(lattice.vectors)
    places = np.indices(values.shape).reshape(2, -1).T.astype(np.float64)
    fractions = (drift.straightened(places) - lattice.origin) @ reciprocal
    fractions = fractions.T.reshape(2, *values.shape)
    along = reciprocal[1][:, None, None]
    shifts = np.zeros(len(values))
    found = errors = shifts
    for _ in range(_N_ROUNDS):
        moved = fractions - along * shifts[:, None]
        cell = _mean_cell(values, moved, lattice)
        here = _sampled(cell, moved)
        slope = (
            _sampled(cell, moved + _HALF_STEP * along) - _sampled(cell, moved - _HALF_STEP * along)
        ) / (2 * _HALF_STEP)
        found, errors = _by_least_squares(values, here, slope)
        shifts = np.clip(shifts + found, -max_shift, max_shift)
    variance = float(np.mean(shifts**2))
    if variance == 0:
        return shifts
    return shifts * max(0.0, 1 - float(np.mean(errors**2)) / variance)


def _mean_cell(values: FloatArray, fractions: FloatArray, lattice: ImageLattice) -> FloatArray:
    """Mean of all cells, less that of the image."""
    lengths = np.linalg.norm(lattice.vectors, axis=1)
    n_bins = [max(_LEAST_BINS, round(_BINS_PER_PIXEL * float(length))) for length in lengths]
    bins = [
        (np.floor((fraction % 1.0) * n).astype(np.intp) % n).ravel()
        for fraction, n in zip(fractions, n_bins, strict=True)
    ]
    index = bins[0] * n_bins[1] + bins[1]
    n_cells = n_bins[0] * n_bins[1]
    sums, counts = (
        np.bincount(index, weights, n_cells).reshape(n_bins)
        for weights in ((values - values.mean()).ravel(), None)
    )
    smooth = [
        ndimage.gaussian_filter(x.astype(float), _SMOOTHING, mode="wrap") for x in (sums, counts)
    ]
    return np.asarray(smooth[0] / np.maximum(smooth[1], np.finfo(float).tiny))


def _sampled(cell: FloatArray, fractions: FloatArray) -> FloatArray:
    # A bin's value is that of its middle.
    where = [f * n - 0.5 for f, n in zip(fractions, cell.shape, strict=True)]
    return np.asarray(ndimage.map_coordinates(cell, where, order=3, mode="grid-wrap"))


def _by_least_squares(
    values: FloatArray, here: FloatArray, slope: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Fit each row by ``a here + b - shift a slope``; the shifts and their standard deviations."""
    table = np.stack([here, np.ones_like(here), slope], axis=2)
    squares = table.transpose(0, 2, 1) @ table
    # A row between two rows of atoms may tell nothing; then the shift is 0.
    squares += 1e-9 * np.trace(squares, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    inverse = np.linalg.inv(squares)
    fit = (inverse @ (table.transpose(0, 2, 1) @ values[:, :, None]))[:, :, 0]
    left = values - (table @ fit[:, :, None])[:, :, 0]
    variance = (left**2).sum(axis=1) / max(1, values.shape[1] - 3)
    contrast = np.median(fit[:, 0])
    if not contrast > 0:
        return np.zeros(len(values)), np.zeros(len(values))
    # Rows with hardly any atom have no contrast of their own.
    contrasts = np.maximum(fit[:, 0], 0.3 * contrast)
    return -fit[:, 2] / contrasts, np.sqrt(variance * inverse[:, 2, 2]) / contrasts
