"""Counts of a field of view, their spread and their masks, by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice import Column, Count, Lattice
from logstar.lattice._counting import count_columns
from logstar.lattice._field_of_view import area_of_field, in_field

LATTICE = Lattice.perovskite(4.0, 0.2)


def counts_of(lattice, shape, border, rng, rotation=0.0):
    low, high = border - 0.5, np.array(shape) - 0.5 - border
    for _ in range(200):
        origin = tuple(rng.uniform(0, 40, 2))
        points, _ = lattice.positions(shape, origin=origin, rotation=rotation, margin=1)
        yield ((points >= low) & (points < high)).all(axis=1).sum()


@pytest.mark.parametrize("border", [0, 1, 4.5])
def test_mean_and_spread_are_those_of_random_places(rng, border):
    shape = (107, 151)
    count = LATTICE.expected_count(shape, border=border)
    brute = list(counts_of(LATTICE, shape, border, rng))
    assert count.n == pytest.approx(np.mean(brute), rel=0.02)
    assert count.edges == pytest.approx(np.std(brute), rel=0.25)
    # Turned, whole rows do not come and go at once.
    assert np.std(list(counts_of(LATTICE, shape, border, rng, rotation=23))) < count.edges


def test_the_uncertainty_of_the_calibration():
    count = LATTICE.expected_count((200, 200), calibration=0.03)
    assert count.calibration == pytest.approx(0.06 * 200)
    assert count.uncertainty == pytest.approx(np.hypot(count.edges, count.calibration))
    assert str(Count(100.0, 3.0, 4.0)) == "100.0 +- 5.0"


def test_masks():
    shape = (207, 211)
    mask = np.zeros(shape, dtype=bool)
    mask[:, :50] = True
    half = LATTICE.with_mask(mask)
    assert half.expected_count(shape).n == pytest.approx(207 * 50 / 200)
    assert half.expected_count(shape, border=10).n == pytest.approx(187 * 40 / 200)
    assert 0 < half.expected_count(shape).edges < LATTICE.expected_count(shape).edges
    assert half.with_mask(None) == LATTICE


def test_only_the_pixels_of_a_mask_count():
    # One pixel, off the diagonal of an image that is not square.
    mask = np.zeros((7, 20), dtype=bool)
    mask[2, 15] = True
    points = np.array([[2, 15], [2.4, 14.6], [2.6, 15], [15, 2], [5, 12], [2, 16]])
    expected = [True, True, False, False, False, False]
    assert in_field(points, (7, 20), mask=mask).tolist() == expected
    assert area_of_field((7, 20), mask=mask) == 1
    assert area_of_field((7, 20), border=2.4, mask=mask) == 1
    assert area_of_field((7, 20), border=2.6, mask=mask) == 0


def test_the_field_ends_half_a_pixel_beyond_the_outermost_centres():
    points = np.array([[-0.5, 0], [-0.51, 0], [4.49, 9.49], [4.5, 0], [0, 9.5], [0, -0.5]])
    assert in_field(points, (5, 10)).tolist() == [True, False, True, False, False, True]
    framed = in_field(points + 1.0, (7, 12), border=1.0)
    assert framed.tolist() == [True, False, True, False, False, True]
    assert area_of_field((5, 10), border=1.5) == 2 * 7


def test_fields_and_points_agree_on_the_mean(rng):
    mask = rng.random((30, 40)) < 0.3
    points = rng.uniform((-5, -5), (35, 45), (200_000, 2))
    share = in_field(points, (30, 40), 3.0, mask).mean()
    assert share * 40 * 50 == pytest.approx(area_of_field((30, 40), 3.0, mask), rel=0.03)


def test_a_border_may_leave_a_narrow_field():
    # Of 100 x 300 px the shorter side decides.
    assert LATTICE.expected_count((100, 300), border=49).n == pytest.approx(2 * 202 / 200)
    with pytest.raises(ValueError, match="border=50 leaves nothing of 100 x 300 px"):
        LATTICE.expected_count((100, 300), border=50)


def test_absurd_densities_are_bounded():
    # One column per four pixels is the most, half a column the least.
    one = (Column("X", "Au", 0, 0),)
    assert Lattice(2, 2, columns=one, pixel_size=None).n_expected((10, 10)) == 25
    with pytest.raises(ValueError, match="cannot be told apart"):
        Lattice(2, 1.99, columns=one, pixel_size=None).n_expected((10, 10))
    assert Lattice(10, 20, columns=one, pixel_size=None).n_expected((10, 10)) == 0.5
    with pytest.raises(ValueError, match=r"expects 0\.498 atoms in 100 px"):
        Lattice(10, 20.1, columns=one, pixel_size=None).n_expected((10, 10))


@pytest.mark.parametrize("width", [1, 2, 3, 13, 25, 29])
def test_the_spread_of_counts_is_that_of_even_origins(width):
    # Rows 10 px apart: in a field of 25 px two or three of them, half and half.
    count = count_columns(np.diag([10.0, 1000.0]), np.zeros((1, 2)), (width, 1000))
    share = width / 10 % 1
    assert count.n == pytest.approx(width / 10)
    assert count.edges == pytest.approx(np.sqrt(share * (1 - share)), rel=0.05)


def test_a_mask_may_reach_the_last_pixels():
    mask = np.zeros((7, 20), dtype=bool)
    mask[6, 19] = True
    points = np.array([[6, 19], [6.49, 19.49], [5, 19], [6, 18]])
    assert in_field(points, (7, 20), mask=mask).tolist() == [True, True, False, False]


def test_of_a_kind_with_unequal_surroundings_the_smallest_sum_is_given():
    columns = [Column("A", "Au", u, 0) for u in (0, 0.2, 0.5)]
    lattice = Lattice(100, 1000, columns=columns, pixel_size=None)
    # Along the row the columns are 20, 30 and 50 px apart.
    assert lattice.distance_sums(2) == {"A": pytest.approx(20 + 30)}
    assert lattice.distance_sums(1) == {"A": pytest.approx(20)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"border": 50}, "border=50 leaves nothing of 100 x 100 px"),
        ({"border": -1}, "border must be"),
        ({"calibration": -0.1}, "calibration must be"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        LATTICE.expected_count((100, 100), **options)


def test_the_covering_radius():
    # Of a square lattice of columns 20 / sqrt(2) px apart: half its diagonal.
    assert LATTICE.covering_radius == pytest.approx(10)
    ybco = Lattice.ybco(0.15)
    points, _ = ybco.positions((400, 400), origin=(200, 200))
    grid = np.mgrid[100:300:1.0, 150:250:1.0].reshape(2, -1).T
    farthest = max(np.linalg.norm(points - g, axis=1).min() for g in grid[::7])
    assert ybco.covering_radius == pytest.approx(farthest, abs=0.8)
    assert ybco.covering_radius >= farthest
