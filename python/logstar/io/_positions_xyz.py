"""Positions as extended XYZ."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar.units import PixelSize

from ._atom_table import AtomTable
from ._positions_csv import check_end, shortest

#: A column of atoms is of no known element.
_SPECIES = "X"
_WORD = re.compile(r"\w+")
_TYPES = {"f": "R", "b": "L", "U": "S"}


def write(path: Path, table: AtomTable) -> None:
    """Write a table: x along columns and y against rows, so that it looks as the image does.

    Raises
    ------
    ValueError
        For names or texts that the format cannot hold.
    """
    if not all(_WORD.fullmatch(name) for name in table.columns):
        raise ValueError(f"names of columns in xyz are words, got {table.columns}.")
    kinds = {name: _TYPES[table[name].dtype.kind] for name in table.columns}
    for name, kind in kinds.items():
        for text in table[name] if kind == "S" else ():
            if not _WORD.fullmatch(text):
                raise ValueError(f"texts in xyz are words, got {str(text)!r} in column {name!r}.")
    size = table.pixel_size
    step = 1.0 if size is None else size.to("A").value
    properties = "species:S:1:pos:R:3"
    properties += "".join(f":{name}:{kind}:1" for name, kind in kinds.items())
    comment = f'Properties={properties} pbc="F F F"'
    if size is not None:
        comment += f" pixel_size={size.value!r} unit={size.unit}"
    if any(table.origin):
        comment += ' origin="{!r} {!r}"'.format(*table.origin)
    rows_up, cols = (
        table[name] + first for name, first in zip(("row", "col"), table.origin, strict=True)
    )
    places = zip(cols * step, 0.0 - rows_up * step, strict=True)
    rows = zip(*(_cells(table[name]) for name in table.columns), strict=True)
    lines = [str(len(table)), comment]
    lines += [
        " ".join([_SPECIES, shortest(x), shortest(y), "0", *row])
        for (x, y), row in zip(places, rows, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cells(column: NDArray[Any]) -> list[str]:
    if column.dtype.kind == "f":
        return [shortest(value) for value in column]
    return ["FT"[int(value)] for value in column] if column.dtype.kind == "b" else list(column)


def read(path: Path) -> AtomTable:
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
    properties = list(zip(parts[::3], parts[1::3], map(int, parts[2::3]), strict=True))
    cells = [line.split() for line in lines]
    n_cells = sum(n for _, _, n in properties)
    if len(cells) != int(count) or any(len(line) != n_cells for line in cells):
        raise ValueError(f"it must have {count} lines of {n_cells} entries")
    if not {"row", "col"} <= {name for name, _, _ in properties}:
        raise ValueError("it has no columns row and col, in pixels")
    columns: dict[str, NDArray[Any]] = {"row": np.empty(0), "col": np.empty(0)}
    place = 0
    for name, kind, n in properties:
        if name not in {"species", "pos"}:
            if n != 1:
                raise ValueError(f"{name} must be one number for each atom, not {n}")
            columns[name] = _column(kind, [line[place] for line in cells])
        place += n
    size = None
    if "pixel_size" in entries:
        size = PixelSize(float(entries["pixel_size"]), entries.get("unit", ""))
    row, col = map(float, entries.get("origin", "0 0").split())
    return AtomTable(columns, pixel_size=size, origin=(row, col))


def _column(kind: str, cells: list[str]) -> NDArray[Any]:
    if kind == "L":
        return np.array([cell == "T" for cell in cells], dtype=bool)
    return np.array(cells, dtype=str if kind == "S" else np.float64)
