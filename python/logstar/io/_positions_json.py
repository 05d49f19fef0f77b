"""Positions as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ._provenance import plain
from ._table import Positions

_FORMAT = "logstar positions"
_FORMAT_VERSION = 1


def write(path: Path, table: Positions) -> None:
    """Write a table, an atom a line."""
    head = {"format": _FORMAT, "format_version": _FORMAT_VERSION, **header(table)}
    flags = None if table.flagged is None else table.flagged.tolist()
    lines = ",\n".join(json.dumps(plain(row)) for row in table.detections.tolist())
    text = json.dumps({**head, "flagged": flags}, indent=1)
    # Python's floats are written with as few digits as give them back.
    text = f'{text.removesuffix("}").rstrip()},\n "detections": [\n{lines}\n ]\n}}\n'
    path.write_text(text, encoding="utf-8")


def header(table: Positions) -> dict[str, Any]:
    """All but the numbers of each atom."""
    return {
        "columns": list(table.columns),
        "pixel_size": table.pixel_size,
        "unit": table.unit,
        "provenance": plain(table.provenance),
    }


def read(path: Path) -> Positions:
    """Read a table.

    Raises
    ------
    ValueError
        If it is another JSON.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise ValueError(f'it does not say "format": "{_FORMAT}"')
    columns = tuple(found["columns"])
    rows = [[np.nan if value is None else value for value in row] for row in found["detections"]]
    flags = found["flagged"]
    return Positions(
        np.array(rows, dtype=np.float64).reshape(-1, len(columns)),
        columns,
        found["pixel_size"],
        found["unit"],
        None if flags is None else np.array(flags, dtype=bool),
        found["provenance"],
    )
