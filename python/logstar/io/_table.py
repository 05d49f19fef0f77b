"""A table of positions with all that is known about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, check_real
from logstar.units import unit_name

#: Names of the columns that detectors give, in pixels but for the last.
COLUMNS = ("row", "col", "sigma", "response")
LENGTHS = COLUMNS[:3]
FLAGGED = "flagged"


@dataclass(frozen=True, eq=False)
class Positions:
    """Positions of atoms, and what a file says about them.

    Parameters
    ----------
    detections : ndarray of shape (n_atoms, n_columns), float64
        Row and column in pixels, and what else is known of each atom.
    columns : tuple of str
        Names of the columns; the first are "row" and "col", mostly followed by "sigma" and
        "response".
    pixel_size : float or None
        Side of a pixel in `unit`.
    unit : str or None
        Unit of `pixel_size`.
    flagged : ndarray of shape (n_atoms,), bool, or None
        Atoms that break the distance rule.
    provenance : dict
        Where they come from, see `provenance`.
    """

    detections: FloatArray
    columns: tuple[str, ...] = COLUMNS
    pixel_size: float | None = None
    unit: str | None = None
    flagged: NDArray[np.bool_] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def lengths_in_units(self) -> dict[str, FloatArray]:  # numpydoc ignore=RT01
        """Row, column and sigma in `unit`, by the name with the unit; empty without one."""
        if self.pixel_size is None:
            return {}
        return {
            f"{name}_{self.unit}": self.detections[:, i] * self.pixel_size
            for i, name in enumerate(self.columns)
            if name in LENGTHS
        }


def as_table(
    detections: ArrayLike,
    columns: Sequence[str] | None,
    pixel_size: float | None,
    unit: str | None,
    flagged: ArrayLike | None,
    provenance: Mapping[str, Any] | None,
) -> Positions:
    """Check what `write_positions` is given.

    Raises
    ------
    TypeError, ValueError
        Naming the parameter.
    """
    table = np.asarray(detections, dtype=np.float64)
    if columns is None and (table.ndim != 2 or table.shape[1] not in {3, len(COLUMNS)}):
        raise ValueError(
            "detections must be a table (row, col, sigma) or (row, col, sigma, response), got "
            f"shape {table.shape}; other tables need the names of their columns."
        )
    names = COLUMNS[: table.shape[1]] if columns is None else tuple(columns)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise ValueError(f"detections of shape {table.shape} do not have the columns {names}.")
    pixel_size, unit = checked_pixel_size(pixel_size, unit)
    reserved = {FLAGGED, *(f"{name}_{unit}" for name in LENGTHS)} & set(names)
    if names[:2] != COLUMNS[:2] or len(set(names)) < len(names) or reserved:
        raise ValueError(
            f'columns must be distinct, begin with "row" and "col", and not be any of {FLAGGED} '
            f"or lengths in units, got {names}."
        )
    bad = np.argwhere(~np.isfinite(table[:, :2]))
    if len(bad):
        raise ValueError(f"detections[{bad[0, 0]}] = {table[bad[0, 0]]} is not finite.")
    flags = None
    if flagged is not None:
        flags = np.asarray(flagged, dtype=bool)
        if flags.shape != table.shape[:1]:
            raise ValueError(
                f"flagged must have an entry for each of the {len(table)} atoms, got shape "
                f"{flags.shape}."
            )
    return Positions(table, names, pixel_size, unit, flags, dict(provenance or {}))


def checked_pixel_size(
    pixel_size: float | None, unit: str | None
) -> tuple[float | None, str | None]:
    """Check a pixel size and its unit, of which both or neither are given.

    Raises
    ------
    TypeError, ValueError
        Naming the parameter.
    """
    if (pixel_size is None) != (unit is None):
        raise ValueError(
            f"pixel_size and unit go together, got pixel_size={pixel_size!r} and unit={unit!r}."
        )
    if pixel_size is None:
        return None, None
    side = check_real(pixel_size, name="pixel_size", low=0, low_included=False)
    name = unit_name(unit)
    if name is None:
        raise ValueError(f"unit must be a unit of length such as A, nm or pm, got {unit!r}.")
    return side, name


def known_extension(path: Path, known: Sequence[str], what: str) -> str:
    """Extension of a path in lower case.

    Raises
    ------
    ValueError
        If it is not among the known ones.
    """
    extension = path.suffix.lower()
    if extension not in known:
        raise ValueError(
            f"{path}: unknown extension {path.suffix!r} for {what}; known are {', '.join(known)}."
        )
    return extension
