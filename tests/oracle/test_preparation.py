"""What an image becomes before a network sees it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from logstar.oracle._preparation import normalize, scale, scaled_shape, to_scaled


@given(factor=st.floats(0.3, 3), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_points_follow_the_image(factor, seed):
    """A blob lies where its centre is mapped to."""
    rng = np.random.default_rng(seed)
    point = rng.uniform(25, 45, 2)
    rows, cols = np.indices((70, 75))
    image = np.exp(-((rows - point[0]) ** 2 + (cols - point[1]) ** 2) / (2 * 4.0**2))
    scaled = scale(image, factor)
    assert scaled.shape == scaled_shape(image.shape, factor)
    i, j = np.indices(scaled.shape)
    centre = np.array([(i * scaled).sum(), (j * scaled).sum()]) / scaled.sum()
    mapped = to_scaled(point, image.shape, scaled.shape)
    np.testing.assert_allclose(centre, mapped, atol=0.05 * max(factor, 1))
    np.testing.assert_allclose(to_scaled(mapped, scaled.shape, image.shape), point)


@given(gain=st.floats(1e-6, 1e6), offset=st.floats(-1e3, 1e3))
@settings(max_examples=30, deadline=None)
def test_gain_offset_and_ramp_make_no_difference(gain, offset):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(200, 50))
    np.testing.assert_allclose(normalize(gain * (image + offset)), normalize(image), atol=1e-4)
    ramp = image + np.linspace(0, 5, 200)[:, None]
    inner = np.s_[45:155]  # the background of what is nearer to the edge is not symmetric
    np.testing.assert_allclose(normalize(ramp)[inner], normalize(image)[inner], atol=0.3)


def test_hot_pixels_do_not_make_the_rest_faint():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(200, 200))
    spoilt = image.copy()
    spoilt[rng.integers(200, size=20), rng.integers(200, size=20)] += 1000
    others = spoilt < 100
    difference = np.abs(normalize(spoilt) - normalize(image))[others]
    assert np.median(difference) < 0.02


def test_what_is_bright_on_a_tenth_of_the_image_leaves_the_rest_its_contrast():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(300, 300))
    patch = image.copy()
    patch[100:190, 100:190] += 10
    far = np.s_[:, 250:]
    assert normalize(patch)[far].std() > 0.3 * normalize(image)[far].std()


@pytest.mark.parametrize("value", [0.0, 7.0, 1e300, -1e-300])
def test_a_constant_image_is_nothing(value):
    assert not normalize(np.full((20, 30), value)).any()
