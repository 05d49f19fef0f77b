"""Scenes whose focus, thickness, noise, tilt or dose varies across the field, with exact truth.

Atoms are Gaussians at the columns of a crystal. What varies does so from the left edge of the image
to the right one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

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
    """Places, heights and kinds of the columns."""
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


class _Columns(NamedTuple):
    """Columns before they are drawn, and how far each is on the way to the right edge."""

    points: FloatArray
    heights: FloatArray
    sigma: FloatArray
    share: FloatArray
    side: int

    def draw(
        self,
        heights: Any = 1.0,
        along: Any = 1.0,
        across: Any = 1.0,
        sigma: FloatArray | None = None,
    ) -> FloatArray:
        """Draw them, changed by factors of height and of width along rows and columns."""
        ones = np.ones(len(self.points))
        wide = self.sigma if sigma is None else sigma
        return _render(
            self.points,
            self.heights * heights,
            wide * along * ones,
            wide * across * ones,
            self.side,
        )


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
    if kind in PARTLY_EMPTY:
        there = points[:, 1] < CRYSTAL_SHARE * side
        points, heights, kinds = points[there], heights[there], kinds[there]
    columns = _Columns(
        points,
        heights,
        np.full(len(points), SIGMA_SHARE * crystal.nearest_distance),
        np.clip(points[:, 1] / (side - 1), 0, 1),
        side,
    )
    image = KINDS[kind](columns, np.random.default_rng([seed, 1]))
    inside = ((points >= 0) & (points <= side - 1)).all(axis=1)
    return Scene(
        image=image.astype(np.float32),
        positions=points[inside],
        kinds=kinds[inside],
        lattice=crystal,
        description=kind,
    )


def mask_of(kind: str, side: int = 512) -> NDArray[np.bool_] | None:
    """Where there is crystal, of a scene that is partly empty."""
    if kind not in PARTLY_EMPTY:
        return None
    return np.broadcast_to(np.arange(side) < CRYSTAL_SHARE * side, (side, side)).copy()


def _noisy(image: FloatArray, level: Any, rng: np.random.Generator) -> FloatArray:
    """Add noise of a standard deviation that is a share of the range of intensities."""
    return image + level * np.ptp(image) * rng.normal(size=image.shape)


def _uniform(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    return _noisy(columns.draw(), 0.3, rng)


def _defocus(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    """From sharp columns, of .15 of their distance, to twice as wide, with as many electrons."""
    wide = 1 + columns.share
    sharp = 0.15 / SIGMA_SHARE * wide
    return _noisy(columns.draw(wide**-2, sharp, sharp), 0.1, rng)


def _strong_defocus(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    """The same from columns of .18 of their distance: at the right edge the weak ones vanish."""
    wide = 1 + columns.share
    return _noisy(columns.draw(wide**-2, wide, wide), 0.1, rng)


def _thickness(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    """Height 1 at the left edge, .15 at the right one."""
    return _noisy(columns.draw(1 - 0.85 * columns.share), 0.15, rng)


def _noise(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    return _noisy(columns.draw(), np.geomspace(0.02, 1.3, columns.side)[None, :], rng)


def _tilt(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    """Twice as long along the rows of the image at the right edge, with as many electrons."""
    long = 1 + columns.share
    return _noisy(columns.draw(1 / long, long), 0.2, rng)


def _dose(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    """300 electrons a pixel in the left half, 1.5 in the right one."""
    image = columns.draw() + 0.05
    is_left = np.arange(columns.side) < columns.side // 2
    dose = np.where(is_left, 300.0, 1.5)[None, :] / image.mean()
    return np.asarray(rng.poisson(image * dose) / dose)


def _contamination(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    """A disc, twice as bright as the brightest column, of a soft edge and clouds of its own."""
    image = columns.draw()
    row, col = np.indices(image.shape) - columns.side / 2
    is_inside = np.hypot(row, col) < 0.25 * columns.side
    clouds = ndimage.gaussian_filter(rng.normal(size=image.shape), 12.0)
    dirt = 2.0 * ndimage.gaussian_filter(is_inside.astype(float), 6.0)
    dirt *= 1 + 0.2 * clouds / clouds.std()
    return image + dirt + 0.15 * rng.normal(size=image.shape) * np.sqrt(1 + dirt)


def _half_empty(columns: _Columns, rng: np.random.Generator) -> FloatArray:
    """Beside the crystal a support with maxima as wide as columns, and a third as high."""
    grain = ndimage.gaussian_filter(rng.normal(size=(columns.side,) * 2), columns.sigma[0])
    grain *= (np.arange(columns.side) >= CRYSTAL_SHARE * columns.side) / grain.std()
    return _noisy(columns.draw() + 0.15 * grain, 0.1, rng)


KINDS: dict[str, Callable[[_Columns, np.random.Generator], FloatArray]] = {
    "uniform, noise .3": _uniform,
    "defocus 1 to 2": _defocus,
    "strong defocus": _strong_defocus,
    "thickness 1 to .15": _thickness,
    "noise .02 to 1.3": _noise,
    "tilt": _tilt,
    "dose 300 | 1.5": _dose,
    "contaminated disc": _contamination,
    "crystal in 60 %": _half_empty,
}
#: Kinds with crystal in a part of the field only, and how large that part is.
PARTLY_EMPTY, CRYSTAL_SHARE = ("crystal in 60 %",), 0.6
