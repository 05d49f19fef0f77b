"""The autocorrelation that spacings are read off, against sums over pairs of pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from logstar.preprocessing._spacing import _autocorrelation, _middle, image_spacing

SHAPE = (24, 30)
REACH = 6


def test_the_autocorrelation_is_the_mean_of_products_of_pixels():
    """Of the filtered image: slow changes out, noise smoothed, on a plane that holds all lags."""
    image = np.random.default_rng(0).normal(size=SHAPE)
    found = _autocorrelation(image, REACH)
    # As large as the transform's: the tails of the filters run around it.
    n_rows, n_cols = 30, 36
    plane = np.zeros((n_rows, n_cols))
    plane[: SHAPE[0], : SHAPE[1]] = image - image.mean()
    squares = (2 * np.pi) ** 2 * (
        np.fft.fftfreq(n_rows)[:, None] ** 2 + np.fft.fftfreq(n_cols)[None] ** 2
    )
    gain = (1 - np.exp(-squares * (0.1 * 24) ** 2 / 2)) * np.exp(-squares * 1.5**2 / 2)
    filtered = np.fft.ifft2(np.fft.fft2(plane) * gain).real
    for row, col in [(0, 0), (1, 0), (0, -4), (5, 3), (-6, 6)]:
        moved = np.roll(filtered, (row, col), (0, 1))
        n_pairs = (SHAPE[0] - abs(row)) * (SHAPE[1] - abs(col))
        assert_allclose(
            found[REACH + row, REACH + col], (filtered * moved).sum() / n_pairs, rtol=1e-9
        )


def test_nothing_that_is_alike_has_no_autocorrelation():
    assert _autocorrelation(np.full(SHAPE, 3.0), REACH) is None


@pytest.mark.parametrize("shift", [(0, 0), (3, 5), (7, 2)])
def test_the_spacing_does_not_depend_on_where_the_image_begins(shift):
    rows, cols = np.indices((90, 120)) + np.array(shift)[:, None, None]
    image = np.cos(2 * np.pi * rows / 15) + np.cos(2 * np.pi * cols / 15)
    assert image_spacing(image) == pytest.approx(15, abs=0.5)


def test_the_middle_of_what_is_large_and_all_of_what_is_not():
    assert _middle(100) == slice(0, 512)
    assert _middle(512) == slice(0, 512)
    assert _middle(1_000) == slice(244, 756)
