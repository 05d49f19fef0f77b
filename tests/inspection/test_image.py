"""Grey images: contrast, size and place."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from logstar.inspection._image import _reduced, contrast_limits, draw_image, draw_picture


def test_contrast_is_that_of_the_percentiles(rng):
    image = rng.normal(size=(250, 250)).astype(np.float32)
    assert contrast_limits(image) == pytest.approx(np.percentile(image, (0.1, 99.8)))
    large = rng.normal(size=(1500, 1400))
    assert contrast_limits(large) == pytest.approx(np.percentile(large, (0.1, 99.8)), abs=0.1)


def test_reduced_pixels_are_means_of_blocks(rng):
    image = rng.normal(size=(11, 8))
    blocks, extent = _reduced(image, 3)
    expected = [
        [image[3 * i : 3 * i + 3, 3 * j : 3 * j + 3].mean() for j in (0, 1)] for i in range(3)
    ]
    np.testing.assert_allclose(blocks, expected)
    assert extent == (-0.5, 5.5, 8.5, -0.5)
    line, extent = _reduced(np.arange(8.0).reshape(1, 8), 4)
    np.testing.assert_allclose(line, [[1.5, 5.5]])
    assert extent == (-0.5, 7.5, 0.5, -0.5)


@pytest.mark.parametrize("shape", [(1, 900), (900, 1), (64, 40), (300, 300), (611, 407)])
def test_a_picture_shows_pixels_where_they_are(shape):
    """A bright corner of an image is drawn in the corner, whatever is averaged."""
    image = np.zeros(shape)
    image[-max(1, shape[0] // 4) :, : max(1, shape[1] // 4)] = 1.0
    _, ax = plt.subplots()
    drawn = draw_picture(ax, image, 100)
    gray = np.asarray(drawn.get_array())
    assert max(gray.shape[:2]) <= 100
    assert tuple(drawn.get_extent()) == (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    assert gray[-1, 0, 0] == 255
    if min(shape) > 1:
        assert gray[0, -1, 0] == 0
    assert ax.get_xlim() == (-0.5, shape[1] - 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pictures_are_means_in_the_images_contrast(rng, dtype):
    image = (1e7 + rng.normal(size=(400, 400))).astype(dtype)
    if dtype == np.float32:
        image -= np.float32(1e7)
    _, ax = plt.subplots()
    gray = np.asarray(draw_picture(ax, image, 100).get_array())[..., 0]
    low, high = contrast_limits(image)
    means = image.reshape(100, 4, 100, 4).mean(axis=(1, 3))
    expected = np.clip((means - low) / (high - low) * 255, 0, 255)
    assert np.abs(gray - expected).max() < 1.1


def test_a_constant_image_is_drawn():
    _, ax = plt.subplots()
    assert np.asarray(draw_picture(ax, np.full((9, 9), 7.0), 50).get_array())[..., 0].max() == 0


def test_huge_images_are_averaged_before_they_are_drawn():
    _, ax = plt.subplots()
    drawn = draw_image(ax, np.zeros((2, 9000), dtype=np.float32))
    assert drawn.get_array().shape == (1, 3000)
    assert draw_image(ax, np.zeros((2, 4096))).get_array().shape == (2, 4096)
