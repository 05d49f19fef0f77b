"""The pixel size of a csv, which is told by its lengths in pixels and in units alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._digits import ERROR

#: Lengths in pixels and in units, and how far rounding may have moved the latter.
_Lengths: TypeAlias = tuple[FloatArray, FloatArray, float]
#: Digits that tell any two float64 apart.
_MOST_DIGITS = 17
#: Decimals of an origin in pixels: a millionth of one is beyond any use.
_ORIGIN_DIGITS = 6
#: The most by which rounding may change a length, or the distance of two, in pixels: lengths are
#: written to a ten-thousandth of a pixel at least, but zeros at their ends are not.
_COARSEST = 1e-4
#: A place of the first pixel that is this many times as far off as the worst of the places that
#: atoms tell agrees with them: of two atoms both may be rounded alike.
_SCATTERS = 3.0
#: What rounding does to products of float64, beside the digits that are written.
_ROUNDING = 4 * float(np.finfo(np.float64).eps)


def inferred_size(
    pairs: Mapping[str, tuple[FloatArray, NDArray[np.str_]]],
) -> tuple[float | None, tuple[float, float]]:
    """Find pixel size and origin from lengths in pixels and in units.

    Rows and columns in units may be measured from elsewhere than the first pixel; all other
    lengths are not.

    Parameters
    ----------
    pairs : mapping of str to tuple of two arrays
        Lengths in pixels, and the texts of the same in units, by the column's name.

    Returns
    -------
    side : float or None
        The number of the fewest digits that agrees with all lengths; if none does, what agrees best
        with the largest of them. None if nothing tells.
    origin : tuple of two float
        Row and column of the first pixel, in pixels.
    """
    lengths = {name: (pixels, *_numbers(texts)) for name, (pixels, texts) in pairs.items()}
    # Errors have few digits: others tell more.
    values = {name: value for name, value in lengths.items() if not name.endswith(ERROR)}
    some = list((values or lengths).values())
    side, agrees = _side(some)
    if side is None or agrees or not {"row", "col"} <= set(pairs):
        return side, (0.0, 0.0)
    others = [value for name, value in values.items() if name not in {"row", "col"}]
    # Without a common origin the distances between atoms tell.
    steps = [_steps(*values[name]) for name in ("row", "col")]
    other, _ = _side([*steps, *others])
    if other is None:
        return side, (0.0, 0.0)
    row, col = (_start(*values[name], other) for name in ("row", "col"))
    return other, (row, col)


def _numbers(texts: NDArray[np.str_]) -> tuple[FloatArray, float]:
    """Numbers of texts, and half a unit of the last digit that any of them has."""
    decimals = max((_decimals(text) for text in texts.tolist()), default=0)
    return texts.astype(np.float64), 0.5 * 10.0**-decimals


def _decimals(text: str) -> int:
    mantissa, _, exponent = text.strip().lower().partition("e")
    return max(len(mantissa.partition(".")[2]) - int(exponent or 0), 0)


def _steps(pixels: FloatArray, lengths: FloatArray, within: float) -> _Lengths:
    """Distances along one axis from its first atom, in pixels and in units."""
    if len(pixels) == 0:
        return pixels, lengths, 2 * within
    first = pixels.argmin()
    return pixels - pixels[first], lengths - lengths[first], 2 * within


def _start(pixels: FloatArray, lengths: FloatArray, within: float, side: float) -> float:
    """Place of the first pixel along one axis, of as few digits as agree with all lengths."""
    if len(pixels) == 0:
        return 0.0
    places = lengths / side - pixels
    start = float(np.median(places))
    # By how much they scatter says how finely lengths were written.
    scatter = _SCATTERS * float(np.abs(places - start).max())
    slack = min(within / side, _COARSEST, scatter)
    slack += _ROUNDING * float(np.abs(lengths / side).max())
    for digits in range(_ORIGIN_DIGITS):
        short = round(start, digits)
        if (np.abs(places - short) <= slack).all():
            return short
    return round(start, _ORIGIN_DIGITS)


def _side(parts: list[_Lengths]) -> tuple[float | None, bool]:
    """Find the side of a pixel, and tell whether it agrees with all lengths."""
    if not parts:
        return None, False
    pixels, lengths = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    within = np.concatenate([np.full(len(part[0]), part[2]) for part in parts])
    # A length that was rounded to 0 tells nothing.
    usable = (pixels != 0) & (lengths != 0) & np.isfinite(pixels) & np.isfinite(lengths)
    if not usable.any():
        return None, False
    pixels, lengths, within = pixels[usable], lengths[usable], within[usable]
    largest = np.abs(pixels).argmax()
    ratio = float(lengths[largest] / pixels[largest])
    slack = np.minimum(within, _COARSEST * abs(ratio)) + _ROUNDING * np.abs(lengths)
    for side in _shortened(ratio):
        if (np.abs(pixels * side - lengths) <= slack).all():
            return side, True
    return ratio, False


def _shortened(number: float) -> Iterator[float]:
    """A number with one digit, with two, and so on."""
    for digits in range(1, _MOST_DIGITS + 1):
        yield float(f"{number:.{digits}g}")
