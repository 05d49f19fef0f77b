"""Positions as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar.units import PixelSize

from ._atom_table import AtomTable
from ._provenance import plain

_FORMAT = "logstar positions"
_FORMAT_VERSION = 1
_KINDS = {"f": "number", "b": "boolean", "U": "text"}


def write(path: Path, table: AtomTable) -> None:
    """Write a table, an atom a line."""
    head = {"format": _FORMAT, "format_version": _FORMAT_VERSION, **header(table)}
    rows = zip(*(table[name].tolist() for name in table.columns), strict=True)
    lines = ",\n".join(json.dumps(plain(row)) for row in rows)
    # Python's floats are written with as few digits as give them back.
    text = json.dumps(head, indent=1).removesuffix("}").rstrip()
    path.write_text(f'{text},\n "atoms": [\n{lines}\n ]\n}}\n', encoding="utf-8")


def header(table: AtomTable) -> dict[str, Any]:
    """All but the values of each atom."""
    size = table.pixel_size
    return {
        "columns": {name: _KINDS[table[name].dtype.kind] for name in table.columns},
        "pixel_size": None if size is None else size.value,
        "unit": None if size is None else size.unit,
        "origin": list(table.origin),
        "provenance": plain(table.provenance),
    }


def pixel_size_of(found: dict[str, Any]) -> PixelSize | None:
    """Pixel size that a header gives."""
    return None if found["pixel_size"] is None else PixelSize(found["pixel_size"], found["unit"])


def read(path: Path) -> AtomTable:
    """Read a table.

    Raises
    ------
    ValueError
        If it is another JSON.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise ValueError(f'it does not say "format": "{_FORMAT}"')
    kinds: dict[str, str] = found["columns"]
    rows = found["atoms"]
    if any(len(row) != len(kinds) for row in rows):
        raise ValueError(f"each atom must have {len(kinds)} values")
    values = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return AtomTable(
        {
            name: _column(kind, column)
            for (name, kind), column in zip(kinds.items(), values, strict=True)
        },
        pixel_size=pixel_size_of(found),
        provenance=found["provenance"],
        origin=tuple(found["origin"]),
    )


def _column(kind: str, values: tuple[Any, ...]) -> NDArray[Any]:
    if kind == "number":
        # JSON has no NaN.
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=bool if kind == "boolean" else str)
