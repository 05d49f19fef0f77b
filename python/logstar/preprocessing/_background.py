"""Removal of slow changes of intensity."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.polynomial import polynomial
from scipy import ndimage

from logstar._validation import FloatArray, Image, check_integer, check_real

from ._base import ImageTransformer, in_precision_of
from ._spacing import image_spacing

_METHODS = ("gaussian", "rolling_ball", "morphological", "polynomial")
#: What is larger than this many spacings of the image counts as background.
_SIZE_SPACINGS = 2.0


class BackgroundSubtractor(ImageTransformer):
    """Subtract slow changes of intensity: thickness, contamination, uneven support.

    Parameters
    ----------
    method : {"gaussian", "rolling_ball", "morphological", "polynomial"}, default="gaussian"
        What the background is: the image blurred by a Gaussian; what a ball rolled beneath it
        touches (`skimage.restoration.rolling_ball`); its opening by a square, smoothed
        (`scipy.ndimage.grey_opening`); a polynomial fitted by least squares. Balls and openings
        follow the darkest pixels: denoise before.
    size : float or "auto", default="auto"
        The Gaussian's standard deviation, the ball's radius, half the square's side, in pixels.
        "auto" is twice the distance at which the image repeats itself.
    degree : int, default=2
        Degree of the polynomial in rows and columns together.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.preprocessing import BackgroundSubtractor
    >>> slope = np.add.outer(np.arange(32.0), np.arange(48.0))
    >>> flat = BackgroundSubtractor("polynomial", degree=1).fit_transform(slope)
    >>> bool(abs(flat).max() < 1e-9)
    True
    """

    def __init__(
        self,
        method: Literal["gaussian", "rolling_ball", "morphological", "polynomial"] = "gaussian",
        *,
        size: float | Literal["auto"] = "auto",
        degree: int = 2,
    ) -> None:
        self.method = method
        self.size = size
        self.degree = degree

    def _check_parameters(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(f"method must be one of {_METHODS}, got {self.method!r}.")
        if self.size != "auto":
            check_real(self.size, name="size", low=1)
        check_integer(self.degree, name="degree", low=0)

    def _transform_image(self, image: Image) -> Image:
        pixels = np.asarray(image, dtype=np.float64)
        return in_precision_of(image, pixels - self._background(pixels))

    def _background(self, pixels: FloatArray) -> FloatArray:
        if self.method == "polynomial":
            return _polynomial(pixels, int(self.degree))
        size = _SIZE_SPACINGS * image_spacing(pixels) if self.size == "auto" else float(self.size)
        background: FloatArray
        if self.method == "gaussian":
            background = ndimage.gaussian_filter(pixels, size)
        elif self.method == "rolling_ball":
            from skimage.restoration import rolling_ball  # noqa: PLC0415 - slow to import

            # The ball is as high as it is wide, so intensities are scaled to its size.
            low, spread = float(pixels.min()), float(np.ptp(pixels)) or 1.0
            ball = rolling_ball((pixels - low) * (size / spread), radius=size)
            background = ball * (spread / size) + low
        else:
            opened = ndimage.grey_opening(pixels, size=(2 * round(size) + 1,) * 2)
            background = ndimage.gaussian_filter(opened, size)
        return background


def _polynomial(image: FloatArray, degree: int) -> FloatArray:
    rows, cols = (np.linspace(-1, 1, n) for n in image.shape)
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    by_row = polynomial.polyvander(rows, degree)
    by_col = polynomial.polyvander(cols, degree)
    # The normal equations are made of products along both axes. A matrix with a row for each pixel
    # would not fit into memory.
    moments = by_row.T @ image @ by_col
    gram_rows, gram_cols = by_row.T @ by_row, by_col.T @ by_col
    gram = np.array([[gram_rows[i, k] * gram_cols[j, m] for k, m in powers] for i, j in powers])
    weights = np.zeros((degree + 1, degree + 1))
    solution = np.linalg.lstsq(gram, np.array([moments[i, j] for i, j in powers]), rcond=None)[0]
    weights[tuple(np.array(powers).T)] = solution
    fitted: FloatArray = by_row @ weights @ by_col.T
    return fitted
