"""What is expected of an image: from a crystal, from the image, from numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from logstar.datasets import make_scene, make_typical_scene
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


def test_numbers():
    expectation = Expectation.from_numbers(100, 40.8, (100, 120))
    assert (expectation.n_expected, expectation.uncertainty) == (100, pytest.approx(0.03))
    assert expectation.lattice is None
    # The square lattice of 12 px has that distance sum, by a tolerance of 0.85.
    assert expectation.sigma_range == pytest.approx(
        Lattice(12, 12, columns=CRYSTAL.columns[:1], pixel_size=1).sigma_range
    )
    assert Expectation.from_numbers(100, 40.8, (100, 120), uncertainty=0).uncertainty == 0


def test_given_numbers_take_the_place_of_those_of_a_lattice(scene):
    known = Expectation.from_image(scene.image)
    given = known.with_numbers(scene.image.shape, n_expected=200)
    assert (given.n_expected, given.uncertainty) == (200, pytest.approx(0.03))
    assert given.distance_sum == known.distance_sum
    assert given.lattice is known.lattice
    limit = known.with_numbers(scene.image.shape, distance_sum=30.0)
    assert limit.distance_sum == 30.0
    assert limit.count is known.count


class TestMask:
    """The lattice of a part is known in the coordinates of the whole image."""

    def test_half_of_an_image(self, scene):
        mask = np.zeros(scene.image.shape, dtype=bool)
        mask[:, 60:] = True
        whole = Expectation.from_image(scene.image)
        part = Expectation.from_image(scene.image, mask=mask)
        inside = scene.positions[:, 1] >= 59.5
        assert part.n_expected == pytest.approx(inside.sum(), abs=6)
        assert part.field_share == 1.0
        points = part.image_lattice.positions()[0]
        known = whole.image_lattice.positions()[0]
        nearest = np.linalg.norm(points[:, None] - known, axis=2).min(axis=1)
        assert np.median(nearest) < 0.2

    def test_a_crystal_keeps_the_mask(self, scene, rng):
        mask = np.zeros(scene.image.shape, dtype=bool)
        mask[:80] = True
        for crystal in (CRYSTAL.with_mask(mask), CRYSTAL):
            expectation = Expectation.from_image(
                rng.normal(size=scene.image.shape), crystal, mask=mask
            )
            assert expectation.n_expected == pytest.approx(len(scene.positions) / 2, rel=0.1)


class TestRefused:
    @pytest.mark.parametrize(
        ("numbers", "message"),
        [
            ((1400, 40), "1400 atoms in 12000 px cannot be told apart"),
            ((-1, 40), "n_expected must be"),
            ((10, 0), "distance_sum must be"),
        ],
    )
    def test_numbers_that_cannot_be(self, numbers, message):
        with pytest.raises(ValueError, match=message):
            Expectation.from_numbers(*numbers, (100, 120))

    def test_a_lattice_closer_than_three_pixels(self):
        with pytest.raises(ValueError, match=r"2\.8 px from one another.*is the unit right"):
            Expectation.from_lattice(Lattice.perovskite(4.0, 1.0), (100, 100))

    def test_calibration_beyond_what_files_may_have(self, scene):
        with pytest.raises(ValueError, match=r"did you mean 0\.25 A/px"):
            Expectation.from_image(scene.image, CRYSTAL.with_pixel_size(2.5))
        with pytest.raises(ValueError, match="mask has shape"):
            Expectation.from_image(scene.image, CRYSTAL.with_mask(np.ones((3, 3), dtype=bool)))


def test_pixel_sizes_have_the_crystals_unit(scene):
    crystal = Lattice(0.4, 0.4, columns=CRYSTAL.columns, pixel_size="0.0255 nm")
    size = Expectation.from_image(scene.image, crystal).pixel_size
    assert size.unit == "nm"
    assert size.value == pytest.approx(0.025, rel=0.003)


def test_the_rim_of_a_particle_makes_its_count_uncertain():
    scene = make_typical_scene("particle", (256, 256), random_state=0)
    expected = Expectation.from_image(scene.image)
    lattice = expected.image_lattice
    points, _ = lattice.positions()
    away = distance_transform_edt(lattice.mask)
    away = away[tuple(np.round(points).astype(int).clip(0, 255).T)]
    near = (away > 0) & (away <= lattice.nearest_distance)
    # One in ten of them, each by itself.
    assert expected.count.edges >= np.sqrt(0.1 * near.sum()) * 0.9
    assert abs(expected.n_expected - len(scene.positions)) < 2 * expected.count.uncertainty


def test_the_edges_of_an_image_are_no_rim(scene):
    everywhere = np.ones(scene.image.shape, dtype=bool)
    everywhere[0, 0] = False
    known = Expectation.from_image(scene.image)
    masked = Expectation.from_image(scene.image, mask=everywhere)
    assert masked.count.edges < known.count.edges + 1.0
