"""Scale bars are round and a quarter of the image at most."""

from __future__ import annotations

import pytest

from logstar.inspection._scale_bar import bar_length
from logstar.units import PixelSize


@pytest.mark.parametrize(
    ("n_cols", "pixel_size", "pixels", "label"),
    [
        (1024, "0.1 A", 200, "2 nm"),
        (469, "0.02966 nm", 2 / 0.02966, "2 nm"),
        (400, "0.1 A", 100, "1 nm"),
        (100, "20 pm", 25, "5 Å"),
        (2000, "1 nm", 500, "500 nm"),
    ],
)
def test_scale_bars_are_round(n_cols, pixel_size, pixels, label):
    length, text = bar_length(n_cols, PixelSize.of(pixel_size))
    assert text == label
    assert length == pytest.approx(pixels)
    assert length <= n_cols / 4 + 1e-6


def test_without_a_pixel_size_it_measures_pixels():
    assert bar_length(65, None) == (10, "10 px")
    assert bar_length(400, None) == (100, "100 px")
