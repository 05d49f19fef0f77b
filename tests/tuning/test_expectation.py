"""What is expected of an image: from a crystal, from numbers, from both."""

from __future__ import annotations

import pytest

from logstar.datasets import make_scene
from logstar.lattice import Lattice
from logstar.tuning import Expectation

CRYSTAL = Lattice.perovskite(4.0, 0.25)


@pytest.fixture(scope="module")
def scene():
    return make_scene(CRYSTAL, (160, 170), rotation=7, noise=0.1, random_state=1)


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
