"""Positions of a large image refined tile by tile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, as_image

from ._array_parts import travelling
from ._cluster import results_in_order
from ._long_run import Stage, TellsProgress
from ._refining import columns_of, refine_atoms
from ._tiled import tiles_of
from ._tiles_with_atoms import TilesWithAtoms, TileWithAtoms

#: Side in pixels of the tiles that positions are refined in, and their halo in distances of
#: neighbouring atoms: what is fitted beyond three of them moves an atom by less than its error.
_SIDE, _HALO = 1024, 6.0


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

    def __call__(self, item: TileWithAtoms) -> dict[str, NDArray[Any]]:
        """Refine them; the columns of the tile's own, in the image's rows and columns."""
        if not item.own.any():
            return {}
        refinement = refine_atoms(
            as_image(item.read(self.source)),
            np.column_stack([item.places, item.atoms[:, 2:]]),
            how=self.how,
            polarity=self.polarity,
            n_jobs=self.n_jobs,
        )
        found = {
            name: np.asarray(values)[item.own] for name, values in columns_of(refinement).items()
        }
        # No wider than the longest that there is.
        found["status"] = np.array(found["status"].tolist())
        for name, start in zip(("row", "col"), item.starts, strict=True):
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
    with_atoms = TilesWithAtoms(array, table, sends=source is None)
    stage = Stage("refining", len(tiles), progress)
    found: dict[str, NDArray[Any]] = {}
    for i, columns in enumerate(results_in_order(work, with_atoms.over(tiles), client=client)):
        for name, column in columns.items():
            if name not in found:
                kind = column.dtype if column.dtype.kind == "U" else np.float64
                found[name] = np.zeros(len(table), dtype=kind)
            elif column.dtype.kind == "U" and column.dtype > found[name].dtype:
                # Texts are as wide as the longest so far: most tiles have none but "ok".
                found[name] = found[name].astype(column.dtype)
            found[name][with_atoms.places[i]] = column
        stage.step()
    return found
