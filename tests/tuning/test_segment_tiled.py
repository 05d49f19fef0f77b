"""Damage of a large image, tile by tile."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.segmentation import KINDS, AmorphousGMMSegmenter
from logstar.segmentation._regions import describe_regions
from logstar.tuning import _damage_part, segment_tiled

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
    damage, tiled = tiled, tiled.kinds_
    whole = segmenter.kinds_of(scene.image, scene.positions)
    assert overlap(tiled == AMORPHOUS, whole == AMORPHOUS) > 0.95
    assert overlap(tiled == AMORPHOUS, scene.amorphous_mask) > 0.8
    assert (tiled == whole).mean() > 0.995
    np.save(tmp_path / "image.npy", scene.image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    out = tmp_path / "kinds.npy"
    again = segment_tiled(segmenter, mapped, scene.positions, tile=320, out=out)
    np.testing.assert_array_equal(np.load(out), tiled)
    assert again.regions_ == damage.regions_
    assert again.part is None
    # Pockets that lie across seams are one region each.
    kept = describe_regions(tiled, scene.positions)
    assert [one.area for one in damage.regions_] == [one.area for one in kept]
    assert [one.n_atoms for one in damage.regions_] == [one.n_atoms for one in kept]
    pockets = [one for one in damage.regions_ if one.kind == "amorphous"]
    assert len(pockets) == len(POCKETS)
    for one in pockets:
        assert min(np.hypot(*(np.array(one.centroid) - pocket[:2])) for pocket in POCKETS) < 10
        assert one.disorder > 0.45
        assert 0.5 < one.confidence <= 1
        assert one.area_in_atoms == pytest.approx(one.area / 12.9**2 * 1.0, rel=0.5)
    assert damage.shares_["amorphous"] == (tiled == AMORPHOUS).mean()
    assert all("is below" in one.rejected_for for one in damage.rejected_)


def test_the_part_to_learn_from_is_found(scene, monkeypatch):
    monkeypatch.setattr(_damage_part, "_SIDE", 300)
    monkeypatch.setattr(_damage_part, "_SIDE_IN_SPACINGS", 20.0)
    segmenter = AmorphousGMMSegmenter(random_state=0)
    damage = segment_tiled(segmenter, scene.image, scene.positions, tile=320)
    assert scene.amorphous_mask[damage.part].mean() > 0.05
    assert overlap(damage.kinds_ == AMORPHOUS, scene.amorphous_mask) > 0.8
    assert not hasattr(segmenter, "mixture_")
    dark = segment_tiled(segmenter, -scene.image, scene.positions, tile=320, polarity="dark")
    np.testing.assert_array_equal(dark.kinds_, damage.kinds_)


def test_a_run_that_was_stopped_goes_on(scene, segmenter, tmp_path):
    undisturbed = segment_tiled(segmenter, scene.image, scene.positions, tile=320)
    log, out = tmp_path / "log", tmp_path / "kinds.npy"
    told = []

    def stop(state):
        told.append(state.n_done)
        if state.n_done == 4 and told.count(4) == 1:
            raise KeyboardInterrupt

    run = {"tile": 320, "checkpoint": log, "out": out, "progress": stop}
    with pytest.raises(KeyboardInterrupt):
        segment_tiled(segmenter, scene.image, scene.positions, **run)
    with pytest.raises(ValueError, match=r"log is of another run: .*n_atoms was"):
        segment_tiled(segmenter, scene.image, scene.positions[1:], **run)
    damage = segment_tiled(segmenter, scene.image, scene.positions, **run)
    assert told == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(damage.kinds_, undisturbed.kinds_)
    assert damage.regions_ == undisturbed.regions_
    assert not log.exists()


def test_tiles_without_crystal(scene, segmenter):
    image = np.pad(scene.image, [(0, 0), (0, 700)])
    image[:, 800:] += np.random.default_rng(0).normal(0, 0.1, (520, 700)).astype(image.dtype)
    kinds = segment_tiled(segmenter, image, scene.positions, tile=320).kinds_
    # Beyond the tile in which the crystal ends.
    assert (kinds[:, 1280:] == VACUUM).all()


def test_what_cannot_be_is_refused(scene, segmenter):
    with pytest.raises(TypeError, match="segmenter must be an AmorphousGMMSegmenter, got int"):
        segment_tiled(3, scene.image, scene.positions)
    with pytest.raises(ValueError, match="array must have 2 axes"):
        segment_tiled(segmenter, scene.image[None], scene.positions)
    with pytest.raises(ValueError, match="polarity must be 'bright' or 'dark', got 'grey'"):
        segment_tiled(segmenter, scene.image, scene.positions, polarity="grey")
    with pytest.raises(ValueError, match="tile must be at least 64"):
        segment_tiled(segmenter, scene.image, scene.positions, tile=10)
