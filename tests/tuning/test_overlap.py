"""Columns that overlap: found by the maxima that they make, and divided."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import find_atoms
from logstar.datasets import make_typical_scene
from logstar.lattice import Column, ImageLattice
from logstar.metrics import detection_metrics
from logstar.tuning import Expectation
from logstar.tuning._overlap import divide, searched


def f1(found, scene):
    nearest = scene.lattice.nearest_distance
    return detection_metrics(
        found, scene.positions, tolerance=nearest / 4, shape=scene.image.shape, margin=nearest
    ).f1


@pytest.fixture(scope="module", params=["shoulders", "dumbbells"])
def scene(request):
    return make_typical_scene(request.param, (192, 192), random_state=1)


@pytest.mark.parametrize("told", [False, True])
def test_all_atoms_are_found_and_it_is_said(scene, told):
    lattice = scene.lattice.with_mask(None) if told else "auto"
    finder = find_atoms(scene.image, lattice=lattice)
    assert f1(finder.atoms_.positions, scene) > 0.97
    assert finder.expectation_.n_expected == pytest.approx(len(scene.positions), rel=0.08)
    assert finder.verdict_.status == "check"
    said = "a cell has 2 and shows 1 maximum; atoms were placed by the mean cell"
    assert any(said in reason for reason in finder.verdict_.reasons)
    assert (np.diff(finder.atoms_["response"]) <= 0).all()
    assert f1(finder.predict(scene.image), scene) > 0.97
    assert len(finder.predict([scene.image])[0]) == len(finder.atoms_)


def test_the_search_is_for_maxima(scene):
    expected = Expectation.from_image(scene.image)
    shown = searched(expected)
    assert shown.n_expected == pytest.approx(expected.n_expected / 2)
    assert shown.distance_sum > 1.3 * expected.distance_sum
    assert searched(shown.from_lattice(scene.lattice, scene.image.shape)).lattice is scene.lattice


def lattice_of(shape):
    """A row of pairs; the middle of each is a maximum."""
    return ImageLattice(
        20,
        24,
        90,
        columns=[Column("A", "X", 0, 0), Column("B", "X", 0.3, 0)],
        pixel_size=None,
        origin=(12, 7),
        rotation=0,
        shape=shape,
        maxima=[(0.15, 0)],
    )


def drawn(places, heights, shape, sigma=3.2):
    rows, cols = np.indices(shape)
    return sum(
        h * np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / (2 * sigma**2))
        for (r, c), h in zip(places, heights, strict=True)
    )


@pytest.mark.parametrize("polarity", ["bright", "dark"])
def test_pairs_are_divided_and_vacancies_left(polarity):
    shape = 120, 120
    lattice = lattice_of(shape)
    places, kinds = lattice.positions(margin=-8)
    heights = np.where(kinds == "A", 1.0, 0.8)
    missing = int(np.flatnonzero(kinds == "B")[5])
    heights[missing] = 0
    image = 1 + drawn(places, heights, shape) * (1 if polarity == "bright" else -1)
    middles = lattice.resolved().positions(margin=-8)[0]
    found = np.column_stack([middles.round(), np.full(len(middles), 4), np.ones(len(middles))])
    atoms = divide(image, found, lattice, polarity=polarity, mask=None)
    apart = np.linalg.norm(atoms[:, None, :2] - places, axis=2)
    assert apart.min(axis=1).max() < 1
    assert np.delete(apart.min(axis=0), missing).max() < 1
    assert apart.min(axis=0)[missing] > 3
    assert np.median(atoms[:, 2]) == pytest.approx(3.2, abs=0.3)
    mask = np.zeros(shape, dtype=bool)
    mask[:, 60:] = True
    half = divide(image, found, lattice, polarity=polarity, mask=mask)
    assert 0 < len(half) < len(atoms)
    assert half[:, 1].min() > 59
    assert len(divide(image, found[:0], lattice, polarity=polarity, mask=None)) == 0
