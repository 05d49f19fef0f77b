"""Kinds of a crystal for the columns of an image's lattice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar.datasets import make_scene
from logstar.lattice import Column, ImageLattice, Lattice
from logstar.lattice._naming import named_after

CENTERED = Lattice(
    5.431,
    3.840,
    columns=[
        Column("Si", "Si", 0, 0),
        Column("Si", "Si", 0.25, 0),
        Column("Si", "Si", 0.5, 0.5),
        Column("Si", "Si", 0.75, 0.5),
    ],
    pixel_size=0.12,
)
CRYSTALS = {
    "perovskite": Lattice.perovskite(3.905, pixel_size=0.2),
    "ybco": Lattice.ybco(0.2),
    "si110": CENTERED,
}


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("turn", [0.0, 37.0])
def test_columns_are_where_the_crystal_has_them(name, turn):
    crystal = CRYSTALS[name]
    scene = make_scene(crystal, (300, 300), noise=0.1, rotation=turn, random_state=1)
    seen = ImageLattice.from_image(scene.image, crystal.pixel_size)
    named = named_after(crystal, seen)
    assert named is not None
    assert named.kinds == crystal.kinds
    assert named.a == pytest.approx(crystal.a, rel=0.01)
    positions, kinds = named.positions()
    off, nearest = KDTree(scene.positions).query(positions)
    inner = ((positions > 8) & (positions < 291)).all(axis=1)
    assert np.median(off[inner]) < 0.5
    assert (scene.kinds[nearest] == kinds)[inner & (off < 3)].mean() == 1


def test_kinds_of_one_brightness_are_not_told_apart():
    crystal = Lattice.perovskite(3.905, pixel_size=0.2)
    scene = make_scene(
        crystal, (300, 300), amplitudes={"A": 1.0, "B": 0.5}, noise=0.05, random_state=0
    )
    seen = ImageLattice.from_image(scene.image, "0.2 A")
    alike = dataclasses.replace(
        seen, columns=tuple(dataclasses.replace(column, weight=1.0) for column in seen.columns)
    )
    assert named_after(crystal, seen) is not None
    assert named_after(crystal, alike) is None


def test_another_crystal_is_not_laid_over_a_lattice():
    scene = make_scene(Lattice.perovskite(3.905, pixel_size=0.2), (300, 300), random_state=0)
    seen = ImageLattice.from_image(scene.image, "0.2 A")
    assert named_after(CENTERED, seen) is None
