"""Sections of the report on what an image is asked: its lattice, significance, damage, quality."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _cpu import section_by_size
from _section import Plan, Section

from logstar import Lattice
from logstar.datasets import Scene, make_scene, make_typical_scene
from logstar.detection import atom_significance
from logstar.lattice import ImageLattice, find_grains
from logstar.rewards import quality_report
from logstar.segmentation import AmorphousGMMSegmenter

PIXEL_SIZE = 0.2


def lattice(plan: Plan) -> Section:
    return section_by_size(
        "Lattice of an image",
        "lattice",
        "A perovskite rotated by 11 degrees, noise 0.2; `ImageLattice.from_image(image)`. No peer "
        "finds the lattice of an image by itself.",
        _finding,
        plan.images,
    )


def significance(plan: Plan) -> Section:
    return section_by_size(
        "Significance of the atoms of a crystal",
        "significance",
        "The same image and its true atoms; "
        "`atom_significance(image, atoms, remove_neighbors=True)`. There is no peer.",
        _comparing,
        plan.images,
    )


def damage(plan: Plan) -> Section:
    return section_by_size(
        "Map of damage, the atoms given",
        "damage",
        "YBa2Cu3O7 with two amorphous pockets, noise 0.05; "
        "`AmorphousGMMSegmenter.fit(image, positions=...)`. There is no peer.",
        _mapping,
        plan.images,
    )


def quality(plan: Plan) -> Section:
    return section_by_size(
        "Quality report",
        "quality",
        "YBa2Cu3O7, noise 0.05, the image's lattice and all atoms but four given. There is no "
        "peer.",
        _reporting,
        plan.images,
    )


def grains(plan: Plan) -> Section:
    return section_by_size(
        "Grains of an image",
        "grains",
        "A five-fold twinned particle of gold in vacuum; `find_grains(image)`. There is no peer.",
        _separating,
        plan.grains,
    )


SECTIONS = {
    "lattice": lattice,
    "significance": significance,
    "damage": damage,
    "quality": quality,
    "grains": grains,
}


def _perovskite(size: int) -> Scene:
    crystal = Lattice.perovskite(3.905, PIXEL_SIZE)
    return make_scene(crystal, (size, size), rotation=11, noise=0.2, random_state=0)


def _ybco(size: int, **parameters: Any) -> Scene:
    crystal = Lattice.ybco(PIXEL_SIZE)
    return make_scene(crystal, (size, size), noise=0.05, random_state=0, **parameters)


def _finding(size: int) -> Callable[[], Any]:
    image = _perovskite(size).image
    return lambda: ImageLattice.from_image(image)


def _comparing(size: int) -> Callable[[], Any]:
    scene = _perovskite(size)
    atoms = np.column_stack([scene.positions, np.full(len(scene.positions), 2.8)])
    return lambda: atom_significance(scene.image, atoms, remove_neighbors=True)


def _mapping(size: int) -> Callable[[], Any]:
    pockets = [(0.3 * size, 0.3 * size, 0.12 * size), (0.65 * size, 0.7 * size, 0.09 * size)]
    scene = _ybco(size, amorphous_pockets=pockets)
    segmenter = AmorphousGMMSegmenter(random_state=0)
    return lambda: segmenter.fit(scene.image, positions=scene.positions)


def _reporting(size: int) -> Callable[[], Any]:
    scene = _ybco(size)
    seen = ImageLattice.from_image(scene.image, PIXEL_SIZE)
    found = np.delete(scene.positions, [10, 40, 41, 60], axis=0)
    return lambda: quality_report(scene.image, found, seen)


def _separating(size: int) -> Callable[[], Any]:
    image = make_typical_scene("five_fold_particle", (size, size), random_state=1).image
    return lambda: find_grains(image)
