"""Missing atoms of scenes whose missing atoms are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from logstar import AtomFinder
from logstar.datasets import make_scene
from logstar.fields import SiteStatistics, _matched_filter, vacancy_evidence
from logstar.io import AtomTable
from logstar.lattice import Lattice, LatticeIndexer
from logstar.refinement import GaussianRefiner

PEROVSKITE = Lattice.perovskite(3.905, pixel_size=0.2)
YBCO = Lattice.ybco(0.2)


def f1(found, truth, nearest, side):
    """Vacancies less than a nearest distance from the frame need not be found."""
    near = np.hypot(*(found[:, None] - truth[None]).transpose(2, 0, 1)) < nearest / 2
    rows, cols = linear_sum_assignment(~near)
    matched = near[rows, cols]
    missed = ((truth >= nearest) & (truth <= side - 1 - nearest)).all(axis=1)
    missed[cols[matched]] = False
    n = int(matched.sum())
    return 2 * n / (n + len(found) + missed.sum())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("lattice", "noise", "goal"),
    [(PEROVSKITE, 0.1, 0.95), (YBCO, 0.1, 0.95), (PEROVSKITE, 0.3, 0.9), (YBCO, 0.3, 0.85)],
    ids=["perovskite .1", "YBCO .1", "perovskite .3", "YBCO .3"],
)
def test_vacancies_are_found_in_strong_noise(lattice, noise, goal):
    scene = make_scene(
        lattice, (384, 384), noise=noise, vacancy_fraction=0.02, rotation=7, random_state=1
    )
    finder = AtomFinder(lattice).fit(scene.image)
    evidence = vacancy_evidence(scene.image, finder.index(), finder.refinement_)
    found = evidence.positions[evidence.empty()]
    assert f1(found, scene.vacancies, lattice.nearest_distance, 384) >= goal
    # Atoms that are brightest noise would make a kind look brighter than it is.
    faintest = min(
        lattice.kinds,
        key=lambda kind: np.nanmin(np.append(evidence.expected[evidence.kinds == kind], 9)),
    )
    true = {"B": 0.395, "Cu1": 0.327, "Cu2": 0.327}[faintest]
    assert evidence.expected[evidence.kinds == faintest][0] == pytest.approx(true, rel=0.12)


@pytest.mark.filterwarnings("ignore")
def test_occupancies_are_right_though_atoms_are_not_found():
    scene = make_scene(YBCO, (300, 300), noise=0.3, vacancy_fraction=0.02, random_state=0)
    finder = AtomFinder(YBCO).fit(scene.image)
    indexer = finder.index()
    evidence = vacancy_evidence(scene.image, indexer, finder.refinement_)
    found = SiteStatistics.of(indexer, finder.refinement_)
    shown = SiteStatistics.of(indexer, finder.refinement_, vacancies=evidence)
    faint = [i for i, kind in enumerate(shown.kinds) if kind.startswith("Cu")]
    assert found.occupancy[faint].min() < 0.93
    np.testing.assert_allclose(shown.occupancy, 0.98, atol=0.02)
    low, high = shown.occupancy_interval.T
    assert ((low <= 0.98) & (high >= 0.98)).all()
    np.testing.assert_array_equal(
        found.n_atoms + found.n_vacancies, shown.n_atoms + shown.n_vacancies
    )
    with pytest.raises(TypeError, match="vacancies must be a VacancyEvidence"):
        SiteStatistics.of(indexer, finder.refinement_, vacancies=[1])
    fewer = dataclasses.replace(evidence, n_sites=3)
    with pytest.raises(ValueError, match="vacancies tells of 3 sites"):
        SiteStatistics.of(indexer, finder.refinement_, vacancies=fewer)


def refined_scene():
    scene = make_scene(PEROVSKITE, (200, 200), noise=0.1, vacancy_fraction=0.03, random_state=3)
    inner = ((scene.positions > 4) & (scene.positions < 195)).all(axis=1)
    return scene, scene.positions[inner].round(), scene.kinds[inner]


def test_dark_atoms_are_bright_ones_of_the_negated_image():
    scene, starts, kinds = refined_scene()
    bright = GaussianRefiner().refine(scene.image, starts, kinds=kinds)
    dark = GaussianRefiner(polarity="dark").refine(-scene.image, starts, kinds=kinds)
    indexer = LatticeIndexer(PEROVSKITE).fit(bright.atoms, kinds)
    expected = vacancy_evidence(scene.image, indexer, bright)
    found = vacancy_evidence(-scene.image, indexer, dark)
    assert expected.empty().any()
    np.testing.assert_allclose(found.probabilities(), expected.probabilities(), atol=1e-9)
    np.testing.assert_allclose(found.amplitudes, expected.amplitudes, atol=1e-9)


def test_pixels_that_are_missing_tell_nothing():
    scene, starts, kinds = refined_scene()
    place = scene.vacancies[np.hypot(*(scene.vacancies - 100).T).argmin()]
    image = scene.image.copy()
    rows, cols = np.indices(image.shape)
    image[np.hypot(rows - place[0], cols - place[1]) < 20] = np.nan
    refined = GaussianRefiner().refine(image, starts, kinds=kinds)
    indexer = LatticeIndexer(PEROVSKITE).fit(refined.atoms, kinds)
    evidence = vacancy_evidence(image, indexer, refined)
    here = np.hypot(*(evidence.positions - place).T).argmin()
    assert np.isnan(evidence.amplitudes[here])
    assert not evidence.empty()[here]
    assert evidence.empty().any()


def test_the_share_of_empty_sites_is_learnt():
    scene, starts, kinds = refined_scene()
    refined = GaussianRefiner().refine(scene.image, starts, kinds=kinds)
    evidence = vacancy_evidence(
        scene.image, LatticeIndexer(PEROVSKITE).fit(refined.atoms, kinds), refined
    )
    n_empty = evidence.empty().sum()
    share = (n_empty + 1) / (evidence.n_sites + 100)
    np.testing.assert_allclose(evidence.probabilities(), evidence.probabilities(share), atol=1e-3)


def test_a_table_of_refined_atoms_tells_the_same_part_by_part(monkeypatch, tmp_path):
    scene, starts, kinds = refined_scene()
    refined = GaussianRefiner().refine(scene.image, starts, kinds=kinds)
    indexer = LatticeIndexer(PEROVSKITE).fit(refined.atoms, kinds)
    expected = vacancy_evidence(scene.image, indexer, refined)
    np.save(tmp_path / "film.npy", scene.image)
    mapped = np.load(tmp_path / "film.npy", mmap_mode="r")
    monkeypatch.setattr(_matched_filter, "_PART", 64)
    for image, sign in ((mapped, 1), (-np.asarray(mapped), -1)):
        table = refined.to_table()
        table = table.with_columns(amplitude=sign * table["amplitude"])
        found = vacancy_evidence(image, indexer, table)
        np.testing.assert_array_equal(found.empty(), expected.empty())
        # The background is constant, which windows find out.
        np.testing.assert_allclose(found.amplitudes, expected.amplitudes, atol=2e-3)
        np.testing.assert_allclose(found.errors, expected.errors, rtol=0.02)
    bare = AtomTable.from_array(refined.atoms, ("row", "col", "sigma"))
    with pytest.raises(ValueError, match="a table without 'amplitude', 'amplitude_error'"):
        vacancy_evidence(scene.image, indexer, bare)
    with pytest.raises(TypeError, match="must be a Refinement, or a table"):
        vacancy_evidence(scene.image, indexer, refined.atoms)
