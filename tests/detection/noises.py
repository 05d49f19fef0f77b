"""Images without any atom, of the kinds of noise that microscopes have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Names of the kinds; of "poisson-5" the number is electrons a pixel.
KINDS = (
    "white",
    "smooth",
    "1/f",
    "poisson-50",
    "poisson-5",
    "poisson-1",
    "poisson-0.3",
    "row-offset",
    "row-shift",
    "ramp",
)


def noise_image(kind: str, shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """Make an image of one kind of noise."""
    rng = np.random.default_rng(seed)
    name, _, number = kind.partition("-")
    if name == "poisson":
        return rng.poisson(float(number), shape).astype(np.float64)
    white = rng.normal(0, 1, shape)
    if kind == "smooth":
        return ndimage.gaussian_filter(white, 1.5)
    if kind == "1/f":
        frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij"))
        frequency[0, 0] = np.inf
        return np.fft.ifft2(np.fft.fft2(white) / frequency).real
    if kind == "row-offset":
        return white + rng.normal(0, 0.5, (shape[0], 1))
    if kind == "row-shift":
        smooth = ndimage.gaussian_filter(white, 1.5)
        steps = rng.integers(-1, 2, len(smooth))
        return np.array([np.roll(row, step) for row, step in zip(smooth, steps, strict=True)])
    if kind == "ramp":
        return white * np.linspace(0.2, 2.0, shape[1])
    return white


def single_atoms(
    n: int, shape: tuple[int, int], *, sigma: float = 3.0, height: float = 2.0, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Atoms at random places, at least six sigmas apart, on an uneven support with white noise."""
    rng = np.random.default_rng(seed)
    places: list[NDArray[np.float64]] = []
    while len(places) < n:
        place = rng.uniform(4 * sigma, np.array(shape) - 4 * sigma)
        if all(np.hypot(*(place - other)) > 6 * sigma for other in places):
            places.append(place)
    rows, cols = np.indices(shape)
    image = 3 * ndimage.gaussian_filter(rng.normal(0, 40, shape), 40) + rng.normal(0, 1, shape)
    for row, col in places:
        image += height * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * sigma**2))
    return image, np.array(places)
