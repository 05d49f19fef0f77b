"""The direction that a crystal is seen along, in the habits that people write it in."""

from __future__ import annotations

import math
import numbers
import re
import unicodedata
from collections.abc import Iterable

ZoneAxis = tuple[int, int, int]

_INDEX = re.compile(r"[-+]?\d")
_SEPARATED = re.compile(r"[-+]?\d+")
_BRACKETS = {"[": "]", "(": ")", "<": ">", "{": "}"}
#: Overlines, which crystallographers write over negative indices.
_OVERLINES = "\u0304\u0305"
_MINUS_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u00af": "-"})
_HABITS = "such as '[1 1 0]', '110', '1,-1,0', '[1-10]' or (1, 1, 0)"


def parse_zone_axis(zone_axis: object) -> ZoneAxis:
    """Read a zone axis [uvw].

    Parameters
    ----------
    zone_axis : str or sequence of three int
        In brackets or without; indices separated by spaces or commas, or each one digit with its
        sign before it or an overline on it.

    Returns
    -------
    indices : tuple of three int
        Without a common factor.

    Raises
    ------
    TypeError, ValueError
        If it is no such thing, or zero.

    Examples
    --------
    >>> from logstar.lattice import parse_zone_axis
    >>> parse_zone_axis("[1-10]"), parse_zone_axis("2,2,0")
    ((1, -1, 0), (1, 1, 0))
    """
    if isinstance(zone_axis, str):
        indices = _from_text(zone_axis)
    elif isinstance(zone_axis, Iterable):
        indices = [_as_index(index, zone_axis) for index in zone_axis]
    elif isinstance(zone_axis, int) and not isinstance(zone_axis, bool):
        # 100 for [100]; [010] cannot be a number, but who types a number means what it looks like.
        indices = _from_text(str(zone_axis))
    else:
        raise TypeError(f"zone_axis must be three integers, {_HABITS}, got {zone_axis!r}.")
    if len(indices) != 3:
        more = (
            " The four indices of a hexagonal cell [uvtw] are (2u + v, u + 2v, w) in three."
            if len(indices) == 4
            else ""
        )
        raise ValueError(f"zone_axis must be three integers, {_HABITS}, got {zone_axis!r}.{more}")
    divisor = math.gcd(*indices)
    if divisor == 0:
        raise ValueError(f"zone_axis must have a direction, got {zone_axis!r}.")
    u, v, w = (index // divisor for index in indices)
    return u, v, w


def _from_text(text: str) -> list[int]:
    folded = unicodedata.normalize("NFD", text).translate(_MINUS_SIGNS).strip()
    # The overline follows its digit; the sign goes before.
    folded = re.sub(rf"(\d)[{_OVERLINES}]", r"-\1", folded)
    if folded[:1] in _BRACKETS:
        if not folded.endswith(_BRACKETS[folded[0]]):
            return []
        folded = folded[1:-1].strip()
    parts = [part for part in re.split(r"[\s,;]+", folded) if part]
    if len(parts) > 1:
        return [int(part) for part in parts] if all(map(_SEPARATED.fullmatch, parts)) else []
    together = _INDEX.findall(folded)
    return [int(index) for index in together] if "".join(together) == folded else []


def _as_index(index: object, zone_axis: object) -> int:
    number = float(index) if isinstance(index, numbers.Real) else math.nan
    if isinstance(index, bool) or not number.is_integer():
        raise TypeError(f"zone_axis must be three integers, {_HABITS}, got {zone_axis!r}.")
    return int(number)
