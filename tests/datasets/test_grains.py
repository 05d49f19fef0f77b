"""Grains: where their columns are, their twins, their defects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from logstar.datasets import Dopant, Grain, Region, compose_scene
from logstar.lattice import Column, Lattice

PEROVSKITE = Lattice.perovskite(4.0, 0.2)  # 20 px, neighbours 14.1 px apart
GOLD = Lattice(
    4.08,
    4.08 / math.sqrt(2),
    columns=[Column("Au", "Au", 0, 0), Column("Au", "Au", 0.5, 0.5)],
    pixel_size=0.15,
)


def same_places(one, two):
    assert len(one) == len(two)
    assert cKDTree(one).query(two)[0].max(initial=0.0) < 1e-6


def test_a_grain_without_a_region_is_the_lattice():
    scene = compose_scene((90, 110), [Grain(PEROVSKITE, rotation=12, origin=(3, 4))])
    expected, _ = PEROVSKITE.positions((90, 110), origin=(3, 4), rotation=12)
    same_places(scene.positions, expected)


def test_a_grain_ends_with_its_region():
    disc = Region.disc((45, 50), 30)
    scene = compose_scene((90, 110), [Grain(PEROVSKITE, disc, origin=(3, 4))])
    expected, _ = PEROVSKITE.positions((90, 110), origin=(3, 4))
    same_places(scene.positions, expected[np.hypot(*(expected - [45, 50]).T) <= 30])


@pytest.mark.parametrize("rotation", [0.0, 23.0, 140.0])
def test_a_coherent_twin_is_symmetric(rotation):
    # The trace of {111} is the diagonal of the cell.
    boundary = rotation - math.degrees(math.atan2(GOLD.b, GOLD.a))
    middle = (100.0, 100.0)
    grain = Grain(GOLD, Region.half_plane(middle, boundary + 90), rotation=rotation, origin=middle)
    scene = compose_scene((201, 201), [grain, grain.twin(middle, boundary)])
    along = np.array([-math.sin(math.radians(boundary)), math.cos(math.radians(boundary))])
    normal = np.array([along[1], -along[0]])
    away = (scene.positions - middle) @ normal
    inner = scene.positions[np.hypot(*(scene.positions - middle).T) < 95]
    reflected = inner - 2 * ((inner - middle) @ normal)[:, None] * normal
    assert cKDTree(scene.positions).query(reflected)[0].max() < 1e-6
    # The row of columns on the boundary is there once, at its spacing, and no gap is anywhere.
    on_it = np.sort((scene.positions[np.abs(away) < 1e-6] - middle) @ along)
    spacing = math.hypot(*GOLD._cell(0)[0], *GOLD._cell(0)[1]) / 2
    np.testing.assert_allclose(np.diff(on_it), spacing, atol=1e-6)
    nearest = cKDTree(scene.positions).query(scene.positions, k=2)[0][:, 1]
    np.testing.assert_allclose(nearest, GOLD.nearest_distance, atol=1e-6)
    assert len(scene.positions) == pytest.approx(201**2 / (GOLD.unit_cell_area / 2), rel=0.05)


def test_a_twin_needs_an_origin():
    with pytest.raises(ValueError, match="a twin needs a grain whose origin is given"):
        Grain(GOLD).twin((0, 0), 0)


def test_defects():
    grain = Grain(
        PEROVSKITE,
        origin=(0, 0),
        vacancy_fraction=0.1,
        dopants=(Dopant("Nd", "A", 0.2),),
        amplitudes={"B": 0.5},
        brightness=2.0,
    )
    scene = compose_scene((600, 600), [grain], random_state=0)
    perfect, kinds = PEROVSKITE.positions((600, 600), origin=(0, 0))
    same_places(np.vstack([scene.positions, scene.vacancies]), perfect)
    assert len(scene.vacancies) == pytest.approx(0.1 * len(perfect), rel=0.2)
    assert set(scene.kinds) == {"A", "B", "Nd on A"}
    n_doped = (scene.kinds == "Nd on A").sum()
    assert n_doped == pytest.approx(0.9 * 0.2 * (kinds == "A").sum(), rel=0.2)
    row, col = scene.positions.astype(int).T
    for kind, height in {"A": 2, "B": 1, "Nd on A": 2 * (60 / 38) ** 1.7}.items():
        at = scene.kinds == kind
        np.testing.assert_allclose(scene.image[row[at], col[at]], height, rtol=1e-4)
    empty = scene.vacancies.astype(int).T
    assert scene.image[tuple(empty)].max() < 1e-3


def test_taper():
    square = Region.facetted((100, 100), [80.0] * 4)
    scene = compose_scene((201, 201), [Grain(PEROVSKITE, square, origin=(100, 100), taper=40)])
    row, col = scene.positions.round().astype(int).T
    at = scene.kinds == "A"
    depth = 80 - np.abs(scene.positions - 100).max(axis=1)
    expected = np.clip(0.3 + 0.7 * depth / 40, None, 1)
    np.testing.assert_allclose(scene.image[row, col][at], expected[at], rtol=1e-4)


def test_jitter_is_in_the_truth():
    exact = compose_scene((500, 500), [Grain(PEROVSKITE, origin=(10, 10))], random_state=0)
    moved = compose_scene(
        (500, 500), [Grain(PEROVSKITE, origin=(10, 10), jitter=0.6)], random_state=0
    )
    distance, nearest = cKDTree(exact.positions).query(moved.positions)
    # Others have come into the field.
    away = (moved.positions - exact.positions[nearest])[distance < 5]
    assert len(away) > 0.95 * len(exact.positions)
    np.testing.assert_allclose(away.std(axis=0), 0.6, rtol=0.06)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sigma": 0}, "sigma must be finite and > 0"),
        ({"amplitudes": {"X": 1}}, "amplitudes has the kind 'X'"),
        ({"brightness": 0}, "brightness must be"),
        ({"taper": 3}, "taper=3 needs a region"),
        ({"jitter": -1}, "jitter must be"),
        ({"vacancy_fraction": 2}, "vacancy_fraction must be"),
        ({"origin": (1,)}, r"origin must be \(row, col\)"),
        ({"dopants": (Dopant("W", "Mo", 0.1),)}, "dopants replace the kind 'Mo'; the lattice has"),
    ],
)
def test_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        Grain(PEROVSKITE, **parameters)


def test_wrong_types():
    with pytest.raises(TypeError, match="lattice must be a Lattice"):
        Grain("gold")
    with pytest.raises(TypeError, match="region must be a Region"):
        Grain(PEROVSKITE, np.ones((3, 3)))
    with pytest.raises(ValueError, match="fraction of a dopant must be"):
        Dopant("W", "Mo", 1.5)
    with pytest.raises(ValueError, match="chemical symbol"):
        Dopant("Xx", "Mo", 0.5)
