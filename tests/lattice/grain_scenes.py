"""Scenes of several grains with exact truth, made without the package's own simulator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar.lattice import Column, Lattice


class GrainScene(NamedTuple):
    """An image, its atoms (row, col), the true grain of each pixel and of each atom."""

    image: NDArray[np.float64]
    atoms: NDArray[np.float64]
    labels: NDArray[np.intp]
    grain_of_atoms: NDArray[np.intp]


def perovskite(a: float = 20.0) -> Lattice:
    columns = (Column("A", "Au", 0, 0, weight=1), Column("B", "Au", 0.5, 0.5, weight=0.45))
    return Lattice(a, a, columns=columns, pixel_size=None)


def hexagonal(a: float = 14.0) -> Lattice:
    return Lattice(a, a, 120, columns=(Column("A", "Au", 0, 0),), pixel_size=None)


def fcc_110(b: float = 14.0) -> Lattice:
    columns = (Column("A", "Au", 0, 0), Column("B", "Au", 0.5, 0.5))
    return Lattice(b * np.sqrt(2), b, columns=columns, pixel_size=None)


def half(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The left half, its edge inclined by ten degrees."""
    rows, cols = np.indices(shape)
    return cols - shape[1] / 2 + 0.17 * (rows - shape[0] / 2) < 0


def compose(
    shape: tuple[int, int],
    grains: list[tuple[Lattice, float, NDArray[np.bool_]]],
    noise: float = 0.1,
    seed: int = 0,
) -> GrainScene:
    """Sum Gaussian atoms of crystals, each (lattice, rotation, mask); none closer than 0.75."""
    rng = np.random.default_rng(seed)
    atoms, heights, owners, sigmas = (np.empty((0, 2)), *(np.empty(0) for _ in range(3)))
    labels = np.zeros(shape, dtype=np.intp)
    for number, (lattice, rotation, mask) in enumerate(grains, start=1):
        labels[mask] = number
        row, col = rng.uniform(0, 100, size=2)
        points, kinds = lattice.positions(shape, origin=(row, col), rotation=rotation, margin=10)
        at = np.clip(np.rint(points).astype(int), 0, np.array(shape) - 1)
        kept = mask[tuple(at.T)]
        if len(atoms):
            kept &= KDTree(atoms).query(points)[0] > 0.75 * lattice.nearest_distance
        weights = lattice.relative_intensities()
        atoms = np.vstack([atoms, points[kept]])
        heights = np.append(heights, [weights[str(kind)] for kind in kinds[kept]])
        owners = np.append(owners, np.full(kept.sum(), number))
        sigmas = np.append(sigmas, np.full(kept.sum(), 0.18 * lattice.nearest_distance))
    image = np.zeros(shape)
    for (row, col), height, sigma in zip(atoms, heights, sigmas, strict=True):
        reach = int(5 * sigma) + 1
        rows, cols = (
            np.arange(max(0, int(x) - reach), min(size, int(x) + reach + 1))
            for x, size in zip((row, col), shape, strict=True)
        )
        squares = (rows[:, None] - row) ** 2 + (cols - col) ** 2
        image[np.ix_(rows, cols)] += height * np.exp(-squares / (2 * sigma**2))
    image += noise * np.ptp(image) * rng.normal(size=shape)
    inside = ((atoms >= 0) & (atoms <= np.array(shape) - 1)).all(axis=1)
    return GrainScene(image, atoms[inside], labels, owners[inside].astype(np.intp))


def overlaps(true: NDArray[np.intp], found: NDArray[np.intp]) -> list[float]:
    """For each true grain, the best intersection over union with a found one."""
    return [
        max(
            (
                float(
                    ((true == one) & (found == other)).sum()
                    / ((true == one) | (found == other)).sum()
                )
                for other in range(1, found.max() + 1)
            ),
            default=0.0,
        )
        for one in range(1, true.max() + 1)
    ]
