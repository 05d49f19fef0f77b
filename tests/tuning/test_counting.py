"""The number of columns that an image can show, and what it is uncertain by."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from logstar.datasets import make_scene, make_typical_scene
from logstar.lattice import Lattice
from logstar.tuning import Expectation

CRYSTAL = Lattice.perovskite(4.0, 0.25)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (160, 170), rotation=7, noise=0.1, random_state=1)


def test_the_rim_of_a_particle_makes_its_count_uncertain():
    scene = make_typical_scene("particle", (256, 256), random_state=0)
    expected = Expectation.from_image(scene.image)
    lattice = expected.image_lattice
    points, _ = lattice.positions()
    away = distance_transform_edt(lattice.mask)
    away = away[tuple(np.round(points).astype(int).clip(0, 255).T)]
    near = (away > 0) & (away <= lattice.nearest_distance)
    # One in ten of them, each by itself.
    assert expected.count.edges >= np.sqrt(0.1 * near.sum()) * 0.9
    assert abs(expected.n_expected - len(scene.positions)) < 2 * expected.count.uncertainty


def test_the_edges_of_an_image_are_no_rim(scene):
    everywhere = np.ones(scene.image.shape, dtype=bool)
    everywhere[0, 0] = False
    known = Expectation.from_image(scene.image)
    masked = Expectation.from_image(scene.image, mask=everywhere)
    assert masked.count.edges < known.count.edges + 1.0
