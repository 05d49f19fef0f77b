"""Straightening of scan lines."""

from __future__ import annotations

import numpy as np
import scipy.fft as sf
from numpy.typing import NDArray
from scipy import ndimage

from logstar._numerics import parabola_vertex
from logstar._validation import FloatArray, Image, check_integer, check_real

from ._base import ImageTransformer, in_precision_of


class ScanLineCorrector(ImageTransformer):
    """Shift each row of pixels to where its neighbours say that it belongs.

    The beam does not return to the same place after each line, so rows are shifted to the left or
    right by part of a pixel. Each row is compared with the mean of its neighbours, weighed by a
    Gaussian, by their cross-correlation, and shifted by what is found; the mean then becomes
    sharper, and the comparison is repeated.

    Parameters
    ----------
    max_shift : float, default=3.0
        Largest shift that is corrected, in pixels.
    sigma : float, default=2.0
        Standard deviation in rows of the weights of the neighbours; about that of an atom.
    n_iter : int, default=3
        How often rows are compared.

    Notes
    -----
    Shifts that change over more than about three times `sigma` rows, such as drift, are not found.
    Noise is taken for shifts: where it is larger than the height of atoms, the result is worse than
    the input. See
    L. Jones, P. D. Nellist, Identifying and correcting scan noise and drift in the STEM, Microsc.
    Microanal. 19, 1050 (2013).

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.preprocessing import ScanLineCorrector
    >>> truth = make_scene(shape=(96, 96), random_state=0).image
    >>> shaky = make_scene(shape=(96, 96), scan_jitter=0.8, random_state=0).image
    >>> steady = ScanLineCorrector().fit_transform(shaky)
    >>> bool(abs(steady - truth).mean() < 0.7 * abs(shaky - truth).mean())
    True
    """

    def __init__(self, max_shift: float = 3.0, *, sigma: float = 2.0, n_iter: int = 3) -> None:
        self.max_shift = max_shift
        self.sigma = sigma
        self.n_iter = n_iter

    def _check_parameters(self) -> None:
        check_real(self.max_shift, name="max_shift", low=0, low_included=False)
        check_real(self.sigma, name="sigma", low=0, low_included=False)
        check_integer(self.n_iter, name="n_iter", low=1)

    def shifts(self, image: Image) -> FloatArray:
        """Find how far each row is shifted to the right.

        Parameters
        ----------
        image : ndarray of shape (n_rows, n_cols)
            The image.

        Returns
        -------
        shifts : ndarray of shape (n_rows,)
            In pixels; their mean over neighbouring rows is about 0.
        """
        pixels = np.asarray(image, dtype=np.float64)
        pixels = pixels - pixels.mean(axis=1, keepdims=True)
        total = np.zeros(len(pixels))
        for _ in range(int(self.n_iter)):
            steady = shift_rows(pixels, -total)
            total = np.clip(total + self._compare(steady), -self.max_shift, self.max_shift)
        return total

    def _transform_image(self, image: Image) -> Image:
        return in_precision_of(image, shift_rows(image, -self.shifts(image)))

    def _compare(self, pixels: FloatArray) -> FloatArray:
        """How far each row is to the right of its neighbours' mean, by cross-correlation."""
        mean = ndimage.gaussian_filter1d(pixels, float(self.sigma), axis=0)
        own = ndimage.gaussian_filter1d(np.eye(1, 8 * len(pixels) + 1, 4 * len(pixels)), self.sigma)
        # The row's own part in the mean is taken off: it would hide the shift.
        others = mean - own.max() * pixels
        n_cols = pixels.shape[1]
        reach = min(int(np.ceil(self.max_shift)) + 1, n_cols // 2)
        size = sf.next_fast_len(n_cols + reach + 1, real=True)
        spectrum = sf.rfft(pixels, size, axis=1) * sf.rfft(others, size, axis=1).conj()
        agreement = sf.irfft(spectrum, size, axis=1)[:, np.arange(-reach, reach + 1)]
        best = np.clip(agreement.argmax(axis=1), 1, 2 * reach - 1)
        rows = np.arange(len(pixels))
        around = (agreement[rows, best + step] for step in (-1, 0, 1))
        found: FloatArray = best - reach + parabola_vertex(*around)
        return found


def shift_rows(image: Image, shifts: FloatArray) -> FloatArray:
    """Shift rows to the right, by cubic splines; beyond the ends the last pixel is repeated.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    shifts : ndarray of shape (n_rows,)
        How far each row is shifted, in pixels.

    Returns
    -------
    shifted : ndarray of shape (n_rows, n_cols), float64
    """
    rows, cols = np.indices(image.shape, dtype=np.float64)
    # Splines run along rows only, since rows must not mix.
    coefficients = ndimage.spline_filter1d(
        np.asarray(image, dtype=np.float64), 3, axis=1, mode="nearest"
    )
    where = np.clip(cols - shifts[:, None], 0, image.shape[1] - 1)
    return _sample(coefficients, rows.astype(int), where)


def _sample(coefficients: FloatArray, rows: NDArray[np.intp], where: FloatArray) -> FloatArray:
    """Values of the rows' cubic splines at columns `where`."""
    n_cols = coefficients.shape[1]
    base = np.floor(where).astype(int)
    t = where - base
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    total = np.zeros(where.shape)
    for step, weight in zip((-1, 0, 1, 2), weights, strict=True):
        total += weight / 6 * coefficients[rows, np.clip(base + step, 0, n_cols - 1)]
    return total
