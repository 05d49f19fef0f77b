"""Significance of given atoms: alone, in a crystal, and where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.detection import SignificanceMap, atom_significance
from tests.detection.noises import noise_image, single_atoms

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (200, 200), noise=0.05, rotation=11, random_state=0)


def test_single_atoms_as_the_map_says():
    image, places = single_atoms(10, (192, 192))
    found = SignificanceMap.of(image, size=3.0)
    by_map = found.significance(found.at(places))
    np.testing.assert_array_equal(atom_significance(image, places, size=3.0), by_map)
    with_sigmas = np.column_stack([places, np.full(10, 3.0)])
    np.testing.assert_array_equal(atom_significance(image, with_sigmas), by_map)


def test_weak_atoms_of_a_crystal_count_without_their_neighbors(scene):
    atoms = np.column_stack([scene.positions, np.full(len(scene.positions), 2.8)])
    inside = ((atoms[:, :2] > 3) & (atoms[:, :2] < 196)).all(axis=1)
    alone = atom_significance(scene.image, atoms)
    removed = atom_significance(scene.image, atoms, remove_neighbors=True)
    # The gaps are nearly as dark as the weaker columns are bright.
    assert (alone[inside] <= 0).any()
    assert (removed[inside] > 3).all()


def test_what_is_no_atom_of_a_crystal_does_not_count(scene):
    true = scene.positions[((scene.positions > 20) & (scene.positions < 180)).all(axis=1)]
    gaps = true[:20] + CRYSTAL.nearest_distance / 2
    atoms = np.concatenate([scene.positions, gaps])
    found = atom_significance(scene.image, atoms, size=2.8, remove_neighbors=True)
    assert np.median(found[-20:]) < 0


@pytest.mark.parametrize("kind", ["white", "smooth", "poisson-1"])
def test_a_crystal_laid_over_noise_does_not_count(kind):
    # As a detector does that is told how many atoms there must be: at the strongest maxima.
    image = noise_image(kind, (256, 256), 0)
    maxima = SignificanceMap.of(image, size=3.2).maxima()[:290]
    found = atom_significance(image, maxima[:, :3], remove_neighbors=True)
    assert (found > 0).sum() <= 2


def test_dark_atoms(scene):
    options = {"size": 2.8, "remove_neighbors": True}
    bright = atom_significance(scene.image, scene.positions, **options)
    dark = atom_significance(-scene.image, scene.positions, polarity="dark", **options)
    np.testing.assert_allclose(bright, dark)


def test_no_atoms():
    assert atom_significance(np.eye(64), np.empty((0, 3)), remove_neighbors=True).shape == (0,)


def test_refused(scene):
    with pytest.raises(ValueError, match="size must be"):
        atom_significance(scene.image, scene.positions, size=-1)
    with pytest.raises(ValueError, match="detections"):
        atom_significance(scene.image, np.zeros(3), size=2)
