"""Outlines of what is no crystal."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import same_color

from logstar.inspection import KindMapDisplay
from logstar.segmentation import KINDS

IMAGE = np.random.default_rng(0).normal(size=(40, 60))


def test_each_kind_has_its_outline_and_a_word():
    kinds = np.zeros((40, 60), dtype=np.uint8)
    kinds[5:15, 5:15], kinds[20:30, 30:50] = KINDS.index("vacuum"), KINDS.index("amorphous")
    display = KindMapDisplay(IMAGE, kinds, pixel_size="0.2 A").plot()
    title = display.ax_.get_title(loc="left")
    assert title == "amorphous 8.33 %, vacuum 4.17 %"
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["amorphous", "vacuum"]
    lines = [line.get_color() for line in legend.get_lines()]
    assert not same_color(*lines)


def test_nothing_but_crystal():
    display = KindMapDisplay(IMAGE, np.zeros((40, 60), dtype=int)).plot()
    assert display.ax_.get_title(loc="left") == "no region"
    assert display.ax_.get_legend() is None


def test_a_file_is_written(tmp_path):
    kinds = np.zeros((40, 60), dtype=int)
    kinds[:, 30:] = 2
    path = KindMapDisplay(IMAGE, kinds).save(tmp_path / "kinds.png")
    assert path.stat().st_size > 5000


def test_shapes_have_to_agree():
    with pytest.raises(ValueError, match=r"kinds must have the image's shape \(40, 60\)"):
        KindMapDisplay(IMAGE, np.zeros((4, 6), dtype=int)).plot()
