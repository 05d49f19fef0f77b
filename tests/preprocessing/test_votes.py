"""What outshines a crystal, and what a filter shows that an image does not have."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from logstar.preprocessing._votes import is_outshone, periodicity, slow_part, with_even_votes


@pytest.mark.parametrize("sigma", [2.0, 7.5, 20.0])
def test_the_slow_part_is_nearly_a_gaussian(sigma):
    point = np.zeros((201, 201))
    point[100, 100] = 1.0
    found, rows = slow_part(point, sigma).sum(axis=1), np.arange(201) - 100
    assert np.sqrt((found * rows**2).sum()) == pytest.approx(sigma, abs=0.6)
    expected = np.exp(-(rows**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    assert np.abs(found - expected).sum() < 0.25


def test_a_part_that_outshines_the_rest(rng):
    image = rng.normal(size=(128, 128))
    assert not is_outshone(image, 10.0)
    image[40:60, 40:60] += 20.0
    assert is_outshone(image, 10.0)
    # What changes slowly does not.
    assert not is_outshone(rng.normal(size=(128, 128)) + np.linspace(0, 3, 128), 10.0)
    assert not is_outshone(np.ones((64, 64)), 6.0)


def test_bright_places_are_scaled_down_and_others_are_not_touched(rng):
    detail = rng.normal(size=(120, 120))
    detail[50:70, 50:70] *= 30
    even = with_even_votes(detail, 9)
    squares = ndimage.uniform_filter(detail**2, 9)
    limit = 4 * np.median(squares)
    is_bright = squares > limit
    assert is_bright[55:65, 55:65].all()
    assert_array_equal(even[~is_bright], detail[~is_bright])
    assert_allclose(even[is_bright], (detail * np.sqrt(limit / squares))[is_bright])


def test_what_is_empty_does_not_tell_what_is_typical(rng):
    # Only a tenth of the image has any variance: that is typical.
    detail = np.zeros((100, 100))
    detail[:, :10] = rng.normal(size=(100, 10))
    assert with_even_votes(detail, 5) is detail
    nothing = np.zeros((20, 20))
    assert with_even_votes(nothing, 5) is nothing


def test_what_noise_passes_through_a_filter_is_not_seen(rng):
    kernel = np.outer(*[np.hanning(15)] * 2)
    kernel /= kernel.sum()
    noise = rng.normal(size=(150, 150))
    assert periodicity(noise, ndimage.convolve(noise, kernel), kernel, 25).max() < 0.7
    waves = np.sin(np.arange(150) / 5) + 0.5 * noise
    seen = periodicity(waves, ndimage.convolve(waves, kernel), kernel, 25)
    assert_array_equal(seen[20:-20, 20:-20], 1)


def test_what_comes_from_elsewhere_is_not_seen():
    # The filter rings into a part of the image that is flat.
    detail = np.zeros((60, 120))
    detail[:, :60] = np.sin(np.arange(60) / 2)
    shown = np.tile(np.sin(np.arange(120) / 2), (60, 1))
    seen = periodicity(detail, shown, np.full((3, 3), 1 / 9), 11)
    assert_array_equal(seen[:, :50], 1)
    assert_array_equal(seen[:, 70:], 0)
