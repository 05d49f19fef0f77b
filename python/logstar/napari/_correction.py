"""Atoms corrected by hand: what was changed, what has to be refined again, and what is kept of it.

Nothing here needs napari or Qt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray, Image
from logstar.fields._field_grid import spacing_of
from logstar.io import AtomTable
from logstar.tuning import AtomFinder
from logstar.tuning._grains import flags_of
from logstar.tuning._overlap import overlapping_lattice
from logstar.tuning._refining import columns_of, refine_atoms

from ._finding import Told, table_with_sites
from ._layers import BY_HAND

#: A point that is further from its atom than this, in pixels, was moved; the mouse does not move it
#: by less.
_MOVED = 1e-6
#: An atom that is not in the model pulls at those within this many nearest distances; ...
_REACH = 1.6
#: ... and what is cut off at the border of a fitted window does not reach atoms this many further
#: in.
_MARGIN = 3.0
#: If the windows have more than this share of the image it is fitted as a whole.
_WHOLE = 0.5
#: Columns that stay true for an atom whose place changes.
_KEPT = ("row", "col", "sigma", "kind", BY_HAND)

ADDED, MOVED = "added", "moved"


@dataclass(frozen=True, eq=False)
class Changes:
    """What was done by hand to the atoms of a table.

    Parameters
    ----------
    removed : ndarray of shape (n_removed,), intp
        Rows of the table.
    moved : ndarray of shape (n_moved,), intp
        Rows of the table.
    moved_to : ndarray of shape (n_moved, 2)
        Where to, row and column in pixels.
    added : ndarray of shape (n_added, 2)
        Row and column in pixels.
    """

    removed: NDArray[np.intp]
    moved: NDArray[np.intp]
    moved_to: FloatArray
    added: FloatArray

    @classmethod
    def of(cls, table: AtomTable, positions: ArrayLike, atoms: ArrayLike) -> Self:
        """Compare points with the table that they came from.

        Parameters
        ----------
        table : AtomTable
            The atoms before.
        positions : array-like of shape (n_points, 2)
            Row and column of the points as they are.
        atoms : array-like of shape (n_points,)
            Which row of the table each is. All others were added: -1, NaN, and copies, whose first
            is the atom.

        Returns
        -------
        changes : Changes
            Nothing, where points are where their atoms were.
        """
        places = np.asarray(positions, dtype=np.float64).reshape(-1, 2)
        numbers = np.nan_to_num(np.asarray(atoms, dtype=np.float64), nan=-1).astype(np.intp)
        known = np.flatnonzero((numbers >= 0) & (numbers < len(table)))
        rows, first = np.unique(numbers[known], return_index=True)
        points = known[first]
        off = np.hypot(*(places[points] - table.positions[rows]).T) > _MOVED
        is_added = np.ones(len(places), dtype=bool)
        is_added[points] = False
        return cls(
            np.setdiff1d(np.arange(len(table)), rows),
            rows[off],
            places[points[off]],
            places[is_added],
        )

    def __len__(self) -> int:
        return len(self.removed) + len(self.moved) + len(self.added)

    def __str__(self) -> str:
        return (
            f"{len(self.added)} added, {len(self.removed)} removed, {len(self.moved)} moved by hand"
        )

    def places(self, table: AtomTable) -> FloatArray:
        """Where something is not as it was (n, 2): where atoms came and where they went."""
        before = table.positions
        return np.concatenate([self.added, self.moved_to, before[self.moved], before[self.removed]])

    def as_provenance(self, table: AtomTable) -> dict[str, Any]:
        """What was done, as plain values: rows and columns in pixels."""
        before = table.positions
        return {
            ADDED: self.added.tolist(),
            "removed": before[self.removed].tolist(),
            MOVED: [
                {"from": old, "to": new}
                for old, new in zip(
                    before[self.moved].tolist(), self.moved_to.tolist(), strict=True
                )
            ],
        }


def apply(table: AtomTable, changes: Changes) -> AtomTable:
    """Make the table of the atoms as they are by hand, nothing refined.

    Parameters
    ----------
    table : AtomTable
        The atoms before.
    changes : Changes
        What was done to them.

    Returns
    -------
    table : AtomTable
        The atoms that stay, in their order, then those that were added. The column "by_hand" says
        "added" or "moved"; of these atoms all that was measured where they were not is unknown.
        The provenance has the change at the end of the list "corrections".
    """
    if not len(changes):
        return table
    stays = np.ones(len(table), dtype=bool)
    stays[changes.removed] = False
    moved = np.zeros(len(table), dtype=bool)
    moved[changes.moved] = True
    n_added = len(changes.added)
    columns: dict[str, NDArray[Any]] = {name: np.array(table[name]) for name in table.columns}
    columns.setdefault(BY_HAND, np.full(len(table), "", dtype="<U5"))
    for axis, name in enumerate(("row", "col")):
        columns[name][changes.moved] = changes.moved_to[:, axis]
    # An atom that was added and then moved is still one that was added.
    hands = columns[BY_HAND].astype("<U5")
    hands[moved & (hands != ADDED)] = MOVED
    columns[BY_HAND] = hands
    made = {}
    for name, values in columns.items():
        nothing = _nothing(values.dtype)
        if name not in _KEPT:
            values[moved] = nothing
        new = np.full(n_added, nothing, dtype=values.dtype)
        made[name] = np.concatenate([values[stays], new])
    n_before = int(stays.sum())
    made["row"][n_before:], made["col"][n_before:] = changes.added.T
    made[BY_HAND][n_before:] = ADDED
    steps = [*table.provenance.get("corrections", []), changes.as_provenance(table)]
    return AtomTable(
        made,
        pixel_size=table.pixel_size,
        provenance={**table.provenance, "corrections": steps},
        origin=table.origin,
    )


def _nothing(dtype: np.dtype[Any]) -> Any:
    return {"f": np.nan, "b": False}.get(dtype.kind, "")


class Corrected(NamedTuple):
    """Atoms as corrected.

    Parameters
    ----------
    table : AtomTable
        They.
    n_refined : int
        How many were refined again.
    """

    table: AtomTable
    n_refined: int


def correct(
    tell: Callable[[Told], object],
    image: Image,
    table: AtomTable,
    changes: Changes,
    finder: AtomFinder | None,
    polarity: Literal["bright", "dark"],
) -> Corrected:
    """Apply changes, and refine again what they concern.

    Parameters
    ----------
    tell : callable
        Is told what is being done.
    image : ndarray of shape (n_rows, n_cols)
        The raw image.
    table : AtomTable
        The atoms before.
    changes : Changes
        What was done to them.
    finder : AtomFinder or None
        What found them: by its settings they are refined, and by its expectation flagged and given
        their sites.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.

    Returns
    -------
    corrected : Corrected
        All atoms that are further from the changes than 1.6 nearest distances are as they were, to
        the bit.
    """
    tell(Told("refining what changed"))
    made = apply(table, changes)
    how = "joint" if finder is None else finder.refine
    n_refined = 0
    if how is not None and len(made) and len(changes):
        made, n_refined = _refined(
            image,
            made,
            changes.places(table),
            how=how,
            polarity=polarity,
            overlap=finder is not None and overlapping_lattice(finder.expectation_) is not None,
        )
        made.provenance["corrections"][-1]["n_refined"] = n_refined
    if finder is not None:
        made = _judged(made, finder)
    return Corrected(made, n_refined)


def _judged(table: AtomTable, finder: AtomFinder) -> AtomTable:
    """Tell again which atoms are too close, and which sites they have."""
    if math.isfinite(finder.expectation_.distance_sum):
        table = table.with_columns(flagged=flags_of(finder.expectation_, table.positions))
    return table_with_sites(finder, table)


def _refined(
    image: Image,
    table: AtomTable,
    places: FloatArray,
    *,
    how: Literal["joint", "window"],
    polarity: Literal["bright", "dark"],
    overlap: bool,
) -> tuple[AtomTable, int]:
    """Refine the atoms around some places; gives also how many these are."""
    positions = table.positions
    spacing = spacing_of(positions)
    touched = np.asarray(KDTree(places).query(positions)[0]) <= _REACH * spacing
    if "row_error" not in table:
        # Nothing was refined before, so that there is nothing to keep.
        touched[:] = True
    columns = {name: np.array(table[name]) for name in table.columns}
    kinds = columns.get("kind")
    starts = np.column_stack([positions, _sigmas(table, spacing)])
    windows = _windows(places, (_REACH + _MARGIN) * spacing, image.shape)
    if touched.all():
        windows = [(0, 0, *image.shape)]
    pending = touched.copy()
    for top, left, bottom, right in windows:
        low, high = np.array([top, left]) - 0.5, np.array([bottom, right]) - 0.5
        inside = np.flatnonzero(((positions >= low) & (positions <= high)).all(axis=1))
        taken = pending[inside]
        if not taken.any():
            continue
        found = refine_atoms(
            image[top:bottom, left:right],
            starts[inside] - (top, left, 0),
            how=how,
            polarity=polarity,
            kinds=None if kinds is None else kinds[inside],
            overlap=overlap,
            n_jobs=-1,
        )
        for name, values in columns_of(found).items():
            column = np.asarray(values)
            if name in ("row", "col"):
                column = column + (top if name == "row" else left)
            if name not in columns:
                columns[name] = np.full(len(table), _nothing(column.dtype), dtype=column.dtype)
            elif column.dtype.kind == "U":
                width = max(columns[name].dtype.itemsize, column.dtype.itemsize) // 4
                columns[name] = columns[name].astype(f"<U{width}")
            columns[name][inside[taken]] = column[taken]
        pending[inside] = False
    refined = AtomTable(
        columns, pixel_size=table.pixel_size, provenance=table.provenance, origin=table.origin
    )
    return refined, int(touched.sum() - pending.sum())


def _sigmas(table: AtomTable, spacing: float) -> FloatArray:
    """Sigma of each atom to begin with: its own, or where it has none the median."""
    sigmas = np.array(table["sigma"]) if "sigma" in table else np.full(len(table), np.nan)
    known = np.isfinite(sigmas) & (sigmas > 0)
    return np.where(known, sigmas, np.median(sigmas[known]) if known.any() else 0.17 * spacing)


def _windows(
    places: FloatArray, reach: float, shape: tuple[int, ...]
) -> list[tuple[int, int, int, int]]:
    """Rectangles (top, left, bottom, right) around places, those that overlap made one."""
    n_rows, n_cols = shape
    boxes = np.column_stack([places - reach, places + reach + 1])
    boxes = np.clip(np.round(boxes), 0, [n_rows, n_cols, n_rows, n_cols]).astype(int)
    windows: list[NDArray[np.int64]] = []
    for box in boxes:
        joined, apart = box, []
        pending = windows
        while True:
            apart = [w for w in pending if not _overlap(w, joined)]
            meeting = [w for w in pending if _overlap(w, joined)]
            if not meeting:
                break
            corners = np.array([joined, *meeting])
            joined = np.concatenate([corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)])
            pending = apart
        windows = [*apart, joined]
    area = sum((w[2] - w[0]) * (w[3] - w[1]) for w in windows)
    if area > _WHOLE * n_rows * n_cols:
        return [(0, 0, n_rows, n_cols)]
    return [(int(w[0]), int(w[1]), int(w[2]), int(w[3])) for w in windows]


def _overlap(first: NDArray[np.int64], second: NDArray[np.int64]) -> bool:
    return bool((first[:2] < second[2:]).all() and (second[:2] < first[2:]).all())
