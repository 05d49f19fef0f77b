"""Filters by cosine transforms and averages by blocks, against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar.detection._responses import WideAverage, is_maximum, laplacians

#: Square and fast to transform, not fast, and smaller than the kernels.
SHAPES = [(128, 128), (131, 127), (96, 61), (40, 7)]


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(1e4, 100, shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_laplacians_are_those_of_scipy(shape):
    image, sigmas = noise(shape), [0.6, 2.0, 5.3, 11.0]
    for sigma, response in zip(sigmas, laplacians(image, sigmas), strict=True):
        expected = -(sigma**2) * ndimage.gaussian_laplace(image, sigma)
        np.testing.assert_allclose(response, expected, rtol=0, atol=1e-14 * image.max())


@pytest.mark.parametrize("shape", SHAPES)
def test_single_precision_stays_single(shape):
    image = noise(shape) - 1e4
    for single, double in zip(
        laplacians(image.astype(np.float32), [0.6, 5.3]), laplacians(image, [0.6, 5.3]), strict=True
    ):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=0, atol=2e-6 * np.abs(image).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_makes_no_response(dtype):
    image = np.zeros((96, 96), dtype=dtype)
    image[:10, :10] = noise((10, 10))
    (response,) = laplacians(image, [2.0])
    assert (response[20:, 20:] == 0).all()
    assert (response[:8, :8] != 0).all()


# The longest are gone through in bands of a few rows, of 8 and of one.
@pytest.mark.parametrize("shape", [(30, 41), (1, 9), (9, 1), (2, 2), (30, 8000), (4, 70_000)])
def test_maxima_are_the_highest_of_nine(shape):
    # Whole numbers are often equal.
    image = np.random.default_rng(0).integers(0, 5, shape).astype(float)
    highest = ndimage.maximum_filter(image, 3, mode="nearest")
    np.testing.assert_array_equal(is_maximum(image), image == highest)


class TestWideAverage:
    @pytest.mark.parametrize("shape", [(256, 256), (203, 150), (40, 300)])
    def test_is_that_of_a_gaussian(self, shape):
        rng = np.random.default_rng(0)
        # A step bends an average more than anything else of the same height.
        image = rng.normal(0, 0.1, shape) + (np.arange(shape[1]) > shape[1] // 2)
        around = WideAverage(shape, 32.0)
        found = around.at_pixels(around.on_blocks(image))
        exact = ndimage.gaussian_filter(image, 32.0)
        assert np.abs(found - exact).max() < 0.01
        assert np.sqrt(np.mean((found - exact) ** 2)) < 0.003

    def test_of_true_and_false_is_their_share(self):
        is_there = noise((128, 96)) > 1e4
        around = WideAverage(is_there.shape, 20.0)
        np.testing.assert_allclose(
            around.on_blocks(is_there), around.on_blocks(is_there.astype(float)), rtol=1e-12
        )

    @pytest.mark.parametrize("shape", [(600, 300), (601, 257), (9, 90_000), (1, 1)])
    def test_rows_are_those_of_the_whole(self, shape):
        image = noise(shape)
        around = WideAverage(shape, 24.0)
        more = [(0, -size % around.block) for size in shape]
        whole = np.pad(image, more, mode="symmetric")
        n_rows, n_cols = (size // around.block for size in whole.shape)
        rows = whole.reshape(n_rows, around.block, -1).sum(axis=1)
        sums = rows.reshape(n_rows, n_cols, around.block).sum(axis=2)
        means = ndimage.gaussian_filter(sums / around.block**2, 24.0 / around.block)
        averages = around.on_blocks(image)
        np.testing.assert_array_equal(averages, means)
        np.testing.assert_array_equal(around.on_blocks(-image, np.negative), averages)
        ends, values = [0], around.at_pixels(averages)
        for band, some in around.by_bands(averages):
            np.testing.assert_array_equal(some, values[band])
            assert band.start == ends[-1]
            ends.append(band.stop)
        assert ends[-1] == shape[0]

    @pytest.mark.parametrize("shape", [(96, 131), (5, 3), (1, 1)])
    def test_at_some_pixels_is_that_of_all(self, shape):
        image = noise(shape)
        around = WideAverage(shape, 24.0)
        averages = around.on_blocks(image)
        places = np.argwhere(np.ones(shape, dtype=bool))
        np.testing.assert_allclose(
            around.at(averages, places), around.at_pixels(averages).ravel(), rtol=1e-12
        )
