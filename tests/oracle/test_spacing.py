"""The distance of nearest atoms."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import SingleAtoms, compose_scene, make_scene
from logstar.lattice import Column, Lattice
from logstar.oracle._spacing import nearest_distance


@pytest.mark.parametrize(("polarity", "sign"), [("bright", 1), ("dark", -1)])
def test_of_a_lattice_it_is_that_of_its_nearest_columns(polarity, sign):
    columns = [Column("A", "Au", 0, 0), Column("B", "Au", 0.5, 0.3)]
    crystal = Lattice(16.0, 22.0, columns=columns, pixel_size=None)
    scene = make_scene(crystal, shape=(256, 256), noise=0.1, random_state=0)
    found = nearest_distance(sign * scene.image, polarity)
    assert found == pytest.approx(crystal.nearest_distance, rel=0.02)


def test_without_a_lattice_it_goes_by_the_size_of_the_atoms():
    atoms = SingleAtoms(60, min_distance=12, sigma=2.0)
    scene = compose_scene((256, 256), [atoms], noise=0.1, random_state=0)
    assert nearest_distance(scene.image, "bright") == pytest.approx(10, rel=0.4)


def test_a_tiny_image_has_one_too():
    assert nearest_distance(np.eye(5), "bright") > 0
