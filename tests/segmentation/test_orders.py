"""Grains by power spectra, on plane waves and noise."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.segmentation._orders import _spectra, find_orders, linearly

SPACING = 7.0
ROWS, COLS = np.indices((160, 160))


def waves(angle, bend=0.0):
    """A square lattice of a spacing, turned by an angle in degrees."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    rows = ROWS + bend * np.sin(np.pi * COLS / 160)
    one, two = cos * rows + sin * COLS, cos * COLS - sin * rows
    return np.cos(2 * np.pi * one / SPACING) + np.cos(2 * np.pi * two / SPACING)


def test_a_turned_part_is_another_grain_where_it_is():
    image = np.where(COLS < 100, waves(5), waves(33))
    image += 0.3 * np.random.default_rng(0).normal(size=image.shape)
    orders = find_orders(image, SPACING)
    assert ((orders.other_grain > 0.5) == (COLS >= 100)).mean() > 0.97
    assert (orders.is_main == (COLS < 100)).mean() > 0.95


def test_one_crystal_has_no_other_grain_though_it_is_bent():
    for bend in (0.0, 4.0):
        orders = find_orders(waves(5, bend), SPACING)
        assert not orders.other_grain.any()
        assert orders.is_main.mean() > 0.95


def test_noise_has_no_grain():
    noise = np.random.default_rng(0).normal(size=(160, 160))
    assert find_orders(noise, SPACING) is None


def test_linearly_is_numpys_interpolation():
    values = np.random.default_rng(0).normal(size=(5, 3))
    at = np.array([0.0, 0.25, 1.5, 3.9, 4.0])
    expected = np.column_stack([np.interp(at, np.arange(5), column) for column in values.T])
    np.testing.assert_allclose(linearly(values, at, 0), expected)
    np.testing.assert_allclose(linearly(values.T, at, 1), expected.T)


def test_fine_waves_count_more_by_the_square_of_their_frequency():
    spacing = 16.0
    coarse, fine = np.cos(2 * np.pi * COLS / 16.0), np.cos(2 * np.pi * COLS / 8.0)
    strongest = [_spectra(wave, spacing)[0].max(axis=1).mean() for wave in (coarse, fine)]
    assert strongest[1] == pytest.approx(4 * strongest[0], rel=0.1)
