"""How bright and how rich in contrast each place of an image is, by what its crystal is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._numerics import MAD_TO_SIGMA
from logstar._validation import FloatArray, Image

#: Sigma of the averages, in spacings of atoms.
_AVERAGING = 0.93
#: Rounds of the fit of the crystal's intensity, and the share of the median residual below which
#: residuals count alike.
_ROUNDS, _LEAST = 8, 0.1
#: What deviates from the fit by more standard deviations, by the median absolute deviation, is no
#: longer fitted.
_FAR = 3.0
#: Intensities of the crystal are foretold from contrasts up to so many times the usual one.
_MOST_CONTRAST = 1.2


class Brightness(NamedTuple):
    """Contrast and brightness on the grid, in units of the contrast of the crystal.

    Attributes
    ----------
    contrast : ndarray of shape (n_coarse_rows, n_coarse_cols)
        Standard deviation of the intensity about its average nearby, beyond that of noise: about 1
        where there are atoms like the crystal's.
    excess : ndarray of shape (n_coarse_rows, n_coarse_cols)
        Average intensity less what the crystal has at places of this contrast.
    """

    contrast: FloatArray
    excess: FloatArray


def noise_squares(image: Image, step: int) -> NDArray[np.float64]:
    """Variance of white noise at each point of the grid, by second differences; a rough estimate.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    step : int
        Distance of points of the grid in pixels.

    Returns
    -------
    squares : ndarray of shape (n_coarse_rows, n_coarse_cols)
        To be averaged: the mean over many points is the variance.
    """
    padded = np.pad(image, 1, mode="reflect")
    n_rows, n_cols = image.shape
    total = np.zeros((len(range(0, n_rows, step)), len(range(0, n_cols, step))))
    for i, row_weight in enumerate((1, -2, 1)):
        for j, col_weight in enumerate((1, -2, 1)):
            part = padded[i : i + n_rows : step, j : j + n_cols : step]
            total += np.multiply(part, row_weight * col_weight, dtype=np.float64)
    return np.asarray(total**2 / 36)  # the sum of the weights' squares


def measure_brightness(
    smooth: FloatArray,
    noise: FloatArray,
    spacing: float,
    is_crystal: NDArray[np.bool_],
    is_other: NDArray[np.bool_] | None = None,
) -> Brightness | None:
    """Measure contrast and brightness.

    Parameters
    ----------
    smooth : ndarray of shape (n_coarse_rows, n_coarse_cols)
        The smoothed image on the grid.
    noise : ndarray of shape (n_coarse_rows, n_coarse_cols)
        Variance of its noise, yet to be averaged.
    spacing : float
        Of atoms, in points of the grid.
    is_crystal : ndarray of shape (n_coarse_rows, n_coarse_cols), bool
        Where the crystal is, roughly.
    is_other : ndarray of shape (n_coarse_rows, n_coarse_cols), bool, default=None
        Where other grains are, which may all be brighter or darker than the crystal; None is
        nowhere.

    Returns
    -------
    brightness : Brightness or None
        None where the crystal has no contrast.
    """
    sigma = _AVERAGING * spacing
    average = ndimage.gaussian_filter(smooth, sigma)
    square = ndimage.gaussian_filter((smooth - average) ** 2, sigma)
    square -= ndimage.gaussian_filter(noise, sigma)
    contrast = np.sqrt(square.clip(0))
    # A point for each atom does to fit a smooth surface.
    thin = (slice(None, None, max(1, int(spacing))),) * 2
    crystal = is_crystal[thin] & (contrast[thin] > 0)
    if not crystal.any():
        return None
    usual = float(np.median(contrast[thin][crystal]))
    # Of a crystal in vacuum, windows at its edge are half empty.
    crystal &= contrast[thin] > 0.5 * usual
    usual = float(np.median(contrast[thin][crystal]))
    contrast /= usual
    if is_other is None or not is_other.any():
        foretold = _foretold(average, contrast, crystal, thin)
    else:
        grains = crystal | (is_other[thin] & (contrast[thin] > 0.5))
        level = ndimage.gaussian_filter(is_other.astype(np.float64), sigma)
        foretold = _foretold(average, contrast, grains, thin, level)
    return Brightness(contrast, (average - foretold) / usual)


def _foretold(
    average: FloatArray,
    contrast: FloatArray,
    crystal: NDArray[np.bool_],
    thin: tuple[slice, ...],
    other: FloatArray | None = None,
) -> FloatArray:
    """Intensity of the crystal at each point, by place and contrast.

    A quadratic of the place, for uneven illumination and thickness, and a multiple of the contrast,
    since thicker and heavier crystals have more of both. Other grains, averaged like the
    intensity, have a level of their own.
    """
    n_rows, n_cols = average.shape
    row, col = np.linspace(-1, 1, n_rows)[:, None], np.linspace(-1, 1, n_cols)[None, :]
    capped = np.minimum(contrast, _MOST_CONTRAST)
    levels = [np.ones_like(row), capped]
    if other is not None:
        levels.append(other)
    terms = [*levels, row, col, row * col, row**2, col**2]
    n_plane = len(levels) + 2
    # A small particle tells nothing of a surface.
    if crystal.mean() < 0.25:
        terms = levels
    table = np.column_stack([np.broadcast_to(term, average.shape)[thin][crystal] for term in terms])
    values = average[thin][crystal]
    # First by a plane, which cannot bend around contamination as a quadratic can.
    factors = np.zeros(len(terms))
    weights = np.ones(len(values))
    for _ in range(_ROUNDS):
        # Weights by one over the residual make the sum of squares one of absolute residuals.
        roots = np.sqrt(weights)[:, None]
        plane = np.linalg.lstsq(table[:, :n_plane] * roots, values * roots[:, 0], rcond=None)[0]
        size = np.abs(values - table[:, :n_plane] @ plane)
        weights = 1 / np.maximum(size, _LEAST * float(np.median(size)) + np.finfo(np.float64).tiny)
    factors[: len(plane)] = plane
    residuals = values - table @ factors
    for _ in range(_ROUNDS):
        spread = MAD_TO_SIGMA * float(np.median(np.abs(residuals)))
        used = np.abs(residuals) <= _FAR * spread
        if used.sum() < 2 * len(terms):
            break
        factors = np.linalg.lstsq(table[used], values[used], rcond=None)[0]
        residuals = values - table @ factors
    low, high = np.quantile(table @ factors, [0, 1])
    total = sum(factor * term for factor, term in zip(factors, terms, strict=True))
    return np.asarray(np.clip(np.broadcast_to(total, average.shape), low, high))
