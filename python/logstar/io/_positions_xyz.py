"""Positions as extended XYZ."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np

from logstar.units import convert_length

from ._positions_csv import check_end, shortest
from ._table import FLAGGED, Positions

#: A column of atoms is of no known element.
_SPECIES = "X"
_NAME = re.compile(r"\w+")


def write(path: Path, table: Positions) -> None:
    """Write a table: x along columns and y against rows, so that it looks as the image does.

    Raises
    ------
    ValueError
        For names that the format cannot hold.
    """
    if not all(_NAME.fullmatch(name) for name in table.columns):
        raise ValueError(f"names of columns in xyz are words, got {table.columns}.")
    step = 1.0
    if table.pixel_size is not None:
        step = convert_length(table.pixel_size, str(table.unit), to="A")
    properties = "species:S:1:pos:R:3:" + ":".join(f"{name}:R:1" for name in table.columns)
    properties += f":{FLAGGED}:L:1" if table.flagged is not None else ""
    comment = f'Properties={properties} pbc="F F F"'
    if table.pixel_size is not None:
        comment += f" pixel_size={table.pixel_size!r} unit={table.unit}"
    lines = [str(len(table.detections)), comment]
    for i, row in enumerate(table.detections):
        place = (row[1] * step, 0.0 - row[0] * step, 0.0)
        flag = [] if table.flagged is None else ["T" if table.flagged[i] else "F"]
        lines.append(" ".join([_SPECIES, *map(shortest, (*place, *row)), *flag]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path: Path) -> Positions:
    """Read a table.

    Raises
    ------
    ValueError
        If it has no columns row and col.
    """
    text = path.read_text(encoding="utf-8")
    check_end(text)
    count, comment, *lines = text.splitlines()
    entries = dict(part.split("=", 1) for part in shlex.split(comment) if "=" in part)
    parts = entries.get("Properties", "").split(":")
    names = [name for name, n in zip(parts[::3], parts[2::3], strict=True) for _ in range(int(n))]
    if not {"row", "col"} <= set(names):
        raise ValueError("it has no columns row and col, in pixels")
    cells = [line.split() for line in lines]
    if len(cells) != int(count) or any(len(line) != len(names) for line in cells):
        raise ValueError(f"it must have {count} lines of {len(names)} entries")
    columns = tuple(name for name in names if name not in {"species", "pos", FLAGGED})
    places = [names.index(name) for name in columns]
    flags = None
    if FLAGGED in names:
        flags = np.array([line[names.index(FLAGGED)] == "T" for line in cells], dtype=bool)
    table = np.array([[float(line[i]) for i in places] for line in cells])
    side = float(entries["pixel_size"]) if "pixel_size" in entries else None
    return Positions(table.reshape(-1, len(columns)), columns, side, entries.get("unit"), flags)
