"""Positions of a large image refined tile by tile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, as_image

from ._array_parts import opened, part_of, travelling
from ._cluster import results_in_order
from ._long_run import Stage, TellsProgress
from ._refining import columns_of, refine_atoms
from ._tiled import Tile, tiles_of

#: Side in pixels of the tiles that positions are refined in, and their halo in distances of
#: neighbouring atoms: what is fitted beyond three of them moves an atom by less than its error.
_SIDE, _HALO = 1024, 6.0


class _Item(NamedTuple):
    """A tile, its atoms and those around it, and which are its own."""

    tile: Tile
    atoms: FloatArray
    own: NDArray[np.bool_]
    pixels: NDArray[Any] | None


@dataclass(frozen=True)
class RefinesTile:
    """Refines the atoms of a tile, fitted together with those around it.

    Parameters
    ----------
    source : object
        The array, or what leads to it; None if the tile's pixels are given.
    how : {"joint", "window"}
        As of `refine_atoms`.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    n_jobs : int or None
        Threads.
    """

    source: Any
    how: Literal["joint", "window"]
    polarity: Literal["bright", "dark"]
    n_jobs: int | None

    def __call__(self, item: _Item) -> dict[str, NDArray[Any]]:
        """Refine them; the columns of the tile's own, in the image's rows and columns."""
        tile, pixels = item.tile, item.pixels
        if pixels is None:
            pixels = part_of(opened(self.source), tile.whole)
        starts = np.array([part.start for part in tile.whole])
        refinement = refine_atoms(
            as_image(pixels),
            item.atoms - np.array([*starts, 0, 0]),
            how=self.how,
            polarity=self.polarity,
            n_jobs=self.n_jobs,
        )
        found = {
            name: np.asarray(values)[item.own] for name, values in columns_of(refinement).items()
        }
        # No wider than the longest that there is.
        found["status"] = np.array(found["status"].tolist())
        for name, start in zip(("row", "col"), starts, strict=True):
            found[name] = found[name] + start
        return found


def refined_by_tiles(
    array: Any,
    table: FloatArray,
    *,
    spacing: float,
    how: Literal["joint", "window"],
    polarity: Literal["bright", "dark"],
    n_jobs: int | None = None,
    client: Any = None,
    progress: TellsProgress | None = None,
) -> dict[str, NDArray[Any]]:
    """Refine the atoms of an image that need not fit into memory.

    Parameters
    ----------
    array : array-like of shape (n_rows, n_cols)
        The image.
    table : ndarray of shape (n_atoms, 4)
        Row, column, sigma and response.
    spacing : float
        Distance of neighbouring atoms in pixels.
    how, polarity, n_jobs : optional
        As of `refine_atoms`.
    client : dask.distributed.Client, default=None
        Whose workers do it.
    progress : callable, default=None
        Is told of each tile.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_atoms,)
        As `columns_of` gives them of a whole image.
    """
    tiles = tiles_of(array.shape, _SIDE, math.ceil(_HALO * spacing))
    source = travelling(array) if client is not None else array
    work = RefinesTile(source, how, polarity, None if client is not None else n_jobs)
    by_row = np.argsort(table[:, 0], kind="stable")
    places: list[NDArray[np.intp]] = []
    stage = Stage("refining", len(tiles), progress)

    def items() -> Iterator[_Item]:
        for tile in tiles:
            near = atoms_in(table, by_row, tile.whole)
            own = lies_in(table[near], tile.core)
            if own.any():
                places.append(near[own])
                pixels = part_of(array, tile.whole) if source is None else None
                yield _Item(tile, table[near], own, pixels)
            else:
                stage.step()

    found: dict[str, NDArray[Any]] = {}
    for i, columns in enumerate(results_in_order(work, items(), client=client)):
        for name, column in columns.items():
            if name not in found:
                kind = column.dtype if column.dtype.kind == "U" else np.float64
                found[name] = np.zeros(len(table), dtype=kind)
            elif column.dtype.kind == "U" and column.dtype > found[name].dtype:
                # Texts are as wide as the longest so far: most tiles have none but "ok".
                found[name] = found[name].astype(column.dtype)
            found[name][places[i]] = column
        stage.step()
    return found


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
