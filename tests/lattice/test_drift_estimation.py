"""Little bends, which leave Bragg peaks sharp."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene, make_typical_scene
from logstar.exceptions import NotOneLatticeError
from logstar.lattice import ImageLattice, Lattice, estimate_drift


@pytest.mark.parametrize("seed", range(2))
def test_little_bends_are_found(seed):
    scene = make_typical_scene("stm", random_state=seed)
    seen = ImageLattice.from_image(scene.image)
    assert seen.drift is None
    drift = estimate_drift(scene.image, seen)
    points = np.argwhere(np.ones((16, 16), dtype=bool)) * 28.0 + 40
    rows, cols = points.astype(int).T
    table = np.column_stack([np.ones(len(points)), points])
    off = drift.at(points) - scene.displacement[rows, cols]
    off -= table @ np.linalg.lstsq(table, off, rcond=None)[0]
    assert np.sqrt(np.mean(off**2)) < 0.2
    other = estimate_drift(-scene.image, seen, polarity="dark")
    np.testing.assert_allclose(other.at(points), drift.at(points), atol=0.01)


def test_what_is_known_is_not_estimated_again():
    scene = make_typical_scene("bent_drift", random_state=1)
    seen = ImageLattice.from_image(scene.image)
    assert estimate_drift(scene.image, seen) is seen.drift


def test_an_image_without_the_lattice_has_no_drift(rng):
    seen = ImageLattice.from_image(
        make_scene(Lattice.perovskite(4.0, 0.2), (160, 160), random_state=0).image
    )
    with pytest.raises(NotOneLatticeError):
        estimate_drift(rng.normal(size=(160, 160)), seen)
