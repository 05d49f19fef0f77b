"""The mean cell, against sums over pixels one by one and searches of all ways."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar._core import fold_cells
from logstar.datasets import make_scene
from logstar.lattice import Lattice
from logstar.lattice._mean_cell import _rises, mean_cell
from logstar.lattice._peaks import flatten
from logstar.lattice._phases import Distortion

VECTORS = np.array([[1.0, 20.0], [-17.0, 2.0]])


def distortion_of(shape, rng, n_points=(9, 8)):
    fractions = ndimage.gaussian_filter(rng.normal(size=(2, *n_points)), (0, 2, 2)) * 2
    amplitude = rng.uniform(0.2, 1.3, size=n_points)
    spacing = tuple(size / n for size, n in zip(shape, n_points, strict=True))
    return Distortion(fractions, amplitude, np.ones(n_points), spacing)


def fold(flat, vectors, distortion, n_bins, mask):
    grid = np.stack([*distortion.fractions, np.minimum(distortion.amplitude, 1.0)])
    gradients = np.linalg.inv(vectors).T.tolist()
    return fold_cells(flat, mask, grid, distortion.spacing, gradients, n_bins)


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


@pytest.mark.parametrize("shape", [(90, 75), (64, 200), (33, 1)])
@pytest.mark.parametrize("with_mask", [False, True])
@pytest.mark.parametrize("n_points", [(9, 8), (1, 5), (3, 1)])
def test_sums_are_those_of_pixels_one_by_one(rng, shape, with_mask, n_points):
    flat = ndimage.gaussian_filter(rng.normal(size=shape), 2).astype(np.float32) * 10
    mask = rng.uniform(size=shape) < 0.7 if with_mask else None
    distortion = distortion_of(shape, rng, n_points)
    n_bins = (20, 17)
    found = fold(flat, VECTORS, distortion, n_bins, mask)
    for fast, slow in zip(found, slow_fold(flat, VECTORS, distortion, n_bins, mask), strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-7, atol=1e-7)


def test_memory_of_any_layout_gives_the_same(rng):
    flat = rng.normal(size=(60, 50)).astype(np.float32)
    distortion = distortion_of(flat.shape, rng)
    expected = fold(flat, VECTORS, distortion, (20, 17), None)
    for other in (np.asfortranarray(flat), np.repeat(flat, 2, axis=1)[:, ::2]):
        found = fold(other, VECTORS, distortion, (20, 17), None)
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, two)


def test_what_does_not_fit_is_refused(rng):
    flat = np.ones((20, 30), dtype=np.float32)
    distortion = distortion_of(flat.shape, rng)
    with pytest.raises(ValueError, match="a mask of 6 pixels does not fit an image of 600"):
        fold(flat, VECTORS, distortion, (20, 17), np.ones((2, 3), dtype=bool))
    with pytest.raises(ValueError, match="needs bins along both edges, got 0 x 17"):
        fold(flat, VECTORS, distortion, (0, 17), None)
    with pytest.raises(ValueError, match="three maps"):
        fold_cells(flat, None, np.ones((2, 4, 4)), (5.0, 7.5), [[0.1, 0], [0, 0.1]], (20, 17))


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
