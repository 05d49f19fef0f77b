"""Denoising by a Gaussian."""

from __future__ import annotations

from scipy import ndimage

from logstar._validation import Image, check_real

from ._base import ImageTransformer


class GaussianDenoiser(ImageTransformer):
    """Blur the image with a Gaussian; `scipy.ndimage.gaussian_filter`.

    A Laplacian of Gaussian blurs already: before a `LoGStarDetector` it only widens atoms.

    Parameters
    ----------
    sigma : float, default=1.0
        Standard deviation in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.preprocessing import GaussianDenoiser
    >>> noise = np.random.default_rng(0).normal(size=(64, 64))
    >>> bool(GaussianDenoiser(sigma=2.0).fit_transform(noise).std() < 0.2)
    True
    """

    def __init__(self, sigma: float = 1.0) -> None:
        self.sigma = sigma

    def _check_parameters(self) -> None:
        check_real(self.sigma, name="sigma", low=0, low_included=False)

    def _transform_image(self, image: Image) -> Image:
        result: Image = ndimage.gaussian_filter(image, float(self.sigma))
        return result
