"""The image that fitted peaks make."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.spatial import QhullError

from logstar._validation import FloatArray

#: Peaks are drawn this many standard deviations far along each axis: there 1.5e-8 of their height
#: is left.
PEAK_REACH = 6.0
#: A surface through backgrounds of atoms takes three that are not on one line.
_LEAST_ATOMS = 3


def peaks_image(
    atoms: FloatArray, amplitudes: FloatArray, precisions: FloatArray, shape: tuple[int, int]
) -> FloatArray:
    """Add up Gaussian peaks.

    Parameters
    ----------
    atoms : ndarray of shape (n, >=2)
        Row and column of the centres.
    amplitudes : ndarray of shape (n,)
        Heights.
    precisions : ndarray of shape (n, 2, 2)
        Inverse covariance matrices of the peaks.
    shape : tuple of two int
        Rows and columns of the image.

    Returns
    -------
    image : ndarray of shape (n_rows, n_cols)
        Their sum; atoms beyond the frame count with what reaches in.
    """
    image = np.zeros(shape)
    reaches = PEAK_REACH * np.sqrt(np.diagonal(np.linalg.inv(precisions), axis1=1, axis2=2))
    for atom, height, precision, reach in zip(atoms, amplitudes, precisions, reaches, strict=True):
        low = np.maximum(np.ceil(atom[:2] - reach), 0).astype(int)
        high = np.minimum(np.floor(atom[:2] + reach) + 1, shape).astype(int)
        if (high <= low).any():
            continue
        rows, cols = (np.arange(low[axis], high[axis]) - atom[axis] for axis in (0, 1))
        (a, b), (_, c) = precision
        peak = np.exp(-a * rows**2 / 2)[:, None] * np.exp(-c * cols**2 / 2)
        if b:
            peak *= np.exp(-b * np.outer(rows, cols))
        image[low[0] : high[0], low[1] : high[1]] += height * peak
    return image


def background_image(
    atoms: FloatArray, background: FloatArray, shape: tuple[int, int]
) -> FloatArray:
    """Spread the background at atoms over an image.

    Parameters
    ----------
    atoms : ndarray of shape (n, >=2)
        Row and column of the atoms.
    background : ndarray of shape (n,)
        Background at each.
    shape : tuple of two int
        Rows and columns of the image.

    Returns
    -------
    image : ndarray of shape (n_rows, n_cols)
        Linear between atoms, beyond them that of the nearest; zero without atoms.
    """
    if not len(atoms):
        return np.zeros(shape)
    if np.ptp(background) == 0:
        return np.full(shape, background[0])
    places = np.moveaxis(np.indices(shape), 0, -1)
    image = np.asarray(NearestNDInterpolator(atoms[:, :2], background)(places))
    if len(atoms) >= _LEAST_ATOMS:
        try:
            inner = np.asarray(LinearNDInterpolator(atoms[:, :2], background)(places))
        except QhullError:  # they lie on one line
            return image
        image = np.where(np.isnan(inner), image, inner)
    return image
