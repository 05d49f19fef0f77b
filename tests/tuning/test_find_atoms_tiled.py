"""Images that are tuned on in parts and found by tiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar import Lattice, find_atoms
from logstar._validation import as_image
from logstar.datasets import make_scene
from logstar.exceptions import NotOneLatticeError
from logstar.metrics import detection_metrics
from logstar.tuning import _find_atoms_tiled, find_atoms_tiled
from logstar.tuning._find_atoms_tiled import representative_parts
from logstar.tuning._refining import refine_atoms

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.25)
SHAPE = (640, 700)
OPTIONS = {"lattice": CRYSTAL, "part_side": 160, "tile": 256}


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, SHAPE, rotation=11, noise=0.2, random_state=0)


def f1(found, scene):
    return detection_metrics(found, scene.positions, shape=SHAPE, margin=4).f1


def test_atoms_are_as_good_as_those_of_the_whole_image(scene):
    found = find_atoms_tiled(scene.image, **OPTIONS, n_parts=3)
    whole = find_atoms(scene.image, lattice=CRYSTAL, refine=None)
    assert f1(found.atoms, scene) > f1(whole.atoms_, scene) - 0.002
    assert found.finder.verdict_.status == "ok"
    assert max(np.abs(found.qc_of_parts)) < 0.05
    assert len(found.parts) == 3
    assert found.part in found.parts
    # In the scale of the part: away from its edges responses are the finder's own.
    own, strengths = found.finder.atoms_, found.atoms["response"]
    places = own.positions + [part.start for part in found.part]
    inside = ((own.positions > 30) & (own.positions < 130)).all(axis=1)
    apart, nearest = KDTree(found.atoms.positions).query(places[inside])
    same = apart == 0
    assert same.mean() > 0.98
    np.testing.assert_allclose(strengths[nearest][same], own["response"][inside][same], rtol=1e-4)
    assert (np.diff(strengths) <= 0).all()
    assert found.atoms["flagged"].mean() < 0.01


@pytest.mark.parametrize("how", ["window", "joint"])
def test_atoms_are_refined_as_in_the_whole_image(scene, monkeypatch, how):
    monkeypatch.setattr(_find_atoms_tiled, "_REFINED_SIDE", 250)
    found = find_atoms_tiled(scene.image, **OPTIONS, n_parts=1, refine=how).atoms
    raw = find_atoms_tiled(scene.image, **OPTIONS, n_parts=1).atoms
    whole = refine_atoms(as_image(scene.image), np.asarray(raw), how=how, polarity="bright")
    expected = whole.atoms[:, :2]
    np.testing.assert_array_equal(found["response"], raw["response"])
    assert (found["status"] == whole.status).mean() > 0.99
    apart = np.hypot(*(found.positions - expected).T)
    # Far less than what noise leaves uncertain of each.
    by_error = apart / found["row_error"]
    assert np.nanmedian(by_error) < 0.01
    assert np.nanquantile(by_error, 0.99) < 0.2
    exact, rough = (
        detection_metrics(one, scene.positions, shape=SHAPE, margin=8).rmse for one in (found, raw)
    )
    assert exact < 0.9 * rough


def test_parts_without_crystal_are_passed_over(scene):
    image = scene.image.copy()
    image[:, 350:] = 0.2 * np.random.default_rng(0).standard_normal((SHAPE[0], 350))
    found = find_atoms_tiled(image, **OPTIONS)
    assert found.finder.verdict_.status == "ok"
    inside = scene.positions[scene.positions[:, 1] < 340]
    left = found.atoms.positions[found.atoms["col"] < 340]
    assert detection_metrics(left, inside, shape=(SHAPE[0], 340), margin=6).f1 > 0.99


def test_parts_are_where_the_image_varies(scene):
    image = np.zeros((2000, 2000))
    image[1000:1640, 1100:1800] = scene.image
    for rows, cols in representative_parts(image, image.shape, 4, 256):
        assert image[rows, cols].any()
        assert (rows.stop - rows.start, cols.stop - cols.start) == (256, 256)
        assert rows.start >= 0
        assert cols.stop <= 2000


def test_what_cannot_be_is_refused(scene):
    with pytest.raises(ValueError, match="mask is about an image as a whole"):
        find_atoms_tiled(scene.image, mask=np.ones(SHAPE, bool))
    with pytest.raises(ValueError, match="window is about an image as a whole"):
        find_atoms_tiled(scene.image, window="auto")
    with pytest.raises(ValueError, match="part_side must be at least 128"):
        find_atoms_tiled(scene.image, part_side=10)
    with pytest.raises(ValueError, match="n_parts must be at least 1"):
        find_atoms_tiled(scene.image, n_parts=0)
    with pytest.raises(ValueError, match="single atoms are compared with the noise"):
        find_atoms_tiled(scene.image, **{**OPTIONS, "lattice": None}, n_parts=1)
    noise = np.random.default_rng(0).standard_normal((300, 300))
    with pytest.raises(NotOneLatticeError):
        find_atoms_tiled(noise, lattice="auto", part_side=160, n_parts=2)
