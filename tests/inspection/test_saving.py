"""PNG files hold the pixels of what was drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from logstar.inspection._saving import as_png, new_figure, save_figure


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (40, 25)])
def test_a_file_holds_the_pixels(shape, rng):
    colors = rng.integers(0, 256, (*shape, 4), dtype=np.uint8)
    with Image.open(io.BytesIO(as_png(colors, 150))) as read:
        read.load()
        assert read.mode == "RGB"
        assert np.array_equal(np.asarray(read), colors[..., :3])
        assert read.info["dpi"] == pytest.approx((150, 150), rel=1e-4)


def test_a_file_is_whole():
    """Pillow checks the sums of the pieces and that the last one is there."""
    data = as_png(np.zeros((5, 5, 4), dtype=np.uint8), 96)
    with Image.open(io.BytesIO(data)) as read:
        read.verify()


def test_noise_is_not_larger_than_with_filters(rng):
    gray = rng.integers(0, 256, (200, 200), dtype=np.uint8)
    colors = np.dstack([gray] * 4)
    filtered = io.BytesIO()
    Image.fromarray(colors).convert("RGB").save(filtered, "png", compress_level=1)
    assert len(as_png(colors, 150)) < len(filtered.getvalue())


def test_a_figure_is_written_as_it_is_drawn(tmp_path):
    figure = new_figure(2, 1)
    figure.text(0.1, 0.1, "atoms")
    path = save_figure(figure, tmp_path / "figure.png")
    with Image.open(path) as read:
        assert read.size == (300, 150)
        drawn = np.asarray(figure.canvas.buffer_rgba())
        assert np.array_equal(np.asarray(read), drawn[..., :3])
