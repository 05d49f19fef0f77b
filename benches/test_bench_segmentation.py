"""Amorphous regions: how long a fit takes, and that the study holds on one scene of each kind."""

from __future__ import annotations

import pytest
from segmentation_study import LATTICE, POCKETS, detector, overlaps

from logstar.datasets import make_scene
from logstar.segmentation import AmorphousGMMSegmenter


def test_fit(benchmark):
    image = make_scene(
        LATTICE, (256, 256), amorphous_pockets=[(120, 130, 50)], noise=0.05, random_state=0
    ).image
    segmenter = benchmark(AmorphousGMMSegmenter(detector(), random_state=0).fit, image)
    assert len(segmenter.regions_) == 1


@pytest.mark.parametrize("name", POCKETS)
def test_the_study(name):
    ours, recipe, recipe_on_heavy_atoms = overlaps(name, seed=0)
    assert ours > 0.8
    assert ours > max(recipe, recipe_on_heavy_atoms)
