"""What several tests of the main job share."""

from __future__ import annotations

import numpy as np

from logstar import AtomFinder, Lattice
from logstar.datasets import Scene
from logstar.metrics import detection_metrics

#: Of the fixtures `scene` and `finder`.
CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)


def f1(atoms: np.ndarray, scene: Scene) -> float:
    """F1 away from the edges, where atoms show whole."""
    return detection_metrics(atoms, scene.positions, shape=scene.image.shape, margin=4).f1


def same_atoms(one: AtomFinder, other: AtomFinder) -> bool:
    """Check that two finders have equal atoms."""
    assert one.atoms_.columns == other.atoms_.columns
    for name in one.atoms_.columns:
        np.testing.assert_array_equal(one.atoms_[name], other.atoms_[name])
    return True
