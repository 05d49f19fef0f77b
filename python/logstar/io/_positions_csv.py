"""Positions as comma-separated values."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar.units import PIXEL_UNITS, PixelSize

from ._atom_table import DETECTION_COLUMNS, FLAGGED, LENGTH_IN_UNITS, AtomTable
from ._digits import lengths_to_digits, to_digits
from ._inferred_size import inferred_size


def write(path: Path, table: AtomTable) -> None:
    """Write a table with the digits that mean something; booleans as 0 and 1."""
    measured = {name: table[name] for name in table.columns}
    rounded = table.with_columns(**to_digits(measured))
    columns: dict[str, NDArray[Any]] = {name: rounded[name] for name in rounded.columns}
    size = table.pixel_size
    if size is not None:
        for name, lengths in rounded.lengths_in_units.items():
            pixels = name.removesuffix(f"_{size.unit}")
            columns[name] = lengths_to_digits(lengths, pixels, measured, size.value)
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
        # The shortest text of each, as by `shortest`; there are thousands.
        return [repr(value).removesuffix(".0") for value in column.astype(float).tolist()]
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
    numbered = [(i, line) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    # NumPy writes names as a comment.
    while numbered and numbered[0][1].startswith("#") and not _has_places(numbered[0][1]):
        del numbered[0]
    rows = list(csv.reader(line for _, line in numbered)) or [[]]
    names = _names(rows[0])
    if len(set(names)) < len(names) or not {"row", "col"} <= set(names):
        hint = ""
        if {"x", "y"} <= set(names):
            hint = "; call that which goes down the image row (mostly y), and the other col"
        raise ValueError(f"there must be columns row and col, each once; there are {names}{hint}")
    lines = rows[1:]
    # A text in quotes may go over several lines of the file.
    for (number, _), line in zip(numbered[1:], lines, strict=False):
        if len(line) != len(names):
            raise ValueError(f"line {number} has {len(line)} entries for {len(names)} columns")
    cells = np.array(lines, dtype=str).reshape(-1, len(names)).T
    texts = dict(zip(names, cells, strict=True))
    values = {name: _column(name, column) for name, column in texts.items()}
    units = [unit for unit in PIXEL_UNITS if f"row_{unit}" in values]
    scaled = [name for name in names if LENGTH_IN_UNITS.fullmatch(name)]
    for name in scaled:
        del values[name]
    size, origin = None, (0.0, 0.0)
    if len(units) == 1:
        pixels = {name: name.removesuffix(f"_{units[0]}") for name in scaled}
        pairs = {of: (values[of], texts[name]) for name, of in pixels.items() if of in values}
        side, origin = inferred_size(pairs)
        size = None if side is None else PixelSize(side, units[0])
    columns = {name: values.pop(name) for name in ("row", "col")} | values
    return AtomTable(columns, pixel_size=size, origin=origin)


def _names(line: list[str]) -> list[str]:
    """Names of the columns, as they stand in a line of the file."""
    return [name.strip().removeprefix("#").strip() for name in line]


def _has_places(line: str) -> bool:
    return {"row", "col"} <= set(_names(line.split(",")))


def _column(name: str, texts: NDArray[np.str_]) -> NDArray[Any]:
    """Make numbers of texts where they are such, and where a name says that they must be."""
    try:
        numbers = texts.astype(np.float64)
    except ValueError:
        if name in {*DETECTION_COLUMNS, FLAGGED} or LENGTH_IN_UNITS.fullmatch(name):
            raise
        return texts
    return numbers.astype(bool) if name == FLAGGED else numbers
