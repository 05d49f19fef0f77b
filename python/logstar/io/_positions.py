"""Tables of positions."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import check_real

_COLUMNS = ("row", "col", "sigma", "response")
_N_LENGTHS = 3


def write_positions(
    path: str | os.PathLike[str],
    detections: ArrayLike,
    *,
    pixel_size: float | None = None,
    unit: str | None = None,
    flagged: ArrayLike | None = None,
) -> None:
    """Write detections as comma-separated values.

    Parameters
    ----------
    path : path-like
        The file to write; an existing one is overwritten.
    detections : array-like of shape (n_atoms, 3) or (n_atoms, 4)
        Row, column, sigma in pixels, and response.
    pixel_size : float, default=None
        Side of a pixel in `unit`; adds the columns ``row_<unit>``, ``col_<unit>`` and
        ``sigma_<unit>``.
    unit : str, default=None
        Unit of `pixel_size`; both or neither.
    flagged : array-like of shape (n_atoms,), default=None
        Atoms that break the distance rule; adds a column of 0 and 1.

    Raises
    ------
    ValueError
        For tables of another shape, or a pixel size without unit.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from logstar.io import write_positions
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "atoms.csv"
    ...     write_positions(path, [[10, 20, 2.5, 0.3]], pixel_size=0.2, unit="A")
    ...     print(path.read_text())
    row,col,sigma,response,row_A,col_A,sigma_A
    10,20,2.5,0.3,2,4,0.5
    """
    table = np.asarray(detections, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] not in {_N_LENGTHS, len(_COLUMNS)}:
        raise ValueError(
            "detections must be a table (row, col, sigma) or (row, col, sigma, response), got "
            f"shape {table.shape}."
        )
    if (pixel_size is None) != (unit is None):
        raise ValueError(
            f"pixel_size and unit go together, got pixel_size={pixel_size!r} and unit={unit!r}."
        )
    names = list(_COLUMNS[: table.shape[1]])
    columns = [table]
    if pixel_size is not None:
        side = check_real(pixel_size, name="pixel_size", low=0, low_included=False)
        names += [f"{name}_{unit}" for name in _COLUMNS[:_N_LENGTHS]]
        columns.append(table[:, :_N_LENGTHS] * side)
    if flagged is not None:
        flags = np.asarray(flagged, dtype=bool)
        if flags.shape != table.shape[:1]:
            raise ValueError(
                f"flagged must have an entry for each of the {len(table)} atoms, got shape "
                f"{flags.shape}."
            )
        names.append("flagged")
        columns.append(flags[:, np.newaxis])
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([f"{value:.9g}" for value in row] for row in np.hstack(columns))
