"""Columns that show as no maximum: found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene, make_typical_scene
from logstar.lattice import ImageLattice, Lattice
from logstar.lattice._unresolved import find_overlap

HEXAGONAL = np.array([[20.0, 0.0], [-10.0, 10.0 * 3**0.5]])


def cell(vectors, places, heights, sigma, *, ratio=1.0, noise=0.0, seed=0):
    """Sum of Gaussians of all cells around, which may be elliptical along rows."""
    n = [round(float(np.linalg.norm(edge))) for edge in vectors]
    u, v = np.meshgrid(np.arange(n[0]) / n[0], np.arange(n[1]) / n[1], indexing="ij")
    mean = np.random.default_rng(seed).normal(0, noise, n) if noise else np.zeros(n)
    shape = np.array([sigma * ratio, sigma])
    for (place_u, place_v), height in zip(places, heights, strict=True):
        for i in range(-4, 5):
            for j in range(-4, 5):
                apart = np.stack([u - place_u + i, v - place_v + j], axis=-1) @ vectors
                mean += height * np.exp(-0.5 * ((apart / shape) ** 2).sum(axis=-1))
    return mean


def distance(one, other):
    apart = np.asarray(one) - other
    return np.linalg.norm((apart - np.round(apart)) @ HEXAGONAL, axis=-1)


@pytest.mark.parametrize("height", [0.25, 0.4])
@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_a_shoulder(height, noise):
    # A honeycomb whose weaker half has no maximum.
    places = [(0.2, 0.1), (0.2 + 1 / 3, 0.1 + 2 / 3)]
    mean = cell(HEXAGONAL, places, (1, height), 5.0, noise=noise)
    found = find_overlap(mean, HEXAGONAL, np.array(places[:1]))
    assert found is not None
    assert distance(found.places, places).max() < 0.1
    np.testing.assert_allclose(found.heights, (1, height), atol=0.03)
    assert found.sigma == pytest.approx(5.0, abs=0.2)


@pytest.mark.parametrize("apart", [1.7, 1.8, 1.95])
@pytest.mark.parametrize("height", [1.0, 0.8])
def test_a_pair_that_shows_as_one_maximum(apart, height):
    sigma = 3.5
    vectors = np.array([[24.0, 0.0], [3.0, 25.0]])
    half = apart * sigma / 2 * np.array([0.6, 0.8]) @ np.linalg.inv(vectors)
    middle = np.array([0.5, 0.5])
    places = np.array([middle + half, middle - half])
    mean = cell(vectors, places, (1, height), sigma, noise=0.002)
    found = find_overlap(mean, vectors, np.array([[0.5, 0.5]]))
    assert found is not None
    np.testing.assert_allclose(found.places[found.places[:, 0].argsort()], places[::-1], atol=0.02)


@pytest.mark.parametrize("ratio", [1.0, 1.2, 1.4])
@pytest.mark.parametrize("sigma", [2.5, 4.0])
def test_elliptical_columns_are_no_pairs(ratio, sigma):
    places = np.array([[0.0, 0.0], [1 / 3, 2 / 3]])
    mean = cell(HEXAGONAL, places, (1, 0.7), sigma, ratio=ratio, noise=0.002)
    assert find_overlap(mean, HEXAGONAL, places) is None
    one = cell(HEXAGONAL, places[:1], (1,), sigma, ratio=ratio, noise=0.002)
    assert find_overlap(one, HEXAGONAL, places[:1]) is None


def test_columns_with_tails_have_no_shoulders():
    places = np.array([[0.0, 0.0], [0.5, 0.5]])
    square = np.array([[20.0, 0.0], [0.0, 20.0]])
    mean = sum(
        cell(square, places, (height, 0.4 * height), s) for height, s in ((1, 2.5), (0.25, 6))
    )
    assert find_overlap(mean, square, places) is None


def test_noise_has_no_shoulders():
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=(20, 20))
        assert find_overlap(noise, HEXAGONAL, np.array([[0.2, 0.3]])) is None


@pytest.mark.parametrize("kind", ["shoulders", "dumbbells"])
def test_the_lattice_of_an_image_counts_them(kind):
    scene = make_typical_scene(kind, (256, 256))
    lattice = ImageLattice.from_image(scene.image)
    assert len(lattice.columns) == 2
    assert len(lattice.maxima) == 1
    points = lattice.positions()[0]
    apart = np.linalg.norm(scene.positions[:, None] - points, axis=2).min(axis=1)
    assert np.median(apart) < 0.1 * scene.lattice.nearest_distance
    shown = lattice.resolved()
    assert len(shown.columns) == 1
    assert shown.resolved() is shown
    np.testing.assert_allclose(shown.vectors, lattice.vectors)


def test_a_hole_is_no_column():
    # Here a Gaussian of negative height explains more than the shoulder, at first.
    scene = make_typical_scene("shoulders", (512, 512), random_state=4)
    assert len(ImageLattice.from_image(scene.image).columns) == 2


def test_resolved_columns_are_all_maxima():
    for crystal in (Lattice.perovskite(3.905, 0.2), Lattice.ybco(0.2)):
        scene = make_scene(crystal, (256, 256), rotation=9, noise=0.05, random_state=0)
        lattice = ImageLattice.from_image(scene.image)
        assert lattice.maxima == ()
        assert lattice.resolved() is lattice
