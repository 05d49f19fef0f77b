"""Which columns lie beyond the frame, and what they are."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.lattice import ImageLattice
from logstar.refinement._beyond import columns_beyond


def test_kinds_of_columns_at_which_no_atom_is_listed_are_left_out():
    scene = make_scene(Lattice.perovskite(3.905, pixel_size=0.2), shape=(96, 96), random_state=0)
    lattice = ImageLattice.from_image(scene.image)
    one = scene.kinds == scene.kinds[0]
    for some, n_kinds in ((one, 1), (np.ones_like(one), 2), (np.zeros_like(one), 0)):
        atoms, names = scene.positions[some], scene.kinds[some]
        if not some.any():
            # Atoms that are at no column of the lattice.
            atoms = scene.positions[one] + lattice.vectors[0] / 2
            names = scene.kinds[one]
        points, kinds = columns_beyond(scene.image.shape, lattice, 2.5, atoms, names)
        assert len(np.unique(kinds)) == n_kinds
        assert len(points) == len(kinds)
        assert ((points < -0.5) | (points > 95.5)).any(axis=1).all()


def test_places_follow_the_atoms():
    """Of a lattice that is turned, stretched and shifted a little against the atoms."""
    scene = make_scene(Lattice.ybco(pixel_size=0.2), shape=(160, 160), random_state=0)
    lattice = ImageLattice.from_image(scene.image)
    shape = scene.image.shape
    sites, kinds = lattice.positions(margin=9.0)
    turn = np.array([[1.002, 0.001], [-0.0015, 0.999]])
    shifts = {kind: [0.1 * number, -0.05 * number] for number, kind in enumerate(np.unique(kinds))}
    true = sites @ turn + np.array([shifts[kind] for kind in kinds]) + 0.3
    inside = ((true >= 0) & (true <= 159)).all(axis=1)
    found, names = columns_beyond(shape, lattice, 2.5, true[inside], kinds[inside])
    away, nearest = KDTree(true[~inside]).query(found)
    np.testing.assert_allclose(away, 0, atol=1e-9)
    np.testing.assert_array_equal(kinds[~inside][nearest], names)
    assert ((found > -8) & (found < 167)).all()
    # A few atoms correct nothing.
    few = np.flatnonzero(inside)[:5]
    found, _ = columns_beyond(shape, lattice, 2.5, true[few], kinds[few])
    np.testing.assert_allclose(KDTree(sites).query(found)[0], 0, atol=1e-9)
