"""Rewards of images alone: how sharp and how clear they are, before any atom is found."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from scipy import fft

from logstar._validation import FloatArray, Image, as_image_list
from logstar.preprocessing._noise import noise_level

from ._base import Reward


class ImageReward(Reward):
    """A reward of images, averaged over them; greater is better, without a bound."""

    greater_is_better: ClassVar[bool] = True
    #: There is no best conceivable value: distances are measured from the best that was seen.
    ideal: float | None = None
    scale: float | None = None

    def __call__(self, estimator: Any, X: Any, y: object = None) -> float:  # noqa: ARG002
        """Score images, averaged over them; of a transformer, the images that it makes of `X`."""
        transform = getattr(estimator, "transform", None)
        return self._score(self.measure(X if transform is None else transform(X)))

    def measure(self, X: Any) -> float | FloatArray:
        """Measure one image or a stack.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_cols) or (n_images, n_rows, n_cols), or list of images
            Intensities.

        Returns
        -------
        measure : float, or ndarray of shape (n_images,) for a stack
            The quantity; 0 for a constant image.

        Raises
        ------
        TypeError, ValueError
            For what is no image; for a quantity that is divided by the mean intensity, also if
            that is not above 0.
        """
        images, is_stack = as_image_list(X)
        measures = np.array(
            [0.0 if image.min() == image.max() else self._measure(image) for image in images]
        )
        return measures if is_stack else float(measures[0])

    @abstractmethod
    def _measure(self, image: Image) -> float:
        """Measure one image that is not constant."""


class NormalizedVariance(ImageReward):
    """Variance of the intensities over the square of their mean.

    ``V = mean((I - m)^2) / m^2`` with ``m = mean(I)``. The sharper the probe, the higher the atoms
    and the darker the gaps between them. It does not depend on gain, but on the detector's dark
    level, which is to be subtracted before, and on noise: N counted electrons a pixel add 1 / N, so
    compare frames of one dose. Contamination and thickness that vary raise it too.

    See Also
    --------
    FourierSharpness : Leaves out what is white noise, and counts fine detail more.

    References
    ----------
    F. C. A. Groen, I. T. Young, G. Ligthart, Cytometry 6 (1985) 81; M. E. Rudnaya,
    R. M. M. Mattheij, J. M. L. Maubach, J. Microsc. 240 (2010) 38, who divide by the mean and by
    nothing; the square of the mean makes it free of the unit of intensity.

    Examples
    --------
    >>> from logstar.rewards import NormalizedVariance
    >>> NormalizedVariance().measure([[1.0, 3.0], [3.0, 1.0]])
    0.25
    """

    def _measure(self, image: Image) -> float:
        pixels, mean = _centred(image, "NormalizedVariance")
        return float(np.mean(pixels**2)) / mean**2


class FourierSharpness(ImageReward):
    """Power of the image's gradient over the square of the mean, without that of white noise.

    ``S = sum over 0 < |q| <= 1/2 of |q|^2 (P(q) - N) / m^2``, where q is the spatial frequency in
    cycles per pixel, P the power spectrum of the image less its mean m under a Hann window (its sum
    over all q is the windowed mean square), and N the mean of P at ``|q| > 1/2``, in the corners of
    the spectrum, where only white noise is if atoms are sampled well. Fine detail counts most;
    noise changes what it scatters by, not its mean. Below 0 in noise alone half of the time.

    See Also
    --------
    NormalizedVariance : Cheaper, and raised by noise.

    References
    ----------
    N. Baba, K. Terayama, T. Yoshimizu, N. Ichise, N. Tanaka, J. Electron Microsc. 50 (2001) 163;
    M. E. Rudnaya, R. M. M. Mattheij, J. M. L. Maubach, J. Microsc. 240 (2010) 38 (sharpness from
    the Fourier transform and from derivatives).

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import FourierSharpness
    >>> phase = 2 * np.pi * np.arange(512) * np.ones((512, 1))
    >>> coarse, fine = (1 + 0.5 * np.cos(q * phase) for q in (1 / 16, 1 / 8))
    >>> FourierSharpness().measure(fine) / FourierSharpness().measure(coarse)
    4.0
    """

    def _measure(self, image: Image) -> float:
        pixels, mean = _centred(image, "FourierSharpness")
        rows, cols = (np.hanning(length + 2)[1:-1] for length in pixels.shape)
        window = np.outer(rows, cols)
        # What the window makes of the mean that is left would look like coarse structure.
        pixels = window * (pixels - np.sum(window * pixels) / window.sum())
        power = np.abs(fft.rfft2(pixels)) ** 2 / (pixels.size * np.sum(window**2))
        # Of a real image half of the spectrum says all; the columns between the first and the
        # Nyquist frequency stand for two.
        counted = np.full(power.shape[1], 2.0)
        counted[0] = 1.0
        if pixels.shape[1] % 2 == 0:
            counted[-1] = 1.0
        squared = (
            fft.fftfreq(pixels.shape[0])[:, np.newaxis] ** 2 + fft.rfftfreq(pixels.shape[1]) ** 2
        )
        weights = np.broadcast_to(counted, power.shape)
        corners = squared > 0.25
        n_corners = float(weights[corners].sum())
        floor = float((weights * power)[corners].sum()) / n_corners if n_corners else 0.0
        moment = np.sum((weights * squared * (power - floor))[~corners])
        return float(moment) / mean**2


class ContrastToNoise(ImageReward):
    """Root mean square contrast over noise.

    ``C = sqrt(max(0, V - s^2)) / s``, where V is the variance of the intensities and s the standard
    deviation of white noise in a pixel, read off second differences. It needs neither gain nor dark
    level, and it is 0 in noise alone. At one dose it says what `NormalizedVariance` says; between
    doses, dwell times and detectors it says which frame shows atoms more clearly.

    References
    ----------
    E. Peli, J. Opt. Soc. Am. A 7 (1990) 2032 (root mean square contrast); J. Immerkaer, Comput.
    Vis. Image Underst. 64 (1996) 300 (noise).

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import ContrastToNoise
    >>> rng = np.random.default_rng(0)
    >>> x = np.arange(256)
    >>> stripes = np.cos(2 * np.pi * x / 32) * np.ones((256, 1))
    >>> round(ContrastToNoise().measure(stripes + rng.normal(0, 0.5, stripes.shape)), 1)
    1.4
    """

    def _measure(self, image: Image) -> float:
        pixels = np.asarray(image, dtype=np.float64)
        # Rounding is the least noise that an image can have; a plane would show none.
        least = np.finfo(np.float64).eps * float(np.abs(pixels).max())
        noise = max(noise_level(pixels), least)
        return math.sqrt(max(0.0, float(pixels.var()) - noise**2)) / noise


def _centred(image: Image, name: str) -> tuple[FloatArray, float]:
    """Return the image less its mean, and the mean."""
    pixels = np.asarray(image, dtype=np.float64)
    mean = float(pixels.mean())
    if mean <= 0:
        raise ValueError(
            f"{name} divides by the mean intensity, which must be above 0, got {mean:g}; subtract "
            "the detector's dark level, not the mean."
        )
    return pixels - mean, mean
