"""A five-fold twinned particle has a five-fold axis."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from logstar.datasets import compose_scene, decahedron

CENTER = np.array([150.0, 140.0])


@pytest.fixture(scope="module")
def scene():
    return compose_scene((300, 300), decahedron(4.08, 0.2, CENTER, 90, rotation=11))


def test_five_fold_symmetry(scene):
    turn = math.radians(72)
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    turned = (scene.positions - CENTER) @ matrix.T + CENTER
    assert cKDTree(scene.positions).query(turned)[0].max() < 1e-6


def test_wedges_share_the_column_in_the_middle_and_their_boundaries(scene):
    away = np.hypot(*(scene.positions - CENTER).T)
    assert (away < 1e-6).sum() == 1
    assert (np.abs(away - away[away > 1e-6].min()) < 1e-6).sum() == 5
    assert set(scene.grain_of_atoms) == {1, 2, 3, 4, 5}
    nearest = cKDTree(scene.positions).query(scene.positions, k=2)[0][:, 1]
    lattice = scene.lattice
    np.testing.assert_allclose(nearest, lattice.nearest_distance, rtol=1e-6)


def test_the_cell_is_nearly_cubic(scene):
    lattice = scene.lattice
    assert lattice.a * lattice.b == pytest.approx(4.08**2 / math.sqrt(2))
    assert lattice.a == pytest.approx(4.08, rel=0.015)


def test_atoms_fill_the_pentagon(scene):
    area = 5 * 90**2 * math.tan(math.radians(36))
    density = 2 / scene.lattice.unit_cell_area
    assert len(scene.positions) == pytest.approx(area * density, rel=0.12)


def test_errors():
    with pytest.raises(ValueError, match="each of distances must be"):
        decahedron(4.08, 0.2, CENTER, 0)
    with pytest.raises(ValueError, match="jitter must be"):
        decahedron(4.08, 0.2, CENTER, 50, jitter=-1)
