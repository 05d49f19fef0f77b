"""Single atoms: how many, how far apart, how bright."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from logstar.datasets import Region, SingleAtoms, compose_scene


def test_number_distance_and_image():
    atoms = SingleAtoms(60, min_distance=12, sigma=1.5)
    scene = compose_scene((200, 240), [atoms], random_state=1)
    assert scene.positions.shape == (60, 2)
    assert cKDTree(scene.positions).query(scene.positions, k=2)[0][:, 1].min() >= 12
    assert scene.lattice is None
    assert scene.pixel_size is None
    assert scene.field_mask.all()
    assert set(scene.kinds) == {"Pt"}
    # The whole light of an atom: those in the middle have a window of their own.
    row, col = scene.positions[0].round().astype(int)
    inner = [p for p in scene.positions if (np.abs(p - [100, 120]) < [90, 110]).all()]
    for row, col in inner[:20]:
        r, c = round(row), round(col)
        window = scene.image[r - 3 : r + 4, c - 3 : c + 4]
        away = np.exp(-((r - row) ** 2 + (c - col) ** 2) / (2 * 1.5**2))
        assert window.max() >= away - 1e-3
        assert scene.image[r, c] == pytest.approx(away, abs=0.01)


def test_region_and_spread():
    disc = Region.disc((100, 100), 60)
    atoms = SingleAtoms(40, 10, disc, spread=0.2, brightness=2.0, species="Ir")
    scene = compose_scene((200, 200), [atoms], random_state=0)
    assert (np.hypot(*(scene.positions - 100).T) <= 60 + 1e-6).all()
    np.testing.assert_array_equal(scene.field_mask, disc.mask((200, 200)))
    row, col = scene.positions.round().astype(int).T
    assert 0.15 < (scene.image[row, col] / 2).std() < 0.3


def test_too_many():
    with pytest.raises(ValueError, match="n_atoms=500 do not fit 20 px apart"):
        compose_scene((100, 100), [SingleAtoms(500, 20)])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_atoms": 0}, "n_atoms must be at least 1"),
        ({"min_distance": 0}, "min_distance must be"),
        ({"sigma": 0}, "sigma must be"),
        ({"spread": 0.5}, "spread must be finite and >= 0 and <= 0.3"),
        ({"species": "Xx"}, "chemical symbol"),
    ],
)
def test_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        SingleAtoms(**({"n_atoms": 5, "min_distance": 5} | parameters))


def test_region_of_a_wrong_type():
    with pytest.raises(TypeError, match="region must be a Region"):
        SingleAtoms(5, 5, np.ones((3, 3)))
