"""Digits of measured numbers, against Python's own rounding of decimals."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from logstar.io._digits import decimals_of, lengths_to_digits, to_decimals, to_digits


@pytest.mark.parametrize(
    ("errors", "decimals"),
    [
        ([0.0031, 0.02], 5),
        ([0.0099999], 5),
        ([0.01], 4),
        ([3.0, 40.0], 4),
        ([2e-5, np.nan, np.inf, 0.0], 7),
        ([1e-40], 22),
        ([np.nan, 0.0], None),
        ([], None),
    ],
)
def test_two_digits_beyond_the_first_of_the_least_error(errors, decimals):
    columns = {"row": np.zeros(len(errors)), "row_error": np.array(errors, dtype=float)}
    assert decimals_of("row", columns) == decimals
    assert decimals_of("col", columns) is None


@pytest.mark.parametrize(("error", "decimals"), [(4187.0, 0), (12.0, 1), (0.0031, 5)])
def test_what_is_no_length_has_no_more_decimals_than_that(error, decimals):
    columns = {"intensity": np.array([1e7]), "intensity_error": np.array([error])}
    assert decimals_of("intensity", columns) == decimals


@settings(max_examples=300)
@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    decimals=st.integers(0, 22),
)
def test_rounding_is_to_the_nearest_decimal_and_written_in_as_few_digits(value, decimals):
    (rounded,) = to_decimals(np.array([value]), decimals).tolist()
    if abs(value) * 10.0**decimals >= 2**52:
        assert rounded == value
        return
    unit = Decimal(1).scaleb(-decimals)
    # A product with a power of ten is rounded itself, so that either neighbour of a middle will do.
    middle = abs(abs(Decimal(value) / unit % 1) - Decimal("0.5")) < Decimal("1e-3") * max(
        1, abs(Decimal(value) / unit).scaleb(-12)
    )
    exact = Decimal(value).quantize(unit, rounding=ROUND_HALF_EVEN)
    if not middle:
        assert rounded == float(exact)
    assert abs(Decimal(rounded) - Decimal(value)) <= unit * Decimal("0.51")
    assert rounded == round(rounded, decimals)


def test_rounding_adds_less_than_a_thousandth_to_errors():
    generator = np.random.default_rng(0)
    errors = 10 ** generator.uniform(-4, -1, 2000)
    row = generator.uniform(0, 2000, 2000)
    rounded = to_digits({"row": row, "row_error": errors})
    off = np.abs(rounded["row"] - row)
    assert (np.hypot(errors, off) < 1.001 * errors).all()
    np.testing.assert_allclose(rounded["row_error"], errors, rtol=5e-4)


def test_what_is_no_measure_stays_as_it_is():
    columns = {
        "row": np.array([1 / 3]),
        "kind": np.array(["Sr"]),
        "flagged": np.array([True]),
        "charge": np.array([math.pi]),
    }
    for name, values in to_digits(columns).items():
        assert values is columns[name]


@pytest.mark.parametrize("side", [0.013, 0.2, 1.0, 20.0])
def test_lengths_in_units_are_as_fine_as_those_in_pixels(side):
    row = np.random.default_rng(0).uniform(0, 4096, 500)
    columns = {"row": row, "row_error": np.full(500, 0.02)}
    for given_columns, finest in ((columns, 1e-4), ({"row": row}, 1e-6)):
        lengths = lengths_to_digits(row * side, "row", given_columns, side)
        assert np.abs(lengths / side - row).max() <= 0.5 * finest * (1 + 1e-3)
    errors = lengths_to_digits(columns["row_error"] * side, "row_error", columns, side)
    np.testing.assert_allclose(errors, 0.02 * side, rtol=1e-12)
