"""Whether parts of an image show different peaks of one lattice."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene, make_typical_scene
from logstar.lattice import ImageLattice, Lattice, find_grains
from logstar.lattice._bragg import find_basis
from logstar.lattice._domains import shows_domains
from logstar.lattice._peaks import find_peaks, flatten


@pytest.mark.parametrize("seed", range(3))
def test_a_coherent_twin_is_two_grains_whatever_its_common_lattice(seed):
    scene = make_typical_scene("twin", (384, 384), random_state=seed)
    # Of one crystal it would be 0.98 and more.
    assert ImageLattice.from_image(scene.image).confidence < 0.98
    grains = find_grains(scene.image)
    assert len(grains) == 2
    # Of {111} twins of a cubic crystal along [110].
    assert grains.misorientations[0, 1] == pytest.approx(70.53, abs=0.5)
    owners = grains.grain_of(scene.positions)
    for side in (1, 2):
        true = np.bincount(scene.grain_of_atoms[owners == side])
        # The atoms of the twin plane are of both.
        assert true.sum() - true.max() <= 25


@pytest.mark.parametrize("noise", [0.05, 0.4])
def test_one_crystal_has_no_domains(noise):
    for seed, crystal in enumerate((Lattice.ybco(0.2), Lattice.perovskite(3.905, 0.2))):
        image = make_scene(crystal, (256, 256), rotation=9, noise=noise, random_state=seed).image
        # Half of the field is vacuum, which shows no peak.
        image[:, 128:] = np.random.default_rng(seed).normal(image.min(), 0.05, (256, 128))
        flat = flatten(image)
        bragg = find_basis(find_peaks(flat), image.shape)
        assert not shows_domains(flat, bragg)
