"""The lattice of an image, and of a part of it."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.lattice import Lattice
from logstar.tuning import Expectation

CRYSTAL = Lattice.perovskite(4.0, 0.25)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (160, 170), rotation=7, noise=0.1, random_state=1)


def test_a_part_is_known_in_the_coordinates_of_the_whole(scene):
    mask = np.zeros(scene.image.shape, dtype=bool)
    mask[:, 60:] = True
    whole = Expectation.from_image(scene.image)
    part = Expectation.from_image(scene.image, mask=mask)
    inside = scene.positions[:, 1] >= 59.5
    assert part.n_expected == pytest.approx(inside.sum(), abs=6)
    assert part.field_share == 1.0
    points = part.image_lattice.positions()[0]
    known = whole.image_lattice.positions()[0]
    nearest = np.linalg.norm(points[:, None] - known, axis=2).min(axis=1)
    assert np.median(nearest) < 0.2
