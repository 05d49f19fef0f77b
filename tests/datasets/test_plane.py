"""Regions against geometry written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logstar.datasets import Region
from logstar.datasets._plane import Mirror

PLACES = np.random.default_rng(0).uniform(0, 100, size=(500, 2))


@pytest.mark.parametrize(
    ("facing", "inside"), [(0, (50, 20)), (90, (80, 50)), (180, (50, 80)), (-90, (20, 50))]
)
def test_a_half_plane_faces_outwards(facing, inside):
    region = Region.half_plane((50, 50), facing)
    opposite = (100 - inside[0], 100 - inside[1])
    assert region.contains([inside, opposite, (50, 50)]).tolist() == [True, False, True]
    assert region.depth(np.array([inside], float))[0] == pytest.approx(30)


def test_a_square_of_facets():
    square = Region.facetted((50, 40), [10, 20, 30, 15])  # to the right, up, to the left, down
    row, col = PLACES.T
    expected = (col <= 50) & (row >= 30) & (col >= 10) & (row <= 65)
    np.testing.assert_array_equal(square.contains(PLACES), expected)


def test_regular_polygon_has_its_area():
    hexagon = Region.facetted((100, 100), [60] * 6, 17 + 60 * np.arange(6))
    assert hexagon.mask((200, 200)).sum() == pytest.approx(2 * math.sqrt(3) * 60**2, rel=0.002)


def test_algebra():
    one, two = Region.disc((40, 40), 30), Region.disc((60, 60), 30)
    a, b = (np.hypot(*(PLACES - c).T) <= 30 for c in (40, 60))
    np.testing.assert_array_equal((one & two).contains(PLACES), a & b)
    np.testing.assert_array_equal((one | two).contains(PLACES), a | b)
    np.testing.assert_array_equal((~one & two).contains(PLACES), ~a & b)


def test_what_is_on_a_common_edge_belongs_to_both():
    left = Region.half_plane((50, 50), 0)
    on_edge = [(row, 50 + 1e-12) for row in range(5)]
    assert left.contains(on_edge).all()
    assert (~left).contains(on_edge).all()


def test_mirror():
    mirror = Mirror((10, 20), 0)  # a horizontal line
    np.testing.assert_allclose(mirror.reflect(np.array([[13.0, 5.0]])), [[7.0, 5.0]])
    oblique = Mirror((10, 20), 31)
    np.testing.assert_allclose(oblique.reflect(oblique.reflect(PLACES)), PLACES)
    disc = Region.disc((40, 40), 30)
    np.testing.assert_array_equal(
        disc.mirrored(oblique).contains(PLACES), disc.contains(oblique.reflect(PLACES))
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Region.disc((1, 2, 3), 4), r"center must be \(row, col\)"),
        (lambda: Region.disc((1, 2), 0), "radius must be finite and > 0"),
        (lambda: Region.facetted((1, 2), [3, -1]), "each of distances must be"),
        (lambda: Region.facetted((1, 2), [3, 4], [0]), "2 distances need as many in facing, got 1"),
        (lambda: Region.half_plane((1, math.nan), 0), "point col must be finite"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
