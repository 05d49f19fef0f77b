"""Damage of a large image, tile by tile."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.segmentation import KINDS, AmorphousGMMSegmenter
from logstar.tuning import segment_tiled

AMORPHOUS, VACUUM = KINDS.index("amorphous"), KINDS.index("vacuum")
#: The second and third lie across borders of tiles of 320 px, the third across a corner.
POCKETS = [(120, 130, 50), (330, 200, 45), (325, 640, 55)]


@pytest.fixture(scope="module")
def scene():
    return make_scene(shape=(520, 800), amorphous_pockets=POCKETS, noise=0.1, random_state=0)


@pytest.fixture(scope="module")
def segmenter(scene):
    near = (scene.positions < 300).all(axis=1)
    own = AmorphousGMMSegmenter(random_state=0)
    return own.fit(scene.image[:300, :300], positions=scene.positions[near])


def overlap(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def test_regions_are_those_of_the_whole_image_across_seams(scene, segmenter, tmp_path):
    told = []
    tiled = segment_tiled(segmenter, scene.image, scene.positions, tile=320, progress=told.append)
    assert [one.n_done for one in told] == [1, 2, 3, 4, 5, 6]
    whole = segmenter.kinds_of(scene.image, scene.positions)
    assert overlap(tiled == AMORPHOUS, whole == AMORPHOUS) > 0.95
    assert overlap(tiled == AMORPHOUS, scene.amorphous_mask) > 0.8
    assert (tiled == whole).mean() > 0.995
    np.save(tmp_path / "image.npy", scene.image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    out = tmp_path / "kinds.npy"
    segment_tiled(segmenter, mapped, scene.positions, tile=320, out=out)
    np.testing.assert_array_equal(np.load(out), tiled)


def test_tiles_without_crystal(scene, segmenter):
    image = np.pad(scene.image, [(0, 0), (0, 700)])
    image[:, 800:] += np.random.default_rng(0).normal(0, 0.1, (520, 700)).astype(image.dtype)
    kinds = segment_tiled(segmenter, image, scene.positions, tile=320)
    # Beyond the tile in which the crystal ends.
    assert (kinds[:, 1280:] == VACUUM).all()


def test_what_cannot_be_is_refused(scene, segmenter):
    with pytest.raises(TypeError, match="segmenter must be an AmorphousGMMSegmenter, got int"):
        segment_tiled(3, scene.image, scene.positions)
    with pytest.raises(ValueError, match="array must have 2 axes"):
        segment_tiled(segmenter, scene.image[None], scene.positions)
    with pytest.raises(ValueError, match="tile must be at least 64"):
        segment_tiled(segmenter, scene.image, scene.positions, tile=10)
