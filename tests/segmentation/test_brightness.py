"""Contrast and brightness, on waves with a known offset, and the noise that is taken off."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.segmentation._brightness import measure_brightness, noise_squares

SPACING = 7.0
ROWS, COLS = np.indices((140, 140))
CRYSTAL = np.cos(2 * np.pi * ROWS / SPACING) + np.cos(2 * np.pi * COLS / SPACING)
EVERYWHERE = np.ones(CRYSTAL.shape, dtype=bool)
INNER = np.s_[14:-14, 14:-14]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_squares_have_the_variance_of_noise_as_their_mean(step):
    noise = np.random.default_rng(0).normal(scale=0.7, size=(600, 500))
    squares = noise_squares(noise.astype(np.float32), step)
    assert squares.shape == noise[::step, ::step].shape
    assert squares.mean() == pytest.approx(0.49, rel=0.05)
    # An intensity that rises linearly is no noise, nor is one that is the same along an axis.
    assert noise_squares(2.0 * ROWS + COLS, step)[1:-1, 1:-1].max() < 1e-20


def test_a_patch_is_as_bright_as_it_is_and_a_slope_is_none():
    distance = np.hypot(ROWS - 60, COLS - 70)
    patch = 3 * np.exp(-((distance / 30) ** 4))
    image = CRYSTAL + patch + 0.01 * ROWS - 0.02 * COLS
    found = measure_brightness(image, np.zeros(image.shape), SPACING, EVERYWHERE)
    # The contrast of two waves of amplitude 1 is 1. The soft edge of the patch, hardly brighter
    # than the crystal, bends the fitted quadratic a little.
    assert found.excess[60, 70] == pytest.approx(3, rel=0.1)
    far = distance > 50
    assert np.abs(found.excess[INNER][far[INNER]]).max() < 0.25
    assert found.contrast[INNER] == pytest.approx(1, abs=0.15)


def test_a_thicker_crystal_is_no_brighter_than_it_should_be():
    image = (2.5 + CRYSTAL) * (1 + 0.2 * (COLS > 70))
    found = measure_brightness(image, np.zeros(image.shape), SPACING, EVERYWHERE)
    assert np.abs(found.excess[INNER]).max() < 0.35


def test_noise_alone_has_no_contrast():
    image = np.where(COLS < 70, CRYSTAL, 0) + 0.3 * np.random.default_rng(0).normal(size=(140, 140))
    found = measure_brightness(image, noise_squares(image, 1) * (COLS >= 70), SPACING, COLS < 70)
    assert np.median(found.contrast[:, 90:]) < 0.1
