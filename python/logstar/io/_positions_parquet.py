"""Positions as Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ._positions_json import header
from ._table import FLAGGED, Positions

_KEY = b"logstar"


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise ImportError(
            f'parquet needs pyarrow, which is missing: pip install "logstar[parquet]" ({error})'
        ) from error
    return pyarrow


def write(path: Path, table: Positions) -> None:
    """Write a table."""
    pyarrow = _pyarrow()
    columns = dict(zip(table.columns, table.detections.T, strict=True)) | table.lengths_in_units
    if table.flagged is not None:
        columns[FLAGGED] = table.flagged
    rows = pyarrow.table({name: np.ascontiguousarray(column) for name, column in columns.items()})
    rows = rows.replace_schema_metadata({_KEY: json.dumps(header(table)).encode()})
    pyarrow.parquet.write_table(rows, path)


def read(path: Path) -> Positions:
    """Read a table.

    Raises
    ------
    ValueError
        If it was not written here.
    """
    # Not by the path: a folder would be a data set.
    with path.open("rb") as file:
        rows = _pyarrow().parquet.read_table(file)
    metadata = rows.schema.metadata or {}
    if _KEY not in metadata:
        raise ValueError("it was not written by logstar")
    found = json.loads(metadata[_KEY])
    columns = tuple(found["columns"])
    return Positions(
        np.column_stack([rows[name].to_numpy() for name in columns]).astype(np.float64),
        columns,
        found["pixel_size"],
        found["unit"],
        rows[FLAGGED].to_numpy() if FLAGGED in rows.column_names else None,
        found["provenance"],
    )
