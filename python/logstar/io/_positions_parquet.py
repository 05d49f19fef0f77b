"""Positions as Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ._atom_table import AtomTable
from ._positions_json import header, pixel_size_of

_KEY = b"logstar"


def import_pyarrow() -> Any:
    try:
        import pyarrow.parquet  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise ImportError(
            f'parquet needs pyarrow, which is missing: pip install "logstar[parquet]" ({error})'
        ) from error
    return pyarrow


def write(path: Path, table: AtomTable) -> None:
    """Write a table."""
    pyarrow = import_pyarrow()
    columns = {name: table[name] for name in table.columns} | table.lengths_in_units
    rows = pyarrow.table({name: np.ascontiguousarray(column) for name, column in columns.items()})
    rows = rows.replace_schema_metadata({_KEY: json.dumps(header(table)).encode()})
    pyarrow.parquet.write_table(rows, path)


def read(path: Path) -> AtomTable:
    """Read a table.

    Raises
    ------
    ValueError
        If it was not written here.
    """
    # Not by the path: a folder would be a data set.
    with path.open("rb") as file:
        rows = import_pyarrow().parquet.read_table(file)
    metadata = rows.schema.metadata or {}
    if _KEY not in metadata:
        raise ValueError("it was not written by logstar")
    found = json.loads(metadata[_KEY])
    types = {"number": np.float64, "boolean": bool, "text": str}
    return AtomTable(
        {
            name: rows[name].to_numpy().astype(types[kind])
            for name, kind in found["columns"].items()
        },
        pixel_size=pixel_size_of(found),
        provenance=found["provenance"],
        origin=tuple(found["origin"]),
    )
