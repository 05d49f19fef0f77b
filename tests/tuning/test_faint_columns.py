"""Columns that are clear together only, against scenes whose atoms are known, and against noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from logstar import AtomFinder, Lattice
from logstar.datasets import make_scene
from logstar.metrics import detection_metrics
from logstar.tuning import Expectation
from logstar.tuning._faint_columns import faint_columns

YBCO = Lattice.ybco(pixel_size=0.2)
SPACING, SIDE = 12.0, 240


def _sites() -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """A square lattice whose every second row is of another kind."""
    steps = np.arange(SPACING / 2, SIDE, SPACING)
    rows, cols = np.meshgrid(steps, steps, indexing="ij")
    kinds = np.where(rows // SPACING % 2 == 0, "A", "B")
    return np.column_stack([rows.ravel(), cols.ravel()]), kinds.ravel()


def _response(heights: Any, noise: float, seed: int) -> NDArray[np.float64]:
    """Peaks at the sites in noise that is as smooth as they are."""
    sites, _ = _sites()
    points = np.zeros((SIDE, SIDE))
    points[tuple(np.rint(sites).astype(int).T)] = heights
    peaks = ndimage.gaussian_filter(points, 2.0) * (2 * np.pi * 4)
    grain = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=points.shape), 2.0)
    return peaks - peaks.mean() + noise * grain / grain.std()


def _covered(until: float) -> NDArray[np.bool_]:
    return np.broadcast_to(np.arange(SIDE) < until, (SIDE, SIDE))


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_columns(seed: int) -> None:
    sites, kinds = _sites()
    heights = sites[:, 1] < 120
    found = faint_columns(_response(heights, 0.3, seed), sites, kinds, _covered(120), SPACING)
    assert len(found) == 0


@pytest.mark.parametrize("seed", range(3))
def test_columns_as_weak_as_noise_are_found_together(seed: int) -> None:
    sites, kinds = _sites()
    heights = np.where(sites[:, 1] < 120, 1.0, 0.4) * np.where(kinds == "A", 1.0, 0.5)
    heights[sites[:, 1] > 180] = 0.0
    found = faint_columns(_response(heights, 0.2, seed), sites, kinds, _covered(120), SPACING)
    there = (sites[:, 1] >= 120) & (sites[:, 1] <= 180)
    assert len(found) >= 0.8 * there.sum()
    # They end where the crystal does, to the radius within which columns are looked at together.
    assert found[:, 1].max() < 180 + 2.5 * SPACING
    assert set(map(tuple, found)) <= set(map(tuple, sites[sites[:, 1] >= 120]))


@pytest.mark.parametrize("strength", [0.0, 0.75])
def test_a_hole_among_columns_that_are_seen(strength: float) -> None:
    """A hole responds with nothing; columns that were missed with most of what the others do."""
    sites, kinds = _sites()
    hole = np.linalg.norm(sites - 126, axis=1) < 1.2 * SPACING
    covered = ~ndimage.binary_dilation(
        np.linalg.norm(np.indices((SIDE, SIDE)) - 126, axis=0) < 1.3 * SPACING
    )
    response = _response(np.where(hole, strength, 1.0), 0.15, 0)
    found = faint_columns(response, sites, kinds, covered, SPACING)
    assert len(found) == (hole.sum() if strength else 0)


def test_a_lattice_that_lies_elsewhere_tells_nothing() -> None:
    sites, kinds = _sites()
    covered = _covered(120)
    response = np.roll(_response(np.ones(len(sites)), 0.05, 0), (6, 6), axis=(0, 1))
    assert len(faint_columns(response, sites, kinds, covered, SPACING)) == 0
    for nothing_to_do in (np.ones_like(covered), np.zeros_like(covered)):
        assert len(faint_columns(response, sites, kinds, nothing_to_do, SPACING)) == 0


@pytest.mark.parametrize("noise", [0.3, 0.4])
def test_noise_makes_no_holes_in_a_crystal(noise: float) -> None:
    """The weak columns of YBa2Cu3O7 are below five times the noise, the strong ones above."""
    scene = make_scene(YBCO, (256, 256), noise=noise, rotation=5, random_state=0)
    assert Expectation.from_image(scene.image, YBCO).field is None


def test_a_crystal_that_gets_thinner_does_not_end() -> None:
    shape = (256, 256)
    scene = make_scene(YBCO, shape, rotation=5, random_state=0)
    thick = scene.image * np.linspace(1.0, 0.15, 256)
    image = thick + 0.1 * np.ptp(scene.image) * np.random.default_rng(0).normal(size=shape)
    finder = AtomFinder(YBCO, refine=None).fit(image)
    assert finder.expectation_.field_share > 0.98
    assert detection_metrics(finder.atoms_, scene.positions, shape=shape, margin=4).f1 > 0.95


def test_vacuum_beside_noisy_crystal_stays_vacuum() -> None:
    half = np.zeros((256, 256), dtype=bool)
    half[:, :140] = True
    scene = make_scene(YBCO.with_mask(half), (256, 256), noise=0.3, rotation=5, random_state=0)
    field = Expectation.from_image(scene.image, YBCO).field
    assert field[tuple(np.rint(scene.positions).astype(int).T)].mean() > 0.94
    assert field[:, 175:].mean() < 0.02
