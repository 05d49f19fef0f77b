"""The lattice of an image: how long it takes, and that its study holds."""

from __future__ import annotations

import numpy as np
import pytest
from _lattice_scenes import LATTICES, scenes
from lattice_from_image import outcome_of

from logstar.datasets import make_scene
from logstar.lattice import ImageLattice


@pytest.mark.parametrize("side", [256])
def test_from_image(benchmark, side):
    image = make_scene(LATTICES["perovskite"], (side, side), noise=0.1, random_state=0).image
    found = benchmark(ImageLattice.from_image, image)
    assert len(found.columns) == 2


def test_the_study():
    outcomes = [outcome_of(scene) for scene in scenes(noises=(0.2,))]
    errors = [outcome.spacing_error for outcome in outcomes]
    assert len(outcomes) == len(LATTICES)
    assert np.max(errors) < 0.005
