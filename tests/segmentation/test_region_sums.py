"""Regions of a map that comes tile by tile, against those of the whole map."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from logstar.segmentation._region_sums import PointsOfMap, RegionSums
from logstar.segmentation._regions import OnGrid, describe_regions
from logstar.units import PixelSize

NOTHING = PointsOfMap(np.empty((0, 2), dtype=np.int64), np.empty(0), np.empty(0))


def kinds_of(rng, shape, sigma):
    """A map of blobs of five kinds, which touch the frame and one another."""
    fields = [ndimage.gaussian_filter(rng.normal(size=shape), sigma) for _ in range(5)]
    return np.argmax(fields, axis=0).astype(np.uint8)


def tiles_of(shape, side):
    for top in range(0, shape[0], side):
        for left in range(0, shape[1], side):
            yield slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1]))


def summed(kinds, side, atoms, known=None):
    sums = RegionSums(kinds.shape)
    last = np.array(kinds.shape) - 1
    for place in tiles_of(kinds.shape, side):
        starts, stops = (
            np.array([getattr(one, end) for one in place]) for end in ("start", "stop")
        )
        pixel = np.clip(np.rint(atoms), 0, last)
        own = ((pixel >= starts) & (pixel < stops)).all(axis=1)
        points = NOTHING
        if known is not None:
            inside = ((known.places >= starts) & (known.places < stops)).all(axis=1)
            points = PointsOfMap(*(one[inside] for one in known))
        sums.add(place, kinds[place], atoms[own], points)
    return sums


@pytest.mark.parametrize("seed", range(12))
def test_regions_are_those_of_the_whole_map(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(20, 90, 2))
    kinds = kinds_of(rng, shape, rng.choice([0.6, 1.5, 4.0]))
    atoms = rng.uniform(-0.4, np.array(shape) - 0.6, (60, 2))
    expected = describe_regions(kinds, atoms, PixelSize(0.2, "A"))
    side = int(rng.integers(7, 60))
    found = summed(kinds, side, atoms).regions(60, 1, PixelSize(0.2, "A"))
    assert [one.label for one in found] == list(range(1, len(expected) + 1))
    assert [one.area for one in found] == [one.area for one in expected]

    def key(region):
        return region.area, region.kind, *np.round(region.centroid, 6)

    for one, other in zip(sorted(found, key=key), sorted(expected, key=key), strict=True):
        assert one.kind == other.kind
        assert one.n_atoms == other.n_atoms
        assert one.perimeter == pytest.approx(other.perimeter, rel=1e-12)
        assert one.compactness == pytest.approx(other.compactness, rel=1e-12)
        assert one.centroid == pytest.approx(other.centroid)
        assert one.area_in_units == pytest.approx(other.area_in_units)


def test_what_is_known_at_points_is_averaged():
    rng = np.random.default_rng(0)
    kinds = np.zeros((60, 70), dtype=np.uint8)
    kinds[10:40, 20:60], kinds[50:, :10] = 2, 3
    places = np.argwhere(np.ones((20, 24), dtype=bool))[:, ::1] * 3
    places = places[(places < [60, 70]).all(axis=1)]
    confidence, disorder = rng.uniform(0.5, 1, len(places)), np.zeros(len(places))
    disorder[kinds[tuple(places.T)] == 2] = 0.6
    known = PointsOfMap(places, confidence, disorder)
    atoms = np.argwhere(kinds == 0)[::25].astype(float)
    large, small = summed(kinds, 16, atoms, known).regions(100, 4000, None)
    grid = (20, 24)
    whole = describe_regions(
        kinds,
        atoms,
        None,
        OnGrid(3, confidence.reshape(grid), disorder.reshape(grid), 0 * grid[0] * np.ones(grid)),
    )
    for one, other in zip((large, small), whole, strict=True):
        assert one.confidence == pytest.approx(other.confidence)
        assert one.unit is None
    assert large.disorder == pytest.approx(0.6)
    assert math.isnan(small.disorder)
    assert large.area_in_atoms == pytest.approx(1200 * 100 / 4000)


def test_a_map_without_regions_has_none():
    assert summed(np.zeros((20, 30), dtype=np.uint8), 8, np.empty((0, 2))).regions(0, 0, None) == []


def test_one_region_may_be_everything():
    (whole,) = summed(np.full((20, 30), 3, dtype=np.uint8), 8, np.empty((0, 2))).regions(0, 0, None)
    assert whole.area == 600
    assert whole.kind == "vacuum"
    assert math.isnan(whole.confidence)
