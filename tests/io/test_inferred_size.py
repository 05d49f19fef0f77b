"""Pixel sizes and origins that lengths in pixels and in units tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from logstar.io import AtomTable
from logstar.io._inferred_size import inferred_size


def texts(lengths):
    return np.array([repr(float(length)).removesuffix(".0") for length in lengths], dtype=str)


@settings(max_examples=100)
@given(
    digits=st.integers(1, 9999),
    power=st.integers(-6, -1),
    origin=st.sampled_from([(0, 0), (0.5, 0.5), (1.5, 1.5), (100, 37), (-3.25, 12.125)]),
    with_errors=st.booleans(),
    seed=st.integers(0, 100),
)
def test_a_csv_gives_back_pixel_size_and_origin(
    tmp_path_factory, digits, power, origin, with_errors, seed
):
    """Sizes of up to four digits, as files have them, and origins as binning makes them."""
    generator = np.random.default_rng(seed)
    side = float(f"{digits}e{power}")
    table = AtomTable(
        {name: generator.uniform(0, 500, 40) for name in ("row", "col")},
        pixel_size=f"{side} nm",
        origin=origin,
    )
    if with_errors:
        errors = {name: generator.uniform(0.01, 0.1, 40) for name in ("row_error", "col_error")}
        table = table.with_columns(**errors)
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    table.save(path)
    found = AtomTable.load(path)
    assert found.pixel_size.value == side
    assert found.origin == origin


@pytest.mark.parametrize(
    ("pixels", "lengths", "side"),
    [
        # Zeros at the ends are not written, and yet tell digits.
        ([80.0], ["1"], 0.0125),
        ([20.0, 10.0], ["3", "1.5"], 0.15),
        ([512.0, 3.0], ["100.02944", "0.58611"], 0.19537),
        # As other programs round; the largest tells most.
        ([100.13, 50.02], ["20.03", "10"], 20.03 / 100.13),
        ([0.0, np.nan], ["0", "nan"], None),
    ],
)
def test_digits_of_a_size(pixels, lengths, side):
    found, origin = inferred_size({"row": (np.array(pixels), np.array(lengths))})
    assert found == pytest.approx(side, rel=1e-12) if side else found is None
    assert origin == (0, 0)


def test_an_origin_whose_lengths_have_few_digits():
    pixels = {"row": np.array([3, 10.5]), "col": np.array([5, 7.25])}
    pairs = {name: (places, texts((places + 0.25) * 0.04)) for name, places in pixels.items()}
    assert inferred_size(pairs) == (pytest.approx(0.04, rel=1e-12), (0.25, 0.25))


def test_nothing_tells_nothing():
    empty = np.empty(0), np.empty(0, dtype="<U1")
    assert inferred_size({"row": empty, "col": empty}) == (None, (0, 0))
    assert inferred_size({}) == (None, (0, 0))


def test_errors_alone_are_taken_where_there_is_nothing_else():
    pixels = np.array([0.5, 0.25])
    found, _ = inferred_size({"row_error": (pixels, texts(pixels * 0.02))})
    assert found == 0.02
