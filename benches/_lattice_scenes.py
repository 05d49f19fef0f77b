"""Scenes whose lattice is known, or that have to be refused, for `lattice_from_image`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar.datasets import make_scene
from logstar.lattice import Column, Lattice

#: Of all scenes: the cell is sheared by this share, in a direction that is drawn.
SHEAR = 0.05
NOISES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5)
SHAPE = (256, 256)
#: Shapes beside the square one, powers of two and others, up to those of real micrographs.
SHAPES = ((128, 128), (160, 300), (384, 384), (509, 512), (1024, 1024))
#: Amplitude of a slow distortion of the scan, in pixels, along rows and along columns.
DRIFT = 2.5
LATTICES = {
    "YBCO [100]": Lattice.ybco(0.2),
    "perovskite": Lattice.perovskite(3.905, 0.2),
    "MoSe2": Lattice(
        3.16,
        3.16,
        120,
        columns=(Column("Mo", "Mo", 1 / 3, 2 / 3), Column("Se", "Se", 2 / 3, 1 / 3)),
        pixel_size=0.15,
    ),
    "oblique": Lattice(4.2, 5.1, 75, columns=(Column("A", "Au", 0, 0),), pixel_size=0.25),
}


@dataclass(frozen=True, eq=False)
class LatticeScene:
    """An image; `lattice` and `rotation` are the truth, None where there is no one lattice."""

    name: str
    image: NDArray[np.floating]
    lattice: Lattice | None
    rotation: float = 0.0


def sheared(lattice: Lattice, shear: float, direction: float) -> Lattice:
    """The lattice after a simple shear along a direction, in radians."""
    angle = math.radians(lattice.angle)
    edges = np.array([[lattice.a, 0], [lattice.b * math.cos(angle), lattice.b * math.sin(angle)]])
    along = np.array([math.cos(direction), math.sin(direction)])
    across = np.array([-along[1], along[0]])
    edges = edges + shear * np.outer(edges @ across, along)
    a, b = np.linalg.norm(edges, axis=1)
    angle = math.degrees(math.acos(edges[0] @ edges[1] / (a * b)))
    return Lattice(a, b, angle, columns=lattice.columns, pixel_size=lattice.pixel_size)


def scenes(
    names: dict[str, Lattice] = LATTICES, noises: tuple[float, ...] = NOISES, seed: int = 0
) -> Iterator[LatticeScene]:
    """Yield scenes with any rotation, for each lattice and noise one."""
    rng = np.random.default_rng(seed)
    for name, lattice in names.items():
        for index, noise in enumerate(noises):
            yield _scene(f"{name}, noise {noise}", lattice, SHAPE, noise, rng, index)


def further_scenes(seed: int = 1) -> Iterator[LatticeScene]:
    """Yield scenes of other shapes, distorted ones, and ones that have to be refused."""
    rng = np.random.default_rng(seed)
    for shape in SHAPES:
        for name in ("perovskite", "YBCO [100]"):
            yield _scene(f"{name}, {shape[0]} x {shape[1]}", LATTICES[name], shape, 0.2, rng, 7)
    for name, lattice in LATTICES.items():
        for noise in (0.0, 0.3):
            even = _scene(f"{name}, distorted, noise {noise}", lattice, SHAPE, noise, rng, 8)
            yield LatticeScene(even.name, _distorted(even.image), even.lattice, even.rotation)
    for angle in (5.0, 27.0):
        one, other = (
            make_scene(LATTICES["perovskite"], SHAPE, rotation=a, noise=0.1, random_state=0).image
            for a in (angle, angle + 20)
        )
        grains = np.where(np.arange(SHAPE[1]) < SHAPE[1] // 2, one, other)
        yield LatticeScene(f"two grains at {angle}", grains, None)
    one, other = (
        make_scene(LATTICES[name], SHAPE, noise=0.1, random_state=0).image
        for name in ("perovskite", "MoSe2")
    )
    phases = np.where(np.arange(SHAPE[0])[:, None] < SHAPE[0] // 2, one, other)
    yield LatticeScene("two phases", phases, None)
    for shape in ((128, 128), (256, 256), (200, 90), (512, 512)):
        yield LatticeScene(f"noise alone, {shape[0]} x {shape[1]}", rng.normal(size=shape), None)
    blurred = ndimage.gaussian_filter(rng.normal(size=SHAPE), 2.0)
    yield LatticeScene("blurred noise", blurred, None)


def _scene(
    name: str,
    lattice: Lattice,
    shape: tuple[int, int],
    noise: float,
    rng: np.random.Generator,
    seed: int,
) -> LatticeScene:
    rotation = float(rng.uniform(0, 90))
    true = sheared(lattice, SHEAR, float(rng.uniform(0, math.pi)))
    scene = make_scene(true, shape, rotation=rotation, noise=noise, random_state=seed)
    return LatticeScene(name, scene.image, true, rotation)


def _distorted(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """One period of a cosine along each axis: it has no mean strain, so the lattice stays."""
    rows, cols = (np.arange(size) for size in image.shape)
    shift_r = DRIFT * np.cos(2 * np.pi * cols / image.shape[1])[None, :]
    shift_c = DRIFT * np.cos(2 * np.pi * rows / image.shape[0])[:, None]
    places = np.broadcast_arrays(rows[:, None] + shift_r, cols[None, :] + shift_c)
    return np.asarray(ndimage.map_coordinates(image, places, order=3, mode="mirror"))
