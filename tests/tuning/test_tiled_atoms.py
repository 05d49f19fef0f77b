"""The atoms of an image that was found by tiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar.fields import strain
from logstar.io import AtomTable
from logstar.tuning import find_atoms_tiled

from .large_scene import OPTIONS, WITHOUT, large_scene


@pytest.fixture
def scene():
    return large_scene()


def test_sites_are_told_over_the_whole_table(scene):
    found = find_atoms_tiled(scene.image, **OPTIONS, n_parts=2)
    indexer = found.index()
    assert (indexer.components_ == 0).mean() > 0.99
    near, nearest = KDTree(scene.positions).query(found.atoms_.positions)
    same = near < 2
    assert (indexer.kinds_[same] == scene.kinds[nearest[same]]).mean() > 0.99
    strained = strain(indexer, found.atoms_)
    known = np.isfinite(strained.components).all(axis=1)
    assert known.mean() > 0.9
    assert np.abs(np.median(strained.components[known, :3], axis=0)).max() < 0.002


def test_all_is_written(scene, tmp_path):
    found = find_atoms_tiled(scene.image, **WITHOUT, n_parts=1, n_iter=1)
    files = found.save(tmp_path, plots=True)
    assert set(files) >= {"positions", "tiles", "pareto_front", "picture"}
    assert len(AtomTable.load(files["positions"])) == len(found.atoms_)
    assert len(files["tiles"].read_text().splitlines()) == 10
    pytest.importorskip("h5py")
    other = found.save(tmp_path, formats=["hdf5"], plots=False)["positions"]
    np.testing.assert_array_equal(AtomTable.load(other).positions, found.atoms_.positions)
