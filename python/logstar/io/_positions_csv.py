"""Positions as comma-separated values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from logstar._validation import FloatArray

from ._table import FLAGGED, LENGTHS, Positions

#: Digits that tell any two float64 apart.
_MOST_DIGITS = 17


def write(path: Path, table: Positions) -> None:
    """Write a table."""
    lengths = table.lengths_in_units
    rows = np.column_stack([table.detections, *lengths.values()])
    flags = [] if table.flagged is None else [table.flagged.astype(int)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*table.columns, *lengths, *(FLAGGED for _ in flags)])
        for i, row in enumerate(rows):
            writer.writerow([*map(shortest, row), *(flag[i] for flag in flags)])


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


def read(path: Path) -> Positions:
    """Read a table.

    Raises
    ------
    ValueError
        If it has no row and col, or holds what is no number.
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
    values = dict(zip(names, np.array(lines, dtype=float).reshape(-1, len(names)).T, strict=True))
    flags = values.pop(FLAGGED, None)
    units = {name.partition("_")[2] for name in values if name.startswith("row_")}
    unit = units.pop() if len(units) == 1 else None
    scaled = {name: values.pop(f"{name}_{unit}") for name in LENGTHS if f"{name}_{unit}" in values}
    columns = ("row", "col", *(name for name in values if name not in {"row", "col"}))
    detections = np.column_stack([values[name] for name in columns])
    side = _side([(values[name], scaled[name]) for name in scaled])
    return Positions(
        detections,
        columns,
        side,
        None if side is None else unit,
        None if flags is None else flags.astype(bool),
    )


def _side(pairs: list[tuple[FloatArray, FloatArray]]) -> float | None:
    """Find the pixel size of the fewest digits that takes lengths in pixels to those in units."""
    if not pairs:
        return None
    pixels, lengths = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    usable = (pixels != 0) & np.isfinite(pixels) & np.isfinite(lengths)
    if not usable.any():
        return None
    pixels, lengths = pixels[usable], lengths[usable]
    largest = np.abs(pixels).argmax()
    ratio = float(lengths[largest] / pixels[largest])
    # The last bit of a ratio may be off by one.
    ratios = [ratio, float(np.nextafter(ratio, 0)), float(np.nextafter(ratio, np.inf))]
    candidates = (float(f"{r:.{n}g}") for n in range(1, _MOST_DIGITS + 1) for r in ratios)
    return next((side for side in candidates if (pixels * side == lengths).all()), ratio)
