"""Crystals that drift has bent, against how the scene was bent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar.datasets import make_typical_scene
from logstar.exceptions import NotOneLatticeError
from logstar.lattice import ImageLattice
from logstar.lattice._peaks import find_peaks, flatten
from logstar.lattice._straightening import find_bent, straightened


def without_affine(field):
    """A map less its plane."""
    rows, cols = np.indices(field.shape)
    table = np.column_stack([np.ones(field.size), rows.ravel(), cols.ravel()])
    return field - (table @ np.linalg.lstsq(table, field.ravel(), rcond=None)[0]).reshape(
        field.shape
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_bend_of_a_scan_is_found(seed):
    scene = make_typical_scene("bent_drift", random_state=seed)
    bent = find_bent(flatten(scene.image), unexplained=0.5)
    assert bent is not None
    assert bent.bragg.share > 0.99
    true = np.moveaxis(scene.displacement, 2, 0)
    # The jitter of rows is no bend.
    true = [without_affine(ndimage.gaussian_filter1d(axis, 6, axis=0)) for axis in true]
    off = np.array([without_affine(axis) for axis in bent.bend]) - true
    assert np.sqrt(np.mean(np.square(true))) > 2
    assert np.sqrt(np.mean(off[:, 30:-30, 30:-30] ** 2)) < 0.35


@pytest.mark.parametrize("seed", range(3))
def test_a_bent_crystal_is_one_lattice(seed):
    scene = make_typical_scene("bent_drift", random_state=seed)
    found = ImageLattice.from_image(scene.image)
    assert found.confidence > 0.99
    assert len(found.columns) == 2
    # Bending is taken out, what is the same all over the image stays.
    assert found.a == pytest.approx(3.905 / 0.2, rel=0.02)
    assert found.b == pytest.approx(3.905 / 0.2, rel=0.02)
    true = np.array([without_affine(axis) for axis in np.moveaxis(scene.displacement, 2, 0)])
    rms = np.sqrt(np.mean(true**2, axis=(1, 2))).max()
    assert found.drift.rms == pytest.approx(rms, rel=0.1)
    assert found.expected_count(scene.image.shape).n == pytest.approx(
        len(scene.positions), rel=0.02
    )


def test_a_straight_crystal_is_not_bent():
    for kind in ("affine_drift", "contaminated"):
        assert ImageLattice.from_image(make_typical_scene(kind).image).drift is None


@pytest.mark.parametrize("kind", ["grains", "interface", "five_fold_particle"])
def test_several_crystals_are_not_a_bent_one(kind):
    for seed in range(2):
        scene = make_typical_scene(kind, random_state=seed)
        assert find_bent(flatten(scene.image), unexplained=0.5) is None


def test_tunnelling_images_show_their_lattice():
    """Offsets of the lines put power on one axis of the spectrum, which is not the crystal's."""
    for seed in range(2):
        scene = make_typical_scene("stm", random_state=seed)
        found = ImageLattice.from_image(scene.image)
        assert found.nearest_distance == pytest.approx(scene.lattice.nearest_distance, rel=0.03)


def test_of_a_mask_the_part_within_counts():
    scene = make_typical_scene("bent_drift", random_state=1)
    image, mask = scene.image.copy(), np.zeros(scene.image.shape, dtype=bool)
    mask[:, :300] = True
    image[~mask] = np.random.default_rng(0).normal(size=np.count_nonzero(~mask))
    with pytest.raises(NotOneLatticeError):
        ImageLattice.from_image(image)
    assert ImageLattice.from_image(image, mask=mask).confidence > 0.99


def test_straightening_undoes_a_known_bend():
    rows, cols = np.indices((120, 140)).astype(np.float32)

    def wave(row, col):
        return np.cos(0.3 * row + 0.2 * col) + np.sin(0.25 * col)

    bend = np.array([3 * np.sin(rows / 30), 2 * np.cos(rows / 25 + cols / 90)], dtype=np.float32)
    flat = wave(rows + bend[0], cols + bend[1]).astype(np.float32)
    off = straightened(flat, bend) - wave(rows, cols)
    assert np.abs(off[8:-8, 8:-8]).max() < 0.02


@pytest.mark.parametrize("kind", ["smooth", "rows"])
def test_smooth_noise_has_no_bragg_peaks(kind):
    """Where its spectrum has fallen by nine orders of magnitude, peaks are no lattice."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        image = ndimage.gaussian_filter(rng.normal(size=(256, 256)), 2)
        if kind == "rows":
            image += 0.1 * rng.normal(size=(256, 1))
        assert len(find_peaks(flatten(image)).frequencies) == 0
