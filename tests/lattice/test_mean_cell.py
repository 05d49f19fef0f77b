"""The mean cell, against sums over pixels one by one and searches of all ways."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar.datasets import make_scene
from logstar.lattice import Lattice
from logstar.lattice._mean_cell import _fold, _rises, mean_cell
from logstar.lattice._peaks import flatten
from logstar.lattice._phases import Distortion

VECTORS = np.array([[1.0, 20.0], [-17.0, 2.0]])


def distortion_of(shape, rng, n_points=(9, 8)):
    fractions = ndimage.gaussian_filter(rng.normal(size=(2, *n_points)), (0, 2, 2)) * 2
    amplitude = rng.uniform(0.2, 1.3, size=n_points)
    spacing = tuple(size / n for size, n in zip(shape, n_points, strict=True))
    return Distortion(fractions, amplitude, np.ones(n_points), spacing)


def slow_fold(flat, vectors, distortion, n_bins, mask):
    """Shares of each pixel for the four bins around it."""
    rows, cols = np.mgrid[: flat.shape[0], : flat.shape[1]]
    at = np.meshgrid(
        *[
            np.clip((np.arange(size) + 0.5) / step - 0.5, 0, n - 1)
            for size, step, n in zip(
                flat.shape, distortion.spacing, distortion.amplitude.shape, strict=True
            )
        ],
        indexing="ij",
    )
    places = [
        (g[0] * rows + g[1] * cols + ndimage.map_coordinates(shift, at, order=1)) * n % n
        for g, shift, n in zip(np.linalg.inv(vectors).T, distortion.fractions, n_bins, strict=True)
    ]
    use = ndimage.map_coordinates(np.minimum(distortion.amplitude, 1.0), at, order=1) ** 2
    if mask is not None:
        use = use * mask
    total, weight = np.zeros(n_bins), np.zeros(n_bins)
    for u in range(2):
        for v in range(2):
            lower = [np.floor(place).astype(int) for place in places]
            share = use.copy()
            for step, place, low in zip((u, v), places, lower, strict=True):
                share *= place - low if step else 1 - place + low
            index = tuple((low + s) % n for low, s, n in zip(lower, (u, v), n_bins, strict=True))
            np.add.at(total, index, share * flat)
            np.add.at(weight, index, share)
    return total, weight, float((use * flat**2).sum()), float((use**2).sum())


@pytest.mark.parametrize("shape", [(90, 75), (64, 200)])
@pytest.mark.parametrize("with_mask", [False, True])
def test_sums_are_those_of_pixels_one_by_one(rng, shape, with_mask):
    flat = ndimage.gaussian_filter(rng.normal(size=shape), 2).astype(np.float32) * 10
    mask = rng.uniform(size=shape) < 0.7 if with_mask else None
    distortion = distortion_of(shape, rng)
    n_bins = [20, 17]
    found = _fold(flat, VECTORS, distortion, n_bins, mask)
    total, weight, squares, squared_weights = slow_fold(flat, VECTORS, distortion, n_bins, mask)
    assert found.squares == pytest.approx(squares, rel=1e-4)
    assert found.squared_weights == pytest.approx(squared_weights, rel=1e-4)
    assert found.weight.sum() == pytest.approx(weight.sum(), rel=1e-5)
    assert found.total.sum() == pytest.approx(total.sum(), rel=1e-4, abs=1e-3)
    # A pixel is up to an eighth of a bin off its place, so up to that share goes to a neighbour.
    assert np.abs(found.weight - weight).max() < 0.25 * weight.mean()
    assert np.abs(found.weight - weight).mean() < 0.06 * weight.mean()


def test_parts_of_bins_change_the_mean_cell_by_less_than_the_bound():
    # The worst case: all cells alike, so that all pixels of a bin are off by the same. Where a
    # column is steepest, an eighth of a bin is 8 % of its height, less after smoothing.
    crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    scene = make_scene(crystal, (400, 400), origin=(3.3, 4.7), sigma=3.0, rotation=0.0)
    still = Distortion(np.zeros((2, 2, 2)), np.ones((2, 2)), np.ones((2, 2)), (200.0, 200.0))
    vectors = np.array([[0.0, 20.0], [-20.0, 0.0]]) * 1.00003
    flat = flatten(scene.image)
    found = _fold(flat, vectors, still, [20, 20], None)
    total, weight, *_ = slow_fold(flat, vectors, still, [20, 20], None)
    fast, slow = found.total / found.weight, total / weight
    assert np.abs(fast - slow).max() < 0.08 * np.ptp(slow)
    # At any angle it averages out.
    turn = np.array([[0.9, 0.43589], [-0.43589, 0.9]])
    found = _fold(flat, vectors @ turn, still, [20, 20], None)
    total, weight, *_ = slow_fold(flat, vectors @ turn, still, [20, 20], None)
    np.testing.assert_allclose(found.total / found.weight, total / weight, atol=0.01)


def test_columns_are_where_they_are_drawn():
    crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    scene = make_scene(crystal, (300, 300), origin=(0, 0), noise=0.1, random_state=0)
    still = Distortion(np.zeros((2, 2, 2)), np.ones((2, 2)), np.ones((2, 2)), (150.0, 150.0))
    vectors = np.array([[0.0, 20.0], [-20.0, 0.0]])
    cell = mean_cell(flatten(scene.image), vectors, still)
    np.testing.assert_allclose((cell.places + 0.25) % 1.0, [[0.25, 0.25], [0.75, 0.75]], atol=0.01)
    assert cell.heights[0] == 1.0
    assert cell.heights[1] == pytest.approx((22 / 38) ** 1.7, abs=0.06)


class TestRises:
    def test_a_lower_top_rises_above_the_saddle(self):
        values = np.zeros((7, 9))
        values[1, 1], values[4, 5] = 5.0, 3.0
        values[2, 2], values[3, 3], values[3, 4] = 2.0, 1.0, 1.5
        assert sorted(_rises(values), key=lambda rise: -rise[1]) == [((1, 1), 5.0), ((4, 5), 2.0)]

    def test_the_map_is_periodic(self):
        values = np.zeros((6, 6))
        values[0, 0], values[5, 5], values[0, 5] = 4.0, 3.0, 3.5
        assert _rises(values) == [((0, 0), 4.0)]

    def test_against_the_way_over_the_highest_pass(self, rng):
        values = ndimage.gaussian_filter(rng.normal(size=(12, 15)), 1.2, mode="wrap")
        tops = {
            place
            for place in np.ndindex(values.shape)
            if values[place] == ndimage.maximum_filter(values, 3, mode="wrap")[place]
        }
        found = dict(_rises(values))
        assert set(found) == tops
        # From the second highest top on: the least descent on the way to anything higher.
        for top in tops:
            higher = values > values[top]
            if not higher.any():
                assert found[top] == pytest.approx(np.ptp(values))
                continue
            for level in np.sort(values[values < values[top]])[::-1]:
                labels, _ = ndimage.label(np.tile(values >= level, (3, 3)), np.ones((3, 3)))
                middle = labels[top[0] + 12, top[1] + 15]
                if np.tile(higher, (3, 3))[labels == middle].any():
                    assert found[top] == pytest.approx(values[top] - level)
                    break
