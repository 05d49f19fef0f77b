"""Sites of the atoms of the main job, and what the image says of vacancies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene
from logstar.fields import vacancy_evidence

PEROVSKITE = Lattice.perovskite(3.905, pixel_size=0.2)


@pytest.mark.parametrize("refine", ["joint", None])
@pytest.mark.parametrize("given", [Lattice.ybco(0.2), "auto"])
def test_each_atom_has_its_site_and_kind(refine, given):
    lattice = Lattice.ybco(0.2)
    scene = make_scene(lattice, (256, 256), noise=0.1, rotation=13, random_state=0)
    finder = AtomFinder(given, refine=refine).fit(scene.image)
    indexer = finder.index()
    assert len(indexer.components_) == len(finder.atoms_)
    distance, nearest = KDTree(scene.positions).query(finder.atoms_.positions)
    near = distance < 0.3 * lattice.nearest_distance
    assert (indexer.components_[near] == 0).mean() >= 0.99
    assert not indexer.ambiguous_.any()
    true, own = scene.kinds[nearest][near], indexer.kinds_[near]
    if given == "auto":
        # The image's own lattice names its columns itself; each is of one kind.
        for name in np.unique(own):
            counts = np.unique(true[own == name], return_counts=True)[1]
            assert counts.max() / counts.sum() >= 0.98
    else:
        assert (own == true).mean() >= 0.99


@pytest.mark.parametrize("polarity", ["bright", "dark"])
def test_the_strongest_atoms_are_the_heaviest_kind(polarity):
    """Where the lattice has no place in the image, and only strengths tell the kinds apart."""
    scene = make_scene(PEROVSKITE, (128, 128), noise=0.05, rotation=13, random_state=0)
    image = scene.image if polarity == "bright" else -scene.image
    finder = AtomFinder(PEROVSKITE, polarity=polarity).fit(image)
    finder.lattice_ = PEROVSKITE
    indexer = finder.index()
    nearest = KDTree(scene.positions).query(finder.atoms_.positions)[1]
    assert (indexer.kinds_ == scene.kinds[nearest]).mean() >= 0.99


@pytest.mark.parametrize(("noise", "least"), [(0.1, 0.95), (0.3, 0.85)])
def test_vacancies_are_found_from_the_image(noise, least):
    right = wrong = missed = 0
    nearest = PEROVSKITE.nearest_distance
    for seed in range(3):
        scene = make_scene(
            PEROVSKITE, (384, 384), noise=noise, vacancy_fraction=0.02, random_state=seed
        )
        finder = AtomFinder(PEROVSKITE).fit(scene.image)
        evidence = vacancy_evidence(scene.image, finder.index(), finder.refinement_)
        empty = evidence.positions[evidence.empty()]
        inner = ((scene.vacancies > nearest) & (scene.vacancies < 383 - nearest)).all(axis=1)
        hits = KDTree(scene.vacancies).query(empty)[0] < nearest / 2
        right, wrong = right + hits.sum(), wrong + (~hits).sum()
        missed += (KDTree(empty).query(scene.vacancies[inner])[0] >= nearest / 2).sum()
    assert 2 * right / (2 * right + wrong + missed) >= least


def test_without_a_lattice_there_are_no_sites():
    scene = make_scene(PEROVSKITE, (128, 128), noise=0.1, random_state=0)
    finder = AtomFinder(None, expected=70, distance_sum=40.0).fit(scene.image)
    with pytest.raises(ValueError, match="sites are those of one lattice"):
        finder.index()
