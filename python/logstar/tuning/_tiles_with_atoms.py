"""Tiles of a large image together with the atoms in and around each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._array_parts import opened, part_of
from ._tiled import Tile


class TileWithAtoms(NamedTuple):
    """A tile, its atoms and those around it, and which are its own.

    Attributes
    ----------
    tile : Tile
        Where it is.
    atoms : ndarray of shape (n, n_columns)
        Rows of the table, of all atoms in the tile and its halo.
    own : ndarray of shape (n,), bool
        Which of them are in the core.
    pixels : ndarray or None
        Of the tile and its halo; None for whoever can read them.
    """

    tile: Tile
    atoms: FloatArray
    own: NDArray[np.bool_]
    pixels: NDArray[Any] | None

    @property
    def starts(self) -> NDArray[np.int64]:  # numpydoc ignore=RT01
        """Row and column of the first pixel."""
        return np.array([part.start for part in self.tile.whole])

    @property
    def places(self) -> FloatArray:  # numpydoc ignore=RT01
        """Row and column of the atoms, as seen from there."""
        return np.asarray(self.atoms[:, :2] - self.starts)

    @property
    def inner(self) -> tuple[slice, slice]:  # numpydoc ignore=RT01
        """Rows and columns of the core, as seen from there."""
        rows, cols = (
            slice(core.start - start, core.stop - start)
            for core, start in zip(self.tile.core, self.starts.tolist(), strict=True)
        )
        return rows, cols

    def read(self, source: Any) -> NDArray[Any]:
        """Give the pixels, which may have to be read."""
        return part_of(opened(source), self.tile.whole) if self.pixels is None else self.pixels


class TilesWithAtoms:
    """Goes over the tiles of an image of which the atoms are known.

    Parameters
    ----------
    array : array-like of shape (n_rows, n_cols)
        The image.
    table : ndarray of shape (n_atoms, >=2)
        Row and column of the atoms, and what else is told of them.
    sends : bool, default=False
        Whether pixels have to be sent along.

    Attributes
    ----------
    places : list of ndarray
        Of each tile that was yielded, the numbers of its own atoms in the table.
    """

    def __init__(self, array: Any, table: FloatArray, *, sends: bool = False) -> None:
        self._array, self._table, self._sends = array, table, sends
        self._by_row = np.argsort(table[:, 0], kind="stable")
        self.places: list[NDArray[np.intp]] = []

    def over(self, tiles: list[Tile]) -> Iterator[TileWithAtoms]:
        """Yield each tile with its atoms."""
        for tile in tiles:
            near = atoms_in(self._table, self._by_row, tile.whole)
            own = lies_in(self._table[near], tile.core)
            self.places.append(near[own])
            pixels = part_of(self._array, tile.whole) if self._sends else None
            yield TileWithAtoms(tile, self._table[near], own, pixels)


def atoms_in(
    table: FloatArray, by_row: NDArray[np.intp], place: tuple[slice, slice]
) -> NDArray[np.intp]:
    """Numbers of the atoms in a rectangle, rising."""
    ends = [place[0].start, place[0].stop]
    first, last = np.searchsorted(table[:, 0], ends, sorter=by_row)
    band = by_row[first:last]
    inside = (table[band, 1] >= place[1].start) & (table[band, 1] < place[1].stop)
    return np.sort(band[inside])


def lies_in(table: FloatArray, place: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Which atoms are in a rectangle."""
    inside = np.ones(len(table), dtype=bool)
    for column, part in zip(table.T, place, strict=False):
        inside &= (column >= part.start) & (column < part.stop)
    return inside
