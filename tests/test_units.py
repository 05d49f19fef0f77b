"""Pixel sizes in the spellings of people and files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.units import as_pixel_size, convert_length


@pytest.mark.parametrize(
    ("given_size", "unit", "expected"),
    [
        ("0.2A", None, (0.2, "A")),
        ("0.2 \u212b", None, (0.2, "A")),
        ("2e-1 Angstrom", None, (0.2, "A")),
        (".02 nm", None, (0.02, "nm")),
        ("20", "pm", (20.0, "pm")),
        (2e-5, "\u00b5m", (0.02, "nm")),
        (np.float32(0.5), "nm", (0.5, "nm")),
        (["0.2 A", "20 pm"], None, (0.2, "A")),
        (np.array([0.2, 0.2]), "A", (0.2, "A")),
    ],
)
def test_spellings(given_size, unit, expected):
    size, name = as_pixel_size(given_size, unit)
    assert name == expected[1]
    assert size == pytest.approx(expected[0])


@given(st.floats(1e-3, 1e3), st.sampled_from(["A", "nm", "pm", "m", "um"]))
def test_text_and_number_agree(size, unit):
    by_text, by_number = as_pixel_size(f"{size!r} {unit}"), as_pixel_size(size, unit)
    assert by_text == by_number
    assert convert_length(by_number[0], by_number[1], to=unit) == pytest.approx(size)


@pytest.mark.parametrize("wrong", ["", "A", "-0.2 A", "0 A", "1.2.3 A", "0.2 A A", [], object()])
def test_what_is_none(wrong):
    with pytest.raises((TypeError, ValueError), match="pixel_size"):
        as_pixel_size(wrong)
