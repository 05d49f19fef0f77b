"""Where a refined position is if two columns show as one: Cu2 and O2 of the shipped micrograph."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder
from logstar.datasets import load_ybco
from logstar.fields import displacements, strain
from logstar.refinement import GaussianRefiner

pytestmark = pytest.mark.filterwarnings("ignore::logstar.exceptions.CorrelatedNoiseWarning")


@pytest.fixture(scope="module")
def scene():
    return load_ybco()


def test_a_merged_column_is_off_its_nucleus_by_the_same_everywhere(scene):
    inner = ((scene.positions > 10) & (scene.positions < 501)).all(axis=1)
    refined = GaussianRefiner().refine(scene.image, scene.positions, kinds=scene.kinds)
    off = refined.atoms[:, :2] - scene.positions
    # Tails of columns are wider than a Gaussian's, and those around Ba lie more to one side.
    for kind, most in (("Ba", 0.04), ("Cu1", 0.01), ("Y", 0.01)):
        some = inner & (scene.kinds == kind)
        assert np.sqrt((off[some] ** 2).sum(axis=1).mean()) < most
    copper = off[inner & (scene.kinds == "Cu2")]
    # O2 lies along c, once above and once below, with the image turned by 2 degrees.
    towards = np.array([np.cos(np.radians(2)), np.sin(np.radians(2))])
    for side in (1, -1):
        mine = copper[side * copper[:, 0] > 0]
        assert len(mine) > 100
        np.testing.assert_allclose(mine.mean(axis=0), side * 0.524 * towards, atol=0.005)
        assert mine.std(axis=0).max() < 0.01


def test_fields_do_not_know_of_it(scene):
    finder = AtomFinder(scene.lattice).fit(scene.image)
    indexer = finder.index()
    far = ((finder.atoms_.positions > 15) & (finder.atoms_.positions < 496)).all(axis=1)
    moved = displacements(indexer, finder.refinement_).vectors[far & (indexer.kinds_ == "Cu2")]
    assert np.sqrt(np.nanmean(moved**2)) < 0.005
    field = strain(indexer, finder.refinement_)
    copper = (indexer.kinds_[field.atoms] == "Cu2") & far[field.atoms]
    assert np.nanstd(field.components[copper, :3]) < 5e-4
