"""Which atoms lie under contamination, against scenes that know."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import AtomFinder
from logstar.datasets import make_typical_scene
from logstar.metrics import detection_metrics
from logstar.tuning._contamination import contaminated_area


def spacing_of(scene):
    lattices = [grain.lattice for grain in scene.grains] or [scene.lattice]
    return min(lattice.nearest_distance for lattice in lattices)


@pytest.mark.parametrize("kind", ["contaminated", "saturated"])
def test_atoms_under_contamination_are_those_of_the_scene(kind):
    scene = make_typical_scene(kind, (512, 512), random_state=1)
    area = contaminated_area(scene.image, scene.positions, spacing_of(scene))
    at = tuple(np.round(scene.positions).astype(int).clip(0, 511).T)
    found, true = area[at], scene.contamination_mask[at]
    assert np.mean(true[found]) > 0.9
    assert np.mean(found[true]) > 0.8


@pytest.mark.parametrize(
    "kind",
    ["interface", "particle", "supported_particle", "grains", "holes", "amorphous", "dark_atoms"],
)
def test_what_is_bright_otherwise_is_no_contamination(kind):
    scene = make_typical_scene(kind, (256, 256), random_state=0)
    options = {"polarity": scene.polarity}
    assert contaminated_area(scene.image, scene.positions, spacing_of(scene), **options) is None


def test_where_nothing_tells_there_is_none(rng):
    image = rng.normal(size=(64, 64))
    assert contaminated_area(image, np.argwhere(np.eye(10)) * 6.0, 6.0) is None


def test_dark_contamination_among_dark_atoms():
    scene = make_typical_scene("contaminated", (256, 256), random_state=0)
    bright = contaminated_area(scene.image, scene.positions, spacing_of(scene))
    dark = contaminated_area(-scene.image, scene.positions, spacing_of(scene), polarity="dark")
    np.testing.assert_array_equal(dark, bright)


@pytest.mark.parametrize("denoise", ["none", "auto"])
def test_the_table_and_the_verdict_tell(denoise):
    scene = make_typical_scene("saturated", (256, 256), random_state=1)
    finder = AtomFinder(denoise=denoise, refine=None).fit(scene.image)
    found = detection_metrics(
        finder.atoms_.positions, scene.positions, tolerance=3.5, shape=(256, 256), margin=7
    )
    assert found.f1 > 0.96
    at = tuple(np.round(finder.atoms_.positions).astype(int).T)
    assert np.array_equal(finder.atoms_["contaminated"], finder.contamination_[at])
    n_below = int(finder.atoms_["contaminated"].sum())
    assert n_below > 10
    share = finder.contamination_.mean()
    words = f"{share:.0%} of the image lies under contamination, {n_below} atoms among it"
    assert words in finder.verdict_.remarks
