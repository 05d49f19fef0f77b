"""Scenes whose focus, thickness, noise, tilt or dose varies across the field, with exact truth.

Each is of 512 px, as a rule, and is worse on its right side than on its left. Atoms are Gaussians
at the columns of a crystal; what varies is followed smoothly from 0 at the left edge to 1 at the
right one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar import Lattice
from logstar.datasets import Scene
from logstar.datasets._grains import SIGMA_SHARE, kind_heights

FloatArray = NDArray[np.float64]

CRYSTALS = {
    "SrTiO3": Lattice.perovskite(3.905, pixel_size=0.2),
    "YBa2Cu3O7": Lattice.ybco(pixel_size=0.2),
}
#: How far atoms are drawn, in their sigma.
_REACH = 5.0


def _columns(crystal: Lattice, side: int, seed: int) -> tuple[FloatArray, FloatArray, Any]:
    """Places and heights of the columns, and of which kind they are."""
    rng = np.random.default_rng(seed)
    heights = kind_heights(crystal, None)
    points, kinds = crystal.positions(
        (side, side),
        origin=tuple(rng.uniform(0, 10, 2)),
        rotation=float(rng.uniform(-12, 12)),
        margin=60.0,
    )
    return points, np.array([heights[str(kind)] for kind in kinds]), kinds


def _render(
    points: FloatArray, heights: FloatArray, along: FloatArray, across: FloatArray, side: int
) -> FloatArray:
    """Add up Gaussians with a sigma along the columns of the image and one across, each."""
    image = np.zeros((side, side))
    for (row, col), height, long, short in zip(points, heights, along, across, strict=True):
        first, last = (
            np.clip(np.array([row, col]) + sign * _REACH * max(long, short) + add, 0, side)
            for sign, add in ((-1, 0), (1, 1))
        )
        rows, cols = (np.arange(int(a), int(b)) for a, b in zip(first, last, strict=True))
        bump_rows = np.exp(-((rows - row) ** 2) / (2 * short**2))
        bump_cols = np.exp(-((cols - col) ** 2) / (2 * long**2))
        image[int(first[0]) : int(last[0]), int(first[1]) : int(last[1])] += height * np.outer(
            bump_rows, bump_cols
        )
    return image


def varying_scene(kind: str, crystal: Lattice, *, side: int = 512, seed: int = 0) -> Scene:
    """Make a scene in which something varies.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    crystal : Lattice
        Of which there is one grain.
    side : int, default=512
        Rows and columns, in pixels.
    seed : int, default=0
        Of place, rotation and noise.

    Returns
    -------
    scene : Scene
        `positions` are those within the image.
    """
    points, heights, kinds = _columns(crystal, side, seed)
    share = np.clip(points[:, 1] / (side - 1), 0, 1)
    sigma = np.full(len(points), SIGMA_SHARE * crystal.nearest_distance)
    rng = np.random.default_rng([seed, 1])
    image = KINDS[kind](points, heights, sigma, share, side, rng)
    inside = ((points >= 0) & (points <= side - 1)).all(axis=1)
    return Scene(
        image=image.astype(np.float32),
        positions=points[inside],
        kinds=kinds[inside],
        lattice=crystal,
        description=kind,
    )


_Maker = Callable[
    [FloatArray, FloatArray, FloatArray, FloatArray, int, np.random.Generator], FloatArray
]


def _noisy(image: FloatArray, level: Any, rng: np.random.Generator) -> FloatArray:
    """Add noise of a standard deviation that is a share of the range of intensities."""
    return image + level * np.ptp(image) * rng.normal(size=image.shape)


def _across(side: int, first: float, last: float) -> FloatArray:
    return np.geomspace(first, last, side)[None, :]


def _uniform(
    points: FloatArray,
    heights: FloatArray,
    sigma: FloatArray,
    share: FloatArray,  # noqa: ARG001 - as of all kinds
    side: int,
    rng: np.random.Generator,
) -> FloatArray:
    return _noisy(_render(points, heights, sigma, sigma, side), 0.3, rng)


def _defocus(
    points: FloatArray,
    heights: FloatArray,
    sigma: FloatArray,
    share: FloatArray,
    side: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Twice as wide at the right edge, with as many electrons."""
    wide = 1 + share
    image = _render(points, heights / wide**2, sigma * wide, sigma * wide, side)
    return _noisy(image, 0.1, rng)


def _thickness(
    points: FloatArray,
    heights: FloatArray,
    sigma: FloatArray,
    share: FloatArray,
    side: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Height 1 at the left edge, .15 at the right one."""
    image = _render(points, heights * (1 - 0.85 * share), sigma, sigma, side)
    return _noisy(image, 0.15, rng)


def _noise(
    points: FloatArray,
    heights: FloatArray,
    sigma: FloatArray,
    share: FloatArray,  # noqa: ARG001 - as of all kinds
    side: int,
    rng: np.random.Generator,
) -> FloatArray:
    image = _render(points, heights, sigma, sigma, side)
    return _noisy(image, _across(side, 0.02, 1.3), rng)


def _tilt(
    points: FloatArray,
    heights: FloatArray,
    sigma: FloatArray,
    share: FloatArray,
    side: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Twice as long along the columns of the image at the right edge, with as many electrons."""
    long = 1 + share
    return _noisy(_render(points, heights / long, sigma * long, sigma, side), 0.2, rng)


def _dose(
    points: FloatArray,
    heights: FloatArray,
    sigma: FloatArray,
    share: FloatArray,  # noqa: ARG001 - as of all kinds
    side: int,
    rng: np.random.Generator,
) -> FloatArray:
    """300 electrons a pixel in the left half, 1.5 in the right one."""
    image = _render(points, heights, sigma, sigma, side) + 0.05
    dose = np.where(np.arange(side) < side // 2, 300.0, 1.5)[None, :] / image.mean()
    return np.asarray(rng.poisson(image * dose) / dose)


def _contamination(
    points: FloatArray,
    heights: FloatArray,
    sigma: FloatArray,
    share: FloatArray,  # noqa: ARG001 - as of all kinds
    side: int,
    rng: np.random.Generator,
) -> FloatArray:
    """A disc, twice as bright as the brightest column, of a soft edge and clouds of its own."""
    image = _render(points, heights, sigma, sigma, side)
    row, col = np.indices((side, side)) - side / 2
    disc = ndimage.gaussian_filter((np.hypot(row, col) < 0.25 * side).astype(float), 6.0)
    clouds = ndimage.gaussian_filter(rng.normal(size=image.shape), 12.0)
    dirt = 2.0 * disc * (1 + 0.2 * clouds / clouds.std())
    return image + dirt + 0.15 * rng.normal(size=image.shape) * np.sqrt(1 + dirt)


KINDS: dict[str, _Maker] = {
    "uniform": _uniform,
    "defocus 1 to 2": _defocus,
    "thickness 1 to .15": _thickness,
    "noise .02 to 1.3": _noise,
    "tilt": _tilt,
    "dose 300 | 1.5": _dose,
    "contaminated disc": _contamination,
}
