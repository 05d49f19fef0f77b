"""Counts of a field of view, their spread and their masks, by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.lattice import Count, Lattice

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
