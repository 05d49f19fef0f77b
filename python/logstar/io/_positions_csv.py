"""Positions as comma-separated values."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.units import PIXEL_UNITS, PixelSize

from ._atom_table import DETECTION_COLUMNS, FLAGGED, LENGTH_IN_UNITS, AtomTable

#: Digits that tell any two float64 apart.
_MOST_DIGITS = 17
#: Decimals of an origin in pixels: a millionth of one is beyond any use.
_ORIGIN_DIGITS = 6


def write(path: Path, table: AtomTable) -> None:
    """Write a table; booleans as 0 and 1."""
    columns = {name: table[name] for name in table.columns} | table.lengths_in_units
    # Lengths in units stand before the flags, which come last.
    flags = {name: columns.pop(name) for name in [FLAGGED] if name in columns}
    columns |= flags
    cells = [_cells(column) for column in columns.values()]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*cells, strict=True))


def _cells(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind == "f":
        return [shortest(value) for value in column]
    return list(column.astype(int) if column.dtype.kind == "b" else column)


def shortest(value: float) -> str:
    """Write a number with as few digits as give it back."""
    return repr(float(value)).removesuffix(".0")


def check_end(text: str) -> None:
    """Check that the last line is whole: half a number is a number as well.

    Raises
    ------
    ValueError
        If it is not.
    """
    if text and text[-1] not in "\r\n":
        raise ValueError("it is cut off: its last line does not end with a line break")


def read(path: Path) -> AtomTable:
    """Read a table.

    Raises
    ------
    ValueError
        If it has no row and col, or they hold what is no number.
    """
    text = path.read_text(encoding="utf-8-sig")
    check_end(text)
    names, *lines = [line for line in csv.reader(text.splitlines()) if line] or [[]]
    names = [name.strip() for name in names]
    if len(set(names)) < len(names) or not {"row", "col"} <= set(names):
        raise ValueError(f"there must be columns row and col, each once; there are {names}")
    for number, line in enumerate(lines, start=2):
        if len(line) != len(names):
            raise ValueError(f"line {number} has {len(line)} entries for {len(names)} columns")
    cells = np.array(lines, dtype=str).reshape(-1, len(names)).T
    values = {name: _column(name, texts) for name, texts in zip(names, cells, strict=True)}
    units = [unit for unit in PIXEL_UNITS if f"row_{unit}" in values]
    scaled = {name: values.pop(name) for name in names if LENGTH_IN_UNITS.fullmatch(name)}
    size, origin = None, (0.0, 0.0)
    if len(units) == 1:
        pairs = {name.removesuffix(f"_{units[0]}"): lengths for name, lengths in scaled.items()}
        side, origin = _calibration(
            {name: (values[name], lengths) for name, lengths in pairs.items() if name in values}
        )
        size = None if side is None else PixelSize(side, units[0])
    columns = {name: values.pop(name) for name in ("row", "col")} | values
    return AtomTable(columns, pixel_size=size, origin=origin)


def _column(name: str, texts: NDArray[np.str_]) -> NDArray[Any]:
    """Make numbers of texts where they are such, and where a name says that they must be."""
    try:
        numbers = texts.astype(np.float64)
    except ValueError:
        if name in {*DETECTION_COLUMNS, FLAGGED} or LENGTH_IN_UNITS.fullmatch(name):
            raise
        return texts
    return numbers.astype(bool) if name == FLAGGED else numbers


def _calibration(
    pairs: dict[str, tuple[FloatArray, FloatArray]],
) -> tuple[float | None, tuple[float, float]]:
    """Find pixel size and origin from lengths in pixels and in units.

    Rows and columns in units may be measured from elsewhere than the first pixel; all other
    lengths are not, and then these give the size.
    """
    side, is_exact = _side(list(pairs.values()))
    if side is None or is_exact or not {"row", "col"} <= set(pairs):
        return side, (0.0, 0.0)
    others = [pair for name, pair in pairs.items() if name not in {"row", "col"}]
    # Without others the distances between atoms do.
    steps = [(np.diff(pixels), np.diff(lengths)) for pixels, lengths in pairs.values()]
    other, _ = _side(others or steps)
    if other is None:
        return side, (0.0, 0.0)
    row, col = (
        round(float(np.median(lengths / other - pixels)), _ORIGIN_DIGITS) if len(pixels) else 0.0
        for pixels, lengths in (pairs[name] for name in ("row", "col"))
    )
    return other, (row, col)


def _side(pairs: list[tuple[FloatArray, FloatArray]]) -> tuple[float | None, bool]:
    """Find the pixel size of the fewest digits that takes lengths in pixels to those in units.

    Also tells whether it does so to the bit.
    """
    if not pairs:
        return None, False
    pixels, lengths = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    usable = (pixels != 0) & np.isfinite(pixels) & np.isfinite(lengths)
    if not usable.any():
        return None, False
    pixels, lengths = pixels[usable], lengths[usable]
    largest = np.abs(pixels).argmax()
    ratio = float(lengths[largest] / pixels[largest])
    # The last bit of a ratio may be off by one.
    ratios = [ratio, float(np.nextafter(ratio, 0)), float(np.nextafter(ratio, np.inf))]
    candidates = (float(f"{r:.{n}g}") for n in range(1, _MOST_DIGITS + 1) for r in ratios)
    exact = next((side for side in candidates if (pixels * side == lengths).all()), None)
    return (ratio, False) if exact is None else (exact, True)
