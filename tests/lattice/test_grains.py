"""Grains found in scenes with exact truth, in single crystals, in noise and in a real boundary."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar.datasets import make_scene
from logstar.io import Micrograph, read_image
from logstar.lattice import Lattice, find_grains
from logstar.units import PixelSize
from tests.lattice.grain_scenes import compose, fcc_110, half, hexagonal, overlaps, perovskite

SHAPE = (384, 384)


def voronoi(shape, centres):
    rows, cols = np.indices(shape)
    return np.argmin([(rows - r) ** 2 + (cols - c) ** 2 for r, c in centres], axis=0)


@pytest.mark.parametrize(("angle", "noise"), [(25, 0.1), (25, 0.4), (8, 0.1), (5, 0.1)])
def test_a_tilt_boundary_is_found_with_its_angle(angle, noise):
    left = half(SHAPE)
    scene = compose(SHAPE, [(perovskite(), 5, left), (perovskite(), 5 + angle, ~left)], noise)
    grains = find_grains(scene.image)
    assert grains.kind == "grains"
    assert min(overlaps(scene.labels, grains.labels)) > 0.95
    assert grains.misorientations == pytest.approx(np.array([[0, angle], [angle, 0]]), abs=0.2)
    (boundary,) = grains.boundaries
    assert boundary.grains == (1, 2)
    assert boundary.length == pytest.approx(SHAPE[0] * np.hypot(1, 0.17), rel=0.15)
    assert grains.n_phases == 1


def test_each_lattice_lies_on_the_atoms_of_its_grain():
    left = half(SHAPE)
    scene = compose(SHAPE, [(perovskite(), 5, left), (perovskite(), 30, ~left)])
    grains = find_grains(scene.image, "0.2 A")
    owners = grains.grain_of(scene.atoms)
    for number, lattice in enumerate(grains.lattices, start=1):
        assert lattice.unit == "A"
        assert lattice.a == pytest.approx(4.0, rel=0.005)
        assert len(lattice.columns) == 2
        assert np.array_equal(lattice.mask, grains.mask_of(number))
        assert lattice.on_lattice(scene.atoms[owners == number]).mean() > 0.97


def test_a_coherent_twin_is_two_grains():
    # The trace of {111} is at arctan(1 / sqrt(2)) to the longer edge; rows of it are vertical here.
    turn = 90 - np.degrees(np.arctan(np.sqrt(0.5)))
    left = np.indices(SHAPE)[1] < SHAPE[1] / 2
    scene = compose(SHAPE, [(fcc_110(), turn, left), (fcc_110(), 180 - turn, ~left)])
    grains = find_grains(scene.image)
    assert min(overlaps(scene.labels, grains.labels)) > 0.95
    assert grains.misorientations[0, 1] == pytest.approx(70.53, abs=0.2)


def test_two_phases_are_told_apart():
    left = half(SHAPE)
    scene = compose(SHAPE, [(perovskite(), 5, left), (hexagonal(), 20, ~left)])
    grains = find_grains(scene.image)
    assert min(overlaps(scene.labels, grains.labels)) > 0.95
    assert grains.n_phases == 2


def test_domains_whose_cells_share_most_peaks_are_told_apart():
    left = half(SHAPE)
    crystal = Lattice.ybco("0.2159 A")
    scene = compose(SHAPE, [(crystal, 0, left), (crystal, 90, ~left)])
    grains = find_grains(scene.image)
    # The peaks that tell are those of a cell of 54 px, so the boundary is not right to a plane.
    assert min(overlaps(scene.labels, grains.labels)) > 0.85
    assert grains.misorientations[0, 1] == pytest.approx(90, abs=0.2)


def test_three_grains_meet_in_a_point():
    regions = voronoi((512, 512), [(120, 130), (150, 400), (400, 260)])
    scene = compose(
        (512, 512),
        [(hexagonal(), angle, regions == i) for i, angle in enumerate((3, 17, 44))],
        0.15,
    )
    grains = find_grains(scene.image)
    assert len(grains) == 3
    assert min(overlaps(scene.labels, grains.labels)) > 0.95
    assert sorted(one.misorientation for one in grains.boundaries) == pytest.approx(
        [14, 19, 27], abs=0.2
    )
    assert list(grains.shares) == sorted(grains.shares, reverse=True)


def test_parts_of_one_orientation_beside_a_lamella_are_grains_of_their_own():
    rows, cols = np.indices((512, 512))
    lamella = np.abs(cols - 256 + 0.3 * (rows - 256)) < 70
    sides = [~lamella & (cols < 256), ~lamella & (cols >= 256)]
    scene = compose(
        (512, 512),
        [(perovskite(), 5, sides[0]), (perovskite(), 35, lamella), (perovskite(), 5, sides[1])],
    )
    grains = find_grains(scene.image)
    assert min(overlaps(scene.labels, grains.labels)) > 0.93
    assert str(grains) == "3 grains, misorientation 30.0 degrees"


def test_vacuum_is_no_grain():
    rows, cols = np.indices((512, 512))
    crystal = rows < 350
    scene = compose(
        (512, 512),
        [(hexagonal(), 5, crystal & (cols < 250)), (hexagonal(), 28, crystal & (cols >= 250))],
    )
    grains = find_grains(scene.image)
    assert min(overlaps(scene.labels, grains.labels)) > 0.95
    assert (grains.labels[rows > 365] == 0).mean() > 0.99


@pytest.mark.parametrize("crystal", [perovskite(), hexagonal(11), fcc_110(13), Lattice.ybco(0.22)])
@pytest.mark.parametrize("noise", [0.05, 0.3, 0.8])
def test_a_single_crystal_stays_one(crystal, noise):
    everywhere = np.ones((256, 256), dtype=bool)
    grains = find_grains(compose((256, 256), [(crystal, 17, everywhere)], noise).image)
    assert grains.kind == "one crystal"
    assert grains.shares[0] > 0.9
    assert grains.boundaries == ()


@pytest.mark.parametrize("seed", range(20))
def test_noise_has_no_grain(seed):
    rng = np.random.default_rng(seed)
    size = (96, 128, 192, 256)[seed % 4]
    noise = rng.normal(size=(size, size))
    if seed % 3 == 1:
        noise = ndimage.gaussian_filter(noise, 1.5)
    elif seed % 3 == 2:
        noise = rng.poisson(3, size=(size, size)).astype(float)
    grains = find_grains(noise)
    assert grains.kind == "none"
    assert len(grains) == 0
    assert not grains.labels.any()


def test_dark_atoms_masks_and_calibrated_images():
    left = half(SHAPE)
    scene = compose(SHAPE, [(perovskite(), 5, left), (perovskite(), 30, ~left)])
    dark = find_grains(Micrograph(-scene.image, PixelSize(20, "pm")), polarity="dark")
    bright = find_grains(scene.image)
    assert np.array_equal(dark.labels, bright.labels)
    assert dark.lattices[0].a == pytest.approx(20 * bright.lattices[0].a)
    upper = np.zeros(SHAPE, dtype=bool)
    upper[:250] = True
    masked = find_grains(scene.image, mask=upper)
    assert len(masked) == 2
    assert not masked.labels[250:].any()
    assert find_grains(scene.image, mask=left).kind == "one crystal"


def test_the_same_again():
    left = half(SHAPE)
    scene = compose(SHAPE, [(perovskite(), 5, left), (perovskite(), 30, ~left)], 0.4)
    one, two = (find_grains(scene.image) for _ in range(2))
    assert np.array_equal(one.labels, two.labels)
    assert one.lattices == two.lattices


def test_what_cannot_be_is_refused():
    image = make_scene(random_state=0).image
    with pytest.raises(ValueError, match="polarity must be 'bright' or 'dark', got 'grey'"):
        find_grains(image, polarity="grey")
    with pytest.raises(ValueError, match=r"mask has shape \(2, 2\)"):
        find_grains(image, mask=np.ones((2, 2), dtype=bool))
    with pytest.raises(ValueError, match="mask leaves no pixel"):
        find_grains(image, mask=np.zeros(image.shape, dtype=bool))
    assert find_grains(np.ones((128, 128))).kind == "none"


def test_the_boundary_of_a_gold_bicrystal(shared_data):
    image = read_image(shared_data / "real" / "atomsegnet_Grain_boundry_gold_512px.png").image
    grains = find_grains(image)
    assert len(grains) == 2
    # By eye the boundary runs from column 165 at the top to column 325 at the bottom.
    rows, cols = np.indices(image.shape)
    left = cols < 165 + 160 * rows / 511
    assert min(overlaps(np.where(left, 1, 2), grains.labels)) > 0.95
    # Two <110> projections whose long diagonals are at right angles, by eye.
    assert grains.misorientations[0, 1] == pytest.approx(88, abs=4)
