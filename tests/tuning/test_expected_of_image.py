"""What an image says of a crystal, or alone."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.lattice import ImageLattice, Lattice
from logstar.tuning import Expectation

CRYSTAL = Lattice.perovskite(4.0, 0.25)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (160, 170), rotation=7, noise=0.1, random_state=1)


def test_the_image_corrects_the_calibration(scene):
    wrong = CRYSTAL.with_pixel_size(0.25 * 1.034)
    expectation = Expectation.from_image(scene.image, wrong)
    assert expectation.pixel_size.to("A").value == pytest.approx(0.25, rel=0.003)
    assert "calibration is 3.4% too large" in expectation.calibration
    # What is printed and what is used are one number.
    assert f"{expectation.pixel_size.value:.5g}" == repr(expectation.pixel_size.value)
    assert f"{expectation.pixel_size} fits" in expectation.calibration
    right = Expectation.from_image(scene.image, CRYSTAL)
    assert expectation.n_expected == right.n_expected
    assert expectation.distance_sum == pytest.approx(right.distance_sum, rel=0.005)
    alone = Expectation.from_image(scene.image)
    assert alone.n_expected == right.n_expected
    assert alone.distance_sum == pytest.approx(right.distance_sum, rel=0.005)
    assert isinstance(right.lattice, ImageLattice)


def test_an_image_without_lattice_leaves_the_count_uncertain(rng):
    expectation = Expectation.from_image(rng.normal(size=(160, 170)), CRYSTAL)
    assert expectation.image_lattice is None
    assert expectation.lattice == CRYSTAL
    assert expectation.pixel_size is None
    assert expectation.uncertainty > 0.06
    assert expectation.calibration.startswith("not confirmed by the image, which shows no")


def test_another_crystal_is_said_if_it_is_forced(scene):
    other = Lattice(3.1, 5.2, columns=CRYSTAL.columns, pixel_size=0.25)
    expectation = Expectation.from_image(scene.image, other, force=True)
    assert "not that of the crystal" in expectation.calibration
    assert expectation.uncertainty > 0.06
    assert expectation.lattice == other


def test_holes_are_left_out():
    mask = np.ones((200, 200), dtype=bool)
    mask[:, 130:] = False
    crystal = Lattice.perovskite(4.0, 0.2, mask=mask)
    scene = make_scene(crystal, (200, 200), noise=0.05, rotation=4, random_state=0)
    expectation = Expectation.from_image(scene.image, Lattice.perovskite(4.0, 0.2))
    assert expectation.field_share == pytest.approx(0.65, abs=0.04)
    assert expectation.n_expected == pytest.approx(len(scene.positions), rel=0.1)


def test_a_crystal_keeps_the_mask(scene, rng):
    mask = np.zeros(scene.image.shape, dtype=bool)
    mask[:80] = True
    for crystal in (CRYSTAL.with_mask(mask), CRYSTAL):
        expectation = Expectation.from_image(rng.normal(size=scene.image.shape), crystal, mask=mask)
        assert expectation.n_expected == pytest.approx(len(scene.positions) / 2, rel=0.1)


def test_pixel_sizes_have_the_crystals_unit(scene):
    crystal = Lattice(0.4, 0.4, columns=CRYSTAL.columns, pixel_size="0.0255 nm")
    size = Expectation.from_image(scene.image, crystal).pixel_size
    assert size.unit == "nm"
    assert size.value == pytest.approx(0.025, rel=0.003)


def test_calibration_beyond_what_files_may_have(scene):
    with pytest.raises(ValueError, match=r"did you mean 0\.25 A/px"):
        Expectation.from_image(scene.image, CRYSTAL.with_pixel_size(2.5))
    with pytest.raises(ValueError, match="mask has shape"):
        Expectation.from_image(scene.image, CRYSTAL.with_mask(np.ones((3, 3), dtype=bool)))
