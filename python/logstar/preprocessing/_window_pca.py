"""Principal components of all windows of an image, and the filter that they amount to.

The windows of an image at all places, those that reach beyond its edges included (outside, the
image less its mean is zero), have a covariance that depends on the distance of two pixels only: it
is the image's autocovariance. And to project every window on components and to average what comes
back over the windows that hold a pixel is a convolution, with the sum of the components' own
autocorrelations. So no window is ever cut out, and none is left out.

=================  ================================================================
here               meaning
=================  ================================================================
``w``              side of a window in pixels
``q``              modes of the cosine transform along an axis that hold any signal
``mode_powers``    mean square of each of the w x w modes over all windows
``lag_products``   for two modes along an axis, the sum of their product at each lag
=================  ================================================================

References
----------
C. A. Deledalle, J. Salmon, A. S. Dalalyan, Image denoising with patch based PCA: local versus
global, BMVC 2011.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft as sf
from scipy.linalg import eigh
from scipy.special import gammainccinv

from logstar._validation import FloatArray, Image

#: Share of images of noise alone in which a component is taken for signal.
_FALSE_ALARM = 0.01
#: Modes above this share of the highest frequency, along both axes, hold noise only.
_NOISE_SHARE = 0.75
#: Modes and components with less than this share of the strongest one's variance are left out. An
#: image that was filtered before has no noise to compare with, and this bounds them.
_LEAST_SHARE = 1e-4
#: Modes kept beyond the last one that stands out of noise, since components mix neighbouring modes.
_SPARE_MODES = 2


@dataclass(frozen=True)
class WindowPCA:
    """Leading components of the windows, as coefficients of the cosine transform.

    Attributes
    ----------
    window_size : int
        Side of a window, w.
    coefficients : ndarray of shape (n_components, q, q)
        Unit vectors; orthogonal to one another.
    eigenvalues : ndarray of shape (n_components,)
        Variance of the windows along each, falling.
    noise_variance : float
        Variance of the noise in a pixel.
    """

    window_size: int
    coefficients: FloatArray
    eigenvalues: FloatArray
    noise_variance: float

    @property
    def components(self) -> FloatArray:
        """The components as windows, of shape (n_components, w, w)."""
        modes = _cosine_modes(self.window_size)[:, : self.coefficients.shape[1]]
        result: FloatArray = modes @ self.coefficients @ modes.T
        return result

    def kernel(self) -> FloatArray:
        """Kernel of the filter, of shape (2 w - 1, 2 w - 1), its centre in the middle.

        Each component counts with the share of signal in its variance, ``1 - noise / eigenvalue``:
        Wiener's rule for its coefficients.
        """
        n_kept, q, _ = self.coefficients.shape
        weights = np.maximum(0.0, 1.0 - self.noise_variance / self.eigenvalues)
        flat = self.coefficients.reshape(n_kept, q * q)
        # From ((a, b), (c, d)) to ((a, c), (b, d)): the modes of rows, and those of columns.
        mixed = ((flat.T * weights) @ flat).reshape(q, q, q, q).transpose(0, 2, 1, 3)
        products = _lag_products(self.window_size, q)
        kernel: FloatArray = products @ mixed.reshape(q * q, q * q) @ products.T
        return kernel / self.window_size**2


def autocovariance(image: Image, window_size: int, workers: int) -> FloatArray:
    """Autocovariance at lags of less than a window, of shape (2 w - 1, 2 w - 1).

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        A checked image; its mean is taken off.
    window_size : int
        Side of a window in pixels.
    workers : int
        Threads of the Fourier transforms.

    Returns
    -------
    covariance : ndarray of shape (2 w - 1, 2 w - 1)
        Sums of products over all pairs of pixels at each lag, by the number of pixels; lag 0 in
        the middle.
    """
    # In the image's own precision: rounding stays far below `_LEAST_SHARE`.
    pixels = image - image.dtype.type(image.mean(dtype=np.float64))
    shape = [sf.next_fast_len(n + window_size - 1, real=True) for n in image.shape]
    spectrum = sf.rfft2(pixels, shape, workers=workers)
    full = sf.irfft2(spectrum.real**2 + spectrum.imag**2, shape, workers=workers)
    lags = np.arange(1 - window_size, window_size)
    covariance: FloatArray = full[np.ix_(lags, lags)].astype(np.float64) / image.size
    return covariance


def fit_windows(
    covariance: FloatArray, n_pixels: int, most_modes: int, n_components: int | None = None
) -> WindowPCA:
    """Find the leading components.

    Parameters
    ----------
    covariance : ndarray of shape (2 w - 1, 2 w - 1)
        As `autocovariance` gives it.
    n_pixels : int
        How many pixels it was averaged over.
    most_modes : int
        How many cosine modes along an axis can hold signal. It bounds the time: noise that is not
        white, such as that of scan lines, stands out at all frequencies.
    n_components : int, default=None
        How many to keep; None keeps those with a larger variance than noise alone gives, and at
        least one.

    Returns
    -------
    pca : WindowPCA
    """
    window_size = (len(covariance) + 1) // 2
    powers = mode_powers(covariance)
    first_noisy = min(window_size - 1, math.ceil(_NOISE_SHARE * window_size))
    noise = float(powers[first_noisy:, first_noisy:].mean())
    edge = max(noise * noise_edge(n_pixels, window_size), _LEAST_SHARE * float(powers.max()))
    above = np.argwhere(powers > edge)
    q = min(int(above.max()) + 1 + _SPARE_MODES if len(above) else 1, most_modes)
    if n_components is not None:
        q = max(q, math.ceil(math.sqrt(n_components)))
    eigenvalues, coefficients = _eigenvectors(covariance, min(q, window_size))
    if n_components is None:
        least = max(edge, _LEAST_SHARE * float(eigenvalues[0]))
        n_components = max(1, int(np.count_nonzero(eigenvalues > least)))
    kept = min(n_components, int(np.count_nonzero(eigenvalues > 0)))
    return WindowPCA(window_size, coefficients[:kept], eigenvalues[:kept], noise)


def mode_powers(covariance: FloatArray) -> FloatArray:
    """Mean square of the modes of the cosine transform over all windows, of shape (w, w)."""
    window_size = (len(covariance) + 1) // 2
    spectra = np.abs(np.fft.rfft(_cosine_modes(window_size), 2 * window_size, axis=0)) ** 2
    lags = np.arange(1 - window_size, window_size)
    own = np.fft.irfft(spectra, 2 * window_size, axis=0)[lags]
    powers: FloatArray = own.T @ covariance @ own
    return powers


def noise_edge(n_pixels: int, window_size: int) -> float:
    """Largest variance along any direction that white noise of variance 1 gives, at the 1 % level.

    An image holds ``n_pixels / w**2`` windows that share no pixel. The power of a mode of white
    noise, averaged over these windows, has a gamma distribution, like an averaged periodogram. The
    largest of w**2 modes is at the 1 % level where each of them is at 1 % over w**2. Marchenko and
    Pastur's edge does not apply, since the windows overlap: it would be
    ``(1 + w**2 / sqrt(n_pixels))**2``, 116 for windows of 50 px in an image of 256 px, where this
    edge is 2.1 and the largest eigenvalue of noise is 1.6 to 1.7.
    """
    n_windows = n_pixels / window_size**2
    return float(gammainccinv(n_windows, _FALSE_ALARM / window_size**2) / n_windows)


def _eigenvectors(covariance: FloatArray, q: int) -> tuple[FloatArray, FloatArray]:
    """All eigenvalues, falling, and eigenvectors (n, q, q) within the q x q lowest modes."""
    window_size = (len(covariance) + 1) // 2
    products = _lag_products(window_size, q)
    pairs = (products.T @ covariance @ products).reshape(q, q, q, q)
    # From ((a, c), (b, d)), the modes of rows and those of columns, to ((a, b), (c, d)).
    matrix = pairs.transpose(0, 2, 1, 3).reshape(q * q, q * q)
    # Turned by 180 degrees an image has the same autocovariance, so modes of even and of odd
    # order do not mix: two problems of half the size.
    odd = (np.add.outer(np.arange(q), np.arange(q)) % 2 == 1).ravel()
    values, vectors = [], []
    for chosen in (np.flatnonzero(~odd), np.flatnonzero(odd)):
        if len(chosen) == 0:
            continue
        part, basis = eigh(matrix[np.ix_(chosen, chosen)])
        full = np.zeros((len(part), q * q))
        full[:, chosen] = basis.T
        values.append(part)
        vectors.append(full)
    eigenvalues = np.concatenate(values)
    order = np.argsort(-eigenvalues, kind="stable")
    return eigenvalues[order], np.concatenate(vectors)[order].reshape(-1, q, q)


@lru_cache(maxsize=16)
def _cosine_modes(window_size: int) -> FloatArray:
    """The orthonormal cosine modes as columns, of shape (w, w)."""
    modes: FloatArray = sf.idct(np.eye(window_size), type=2, norm="ortho", axis=0)
    modes.setflags(write=False)
    return modes


@lru_cache(maxsize=16)
def _lag_products(window_size: int, q: int) -> FloatArray:
    """Sum of the product of two modes, one of them shifted, of shape (2 w - 1, q * q)."""
    spectra = np.fft.rfft(_cosine_modes(window_size)[:, :q], 2 * window_size, axis=0)
    pairs = spectra[:, :, None] * spectra.conj()[:, None, :]
    lags = np.arange(1 - window_size, window_size)
    products = np.fft.irfft(pairs, 2 * window_size, axis=0)[lags].reshape(-1, q * q)
    products.setflags(write=False)
    return products
