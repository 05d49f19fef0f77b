"""Which part of a large image is learnt from."""

from __future__ import annotations

import numpy as np

from logstar.tuning import _damage_part
from logstar.tuning._damage_part import part_with_damage


def crystal(shape, pitch=12.0):
    axes = [np.arange(pitch / 2, n, pitch) for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def test_a_part_with_damage_and_crystal(monkeypatch):
    monkeypatch.setattr(_damage_part, "_SIDE", 300)
    monkeypatch.setattr(_damage_part, "_SIDE_IN_SPACINGS", 20.0)
    rng = np.random.default_rng(0)
    atoms = crystal((1500, 1800)) + rng.normal(0, 0.2, (125 * 150, 2))
    # A pocket of displaced atoms, and a hole as large.
    pocket = np.hypot(*(atoms - [1000, 1300]).T) < 100
    atoms[pocket] += rng.uniform(-5, 5, (pocket.sum(), 2))
    atoms = atoms[np.hypot(*(atoms - [300, 300]).T) > 150]
    rows, cols = part_with_damage(atoms, (1500, 1800))
    assert rows.stop - rows.start == cols.stop - cols.start == 300
    row, col = np.indices((1500, 1800), sparse=True)
    share = (np.hypot(row - 1000, col - 1300) < 100)[rows, cols].mean()
    assert 0.1 < share < 0.5


def test_a_small_image_is_taken_as_a_whole():
    whole = (slice(0, 300), slice(0, 500))
    assert part_with_damage(crystal((300, 500)), (300, 500)) == whole
    assert part_with_damage(np.empty((0, 2)), (300, 500)) == whole


def test_without_damage_any_part_does(monkeypatch):
    monkeypatch.setattr(_damage_part, "_SIDE", 300)
    monkeypatch.setattr(_damage_part, "_SIDE_IN_SPACINGS", 20.0)
    rows, cols = part_with_damage(crystal((900, 700)), (900, 700))
    assert (rows.stop - rows.start, cols.stop - cols.start) == (300, 300)
    assert 0 <= rows.start <= 600
    assert 0 <= cols.start <= 400
