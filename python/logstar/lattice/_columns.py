"""Columns of atoms: what a lattice repeats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from logstar._validation import check_real

#: Two columns whose fractional coordinates agree to this are at the same place.
_SAME_PLACE = 1e-3


@dataclass(frozen=True)
class Column:
    """A column of atoms, seen end-on.

    Parameters
    ----------
    kind : str
        What tells it from the other columns, such as "Cu1".
    species : str
        The chemical symbol of the element that is seen, such as "Cu".
    u, v : float
        Fractional coordinates along the cell's `a` and `b`; values outside [0, 1) mean the same
        column in a neighbouring cell.
    weight : float, default=None
        How strongly it scatters, in arbitrary units: the sum of Z^1.7 over its atoms in HAADF.
        None stands for one atom of `species`.

    Raises
    ------
    TypeError, ValueError
        If `kind` or `species` is no text or empty, or a coordinate is not a finite number.

    Examples
    --------
    >>> from logstar.lattice import Column
    >>> Column("Cu1", "Cu", 0, 0)
    Column(kind='Cu1', species='Cu', u=0.0, v=0.0)
    """

    kind: str
    species: str
    u: float
    v: float
    weight: float | None = field(default=None, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("kind", "species"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise TypeError(f"{name} of a column must be a text like 'Cu1', got {value!r}.")
        for name in ("u", "v"):
            value = check_real(getattr(self, name), name=f"{name} of column {self.kind!r}")
            object.__setattr__(self, name, value)
        if self.weight is not None:
            name = f"weight of column {self.kind!r}"
            weight = check_real(self.weight, name=name, low=0, low_included=False)
            object.__setattr__(self, "weight", weight)


def as_columns(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Check the columns of one cell.

    Raises
    ------
    TypeError, ValueError
        If there is none, one is no `Column`, two are at the same place, or a kind stands for two
        species.
    """
    result = tuple(columns)
    if not result:
        raise ValueError("columns is empty; a lattice has at least one visible column a cell.")
    for i, column in enumerate(result):
        if not isinstance(column, Column):
            raise TypeError(f"columns[{i}] must be a Column, got {column!r}.")
        for j, other in enumerate(result[:i]):
            apart = np.array([column.u - other.u, column.v - other.v])
            if np.abs(apart - np.round(apart)).max() < _SAME_PLACE:
                raise ValueError(
                    f"columns[{j}] = {other} and columns[{i}] = {column} are at the same place; "
                    "give a place once, with the species that is seen."
                )
            if column.kind == other.kind and column.species != other.species:
                raise ValueError(
                    f"kind {column.kind!r} stands for one species, got {other.species!r} and "
                    f"{column.species!r}."
                )
    return result
