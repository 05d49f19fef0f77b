"""How many digits of a measured number are written: as many as mean something.

Formats for machines keep every bit. In a csv, which people read, a number whose standard deviation
is known has two digits beyond the first one of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._atom_table import LENGTH

#: What the name of a column of standard deviations ends in.
ERROR = "_error"
#: Digits of a value beyond the first digit of its standard deviation: rounding then adds less than
#: a thousandth to that.
_BEYOND = 2
#: Least decimals of a length in pixels that has a standard deviation, and of any other value.
_LEAST_DECIMALS, _LEAST_OF_OTHERS = 4, 0
#: Significant digits of standard deviations, which are estimates themselves.
_DIGITS_OF_ERRORS = 4
#: Significant digits of what is computed from a noisy image, and has no standard deviation.
_DIGITS_OF_MEASURES = 6
_MEASURES = ("response", "support", "significance")
#: The same of a length in units whose length in pixels has all its digits: a millionth of a pixel.
_DECIMALS_OF_LENGTHS = 6
#: A power of ten up to this one is a float64 to the bit, so that rounding by it is right.
_MOST_DECIMALS = 22


def decimals_of(name: str, columns: Mapping[str, NDArray[Any]]) -> int | None:
    """Tell to how many decimals a column is written.

    Parameters
    ----------
    name : str
        The column.
    columns : mapping of str to ndarray
        All columns. Standard deviations have the name of their values, and `ERROR` behind it.

    Returns
    -------
    decimals : int or None
        None where no standard deviation is known.
    """
    errors = columns.get(name + ERROR)
    if errors is None or errors.dtype.kind != "f":
        return None
    known = errors[np.isfinite(errors) & (errors > 0)]
    if len(known) == 0:
        return None
    # The least one decides, so that all values have as many.
    first = -int(np.floor(np.log10(known.min())))
    least = _LEAST_DECIMALS if LENGTH.fullmatch(name) else _LEAST_OF_OTHERS
    return min(max(first + _BEYOND, least), _MOST_DECIMALS)


def to_digits(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Round columns of a table of measured values to the digits that mean something.

    Parameters
    ----------
    columns : mapping of str to ndarray
        The columns.

    Returns
    -------
    columns : dict of str to ndarray
        Values by their standard deviations, these to four digits, and what else is measured to six.
        All others are as they were.
    """
    rounded = {}
    for name, values in columns.items():
        decimals = decimals_of(name, columns)
        if values.dtype.kind != "f":
            rounded[name] = values
        elif decimals is not None:
            rounded[name] = to_decimals(values, decimals)
        elif name.endswith(ERROR):
            rounded[name] = _to_significant(values, _DIGITS_OF_ERRORS)
        elif name in _MEASURES:
            rounded[name] = _to_significant(values, _DIGITS_OF_MEASURES)
        else:
            rounded[name] = values
    return rounded


def lengths_to_digits(
    lengths: FloatArray, name: str, columns: Mapping[str, NDArray[Any]], side: float
) -> FloatArray:
    """Round lengths in units as finely as those in pixels are.

    Parameters
    ----------
    lengths : ndarray of shape (n_atoms,)
        In units.
    name : str
        The column of lengths in pixels.
    columns : mapping of str to ndarray
        All columns in pixels.
    side : float
        Side of a pixel in units.

    Returns
    -------
    lengths : ndarray of shape (n_atoms,)
    """
    if name.endswith(ERROR):
        return _to_significant(lengths, _DIGITS_OF_ERRORS)
    decimals = decimals_of(name, columns)
    decimals = _DECIMALS_OF_LENGTHS if decimals is None else decimals
    finer = decimals + int(np.ceil(-np.log10(side)))
    return to_decimals(lengths, min(max(finer, 0), _MOST_DECIMALS))


def to_decimals(values: FloatArray, decimals: int) -> FloatArray:
    """Round to decimals; numbers that are too large for them stay as they are."""
    scale = 10.0**decimals
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * scale
        # Beyond that, all bits are before the last decimal.
        return np.where(np.abs(scaled) < 2**52, np.rint(scaled) / scale, values)


def _to_significant(values: FloatArray, digits: int) -> FloatArray:
    return np.array([float(f"{value:.{digits}g}") for value in values.tolist()], dtype=np.float64)
