"""Significance of given atoms: alone, in a crystal, and where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.detection import SignificanceMap, _atom_significance, atom_significance
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


@pytest.mark.parametrize("sigma", [0.8, 1.7, 4.3])
def test_overlaps_are_those_of_filtered_images(sigma):
    """Near and on the frame, which cuts filters off, and for two atoms on one pixel as well."""
    shape = (61, 74)
    places = np.random.default_rng(1).integers(0, shape, (40, 2))
    places[:4] = [[0, 0], [60, 73], [12, 0], [12, 0]]
    points = np.zeros((len(places), *shape))
    points[np.arange(len(places)), places[:, 0], places[:, 1]] = 1.0
    filtered = [ndimage.gaussian_filter(point, sigma, mode="constant") for point in points]
    columns = np.reshape(filtered, (len(places), -1))
    found = _atom_significance._overlaps(shape, places, sigma)
    assert found is not None
    np.testing.assert_allclose(found.toarray(), columns @ columns.T, atol=1e-14)


def test_atoms_that_are_too_many_for_pairs_are_fitted_all_the_same(scene, monkeypatch):
    atoms = np.column_stack([scene.positions, np.full(len(scene.positions), 2.8)])
    found = atom_significance(scene.image, atoms, remove_neighbors=True)
    monkeypatch.setattr(_atom_significance, "_overlaps", lambda *_: None)
    by_filters = atom_significance(scene.image, atoms, remove_neighbors=True)
    np.testing.assert_allclose(found, by_filters, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [3, 60, 4000])
@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_points_are_filtered_as_images_are(n, sigma):
    rng = np.random.default_rng(n)
    shape = (70, 101)
    places = np.column_stack([rng.integers(0, size, n) for size in shape])
    heights, image = rng.normal(size=n), rng.normal(size=shape)
    points = np.zeros(shape)
    np.add.at(points, tuple(places.T), heights)
    filters = _atom_significance._PointFilters(shape, places, sigma)
    expected = ndimage.gaussian_filter(points, sigma, mode="constant")
    np.testing.assert_allclose(filters.spread(heights), expected, atol=1e-13)
    expected = ndimage.gaussian_filter(image, sigma, mode="constant")
    np.testing.assert_allclose(filters.gather(image), expected[tuple(places.T)], atol=1e-14)
