"""The collection of typical scenes: each keeps what its name promises."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from logstar.datasets import REGIONS, compose_scene, make_typical_scene, typical_scene_kinds

SHAPE = (320, 320)
KINDS = list(typical_scene_kinds())


@pytest.fixture(scope="module")
def scenes():
    return {kind: make_typical_scene(kind, SHAPE, random_state=1) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_truth_fits_the_image(kind, scenes):
    scene = scenes[kind]
    assert scene.image.shape == SHAPE
    assert np.isfinite(scene.image).all()
    assert len(scene.positions) == len(scene.kinds) > 20
    assert (scene.positions >= 0).all()
    assert (scene.positions <= 319).all()
    row, col = scene.positions.round().astype(int).T
    if scene.field_mask is not None:
        assert scene.field_mask[row, col].all()
    # Atoms stand out of the field that they are in, whatever lies over or under them.
    sign = 1 if scene.polarity == "bright" else -1
    nowhere = np.ones(SHAPE, bool) if scene.field_mask is None else scene.field_mask
    assert (sign * scene.image[row, col]).mean() > (sign * scene.image[nowhere]).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_seeds(kind, scenes):
    again = make_typical_scene(kind, SHAPE, random_state=1)
    np.testing.assert_array_equal(again.image, scenes[kind].image)
    assert not np.array_equal(make_typical_scene(kind, SHAPE).image, again.image)


@pytest.mark.parametrize(
    ("kind", "regions"),
    [
        ("grains", {"crystal", "other grain"}),
        ("twin", {"crystal", "other grain"}),
        ("interface", {"crystal", "other grain"}),
        ("five_fold_particle", {"crystal", "other grain", "vacuum"}),
        ("particle", {"crystal", "vacuum"}),
        ("supported_particle", {"crystal", "amorphous"}),
        ("flake_edge", {"crystal", "vacuum"}),
        ("holes", {"crystal", "vacuum"}),
        ("amorphous", {"crystal", "amorphous"}),
        ("contaminated", {"crystal", "contamination"}),
        ("saturated", {"crystal", "contamination"}),
        ("streaks", {"crystal", "contamination"}),
        ("single_atoms", {"amorphous"}),
        ("low_dose", {"crystal"}),
    ],
)
def test_regions(kind, regions, scenes):
    assert {REGIONS[i] for i in np.unique(scenes[kind].regions)} == regions


@pytest.mark.parametrize("kind", ["dumbbells", "shoulders"])
def test_pairs_are_not_resolved(kind, scenes):
    """Between the columns of a pair the image without noise has no minimum."""
    (grain,) = scenes[kind].grains
    clean = compose_scene(SHAPE, [dataclasses.replace(grain, jitter=0.0)])
    inner = (np.abs(clean.positions - 159.5) < 130).all(axis=1)
    points = clean.positions[inner]
    pairs = cKDTree(points).query_pairs(
        1.01 * grain.lattice.nearest_distance, output_type="ndarray"
    )
    assert len(pairs) > 100
    along = np.linspace(0, 1, 41)[:, None, None]
    places = points[pairs[:, 0]] * (1 - along) + points[pairs[:, 1]] * along
    profiles = ndimage.map_coordinates(clean.image.astype(float), places.transpose(2, 0, 1))
    ends = np.minimum(profiles[0], profiles[-1])
    np.testing.assert_array_less(ends * (1 - 1e-3), profiles.min(axis=0))


def test_what_else_the_names_promise(scenes):
    assert scenes["stm"].image.max() < 0
    assert scenes["dark_atoms"].polarity == "dark"
    assert scenes["defects"].vacancies is not None
    assert {"W on Mo", "Se on S2"} <= set(scenes["defects"].kinds)
    assert scenes["saturated"].hidden is not None
    assert len(scenes["grains"].grains) == 3
    for kind in ("affine_drift", "bent_drift"):
        assert np.ptp(scenes[kind].displacement) > 3
    nearest = cKDTree(scenes["single_atoms"].positions).query(
        scenes["single_atoms"].positions, k=2
    )[0]
    assert nearest[:, 1].min() >= 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gold",), "kind must be one of defects, amorphous"),
        (("twin", (64, 512)), "shape must be at least 128 both ways"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_typical_scene(*arguments)
