"""Rendering through a distorted scan against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import ScanDistortion
from logstar.datasets._rendering import PixelGrid
from logstar.datasets._scan import Scan

SHAPE = (60, 70)
DISTORTION = ScanDistortion(
    drift=(4, -7), affine=((1.02, 0.03), (0.05, 0.97)), bend=1.0, row_jitter=0.6
)


@pytest.fixture(params=[False, True], ids=["straight", "distorted"])
def grid(request):
    rng = np.random.default_rng(3)
    return PixelGrid(SHAPE, Scan.draw(DISTORTION, SHAPE, rng) if request.param else None)


@pytest.fixture
def atoms():
    rng = np.random.default_rng(0)
    return rng.uniform(-20, 90, size=(80, 2)), rng.uniform(0.2, 1, size=80)


def away(grid, points):
    """Distance of what each pixel shows from each point, (n_points, n_rows, n_cols)."""
    sample = np.indices(SHAPE).astype(float)
    if grid.displacement is not None:
        sample += grid.displacement.transpose(2, 0, 1)
    return np.hypot(*(sample[:, None] - points.T[:, :, None, None]))


def test_sum_of_gaussians(grid, atoms):
    points, heights = atoms
    values = heights[:, None, None] * np.exp(-(away(grid, points) ** 2) / (2 * 2.3**2))
    np.testing.assert_allclose(
        grid.render(points, heights, 2.3), values.sum(axis=0), atol=len(points) * 4e-6
    )


def test_near(grid, atoms):
    points = atoms[0][:20]
    expected = (away(grid, points) <= 7.5).any(axis=0)
    np.testing.assert_array_equal(grid.near(points, 7.5), expected)
    assert 0.1 < expected.mean() < 0.9


def test_without_atoms(grid):
    assert grid.render(np.empty((0, 2)), np.empty(0), 2.0).max() == 0
    assert not grid.near(np.empty((0, 2)), 5.0).any()
