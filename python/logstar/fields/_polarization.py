"""Displacement of columns from the centre of their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from logstar.lattice import Lattice, LatticeIndexer

from ._atoms import Atoms, measured
from ._vector_field import VectorField, vector_field

#: Neighbours whose distances in the lattice differ by less than this factor are one shell. The
#: lattice that a ferroelectric's image shows has its columns displaced already: by 3 % of the cell
#: in both directions, distances of four that are alike in the parent differ by 12 %. The next shell
#: is further away by 1.41 (a square lattice) or more.
_ONE_SHELL = 1.35


def polarization(
    indexer: LatticeIndexer, atoms: Atoms, kind: str = "B", neighbors: str = "A"
) -> VectorField:
    """Measure how far columns of one kind are off the centre of their neighbours of another.

    Parameters
    ----------
    indexer : LatticeIndexer
        Fitted to the same atoms, in the same order.
    atoms : Refinement, AtomTable or array-like of shape (n_atoms, >=2)
        Positions. Errors come with a refinement, or with a table's "row_error" and "col_error".
    kind : str, default="B"
        The columns that are displaced, by a kind of the lattice.
    neighbors : str, default="A"
        Their neighbours: all of this kind that are nearest in the lattice, to 35 %.

    Returns
    -------
    field : VectorField
        A vector for each atom of the kind that has a site; NaN where a neighbour is missing or its
        refinement failed. The charge that it stands for is no matter of the image.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it has to be, or the lattice has no such kinds.

    Notes
    -----
    With four neighbours the standard deviation is that of the atom and half that of a neighbour,
    added as squares.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.fields import polarization
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> positions[kinds == "B"] += (0.0, 0.5)  # to the right
    >>> field = polarization(LatticeIndexer(lattice).fit(positions, kinds), positions)
    >>> np.round(np.nanmean(field.vectors, axis=0), 6) + 0
    array([0. , 0.5])
    >>> np.round(np.nanmean(field.in_units, axis=0), 6) + 0
    array([0. , 0.1])
    """
    known = measured(indexer, atoms)
    lattice = indexer.lattice_
    for name, value in (("kind", kind), ("neighbors", neighbors)):
        if value not in lattice.kinds:
            raise ValueError(
                f"{name} must be one of {', '.join(map(repr, lattice.kinds))}, got {value!r}."
            )
    here = np.flatnonzero(known.usable & (indexer.kinds_ == kind))
    row = np.full(len(known.positions), -1)
    row[here] = np.arange(len(here))
    rows, cols, shares = [np.arange(len(here))], [here], [np.ones(len(here))]
    complete = np.ones(len(here), dtype=bool)
    for column in np.unique(indexer.columns_[here]):
        mine = here[indexer.columns_[here] == column]
        shell = _shell(lattice, int(column), neighbors)
        for other, cell in shell:
            found = known.neighbors(mine, other, cell)
            complete[row[mine[found < 0]]] = False
            rows.append(row[mine[found >= 0]])
            cols.append(found[found >= 0])
            shares.append(np.full(len(cols[-1]), -1.0 / len(shell)))
    weights = sparse.csr_array(
        (np.concatenate(shares), (np.concatenate(rows), np.concatenate(cols))),
        shape=(len(here), len(known.positions)),
    )
    vectors = np.asarray(weights @ known.positions)
    vectors[~complete] = np.nan
    return vector_field(
        "polarization",
        here,
        known.positions,
        vectors,
        known.pixel_size,
        weights,
        known.covariances,
    )


def _shell(lattice: Lattice, column: int, kind: str) -> list[tuple[int, NDArray[np.int64]]]:
    """The nearest columns of a kind: which, and how many cells on."""
    places = np.array([[c.u, c.v] for c in lattice.columns])
    steps = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    found = []
    for other in range(len(places)):
        if lattice.columns[other].kind != kind:
            continue
        base = np.round(places[column] - places[other]).astype(np.int64)
        for cell in steps + base:
            apart = (cell + places[other] - places[column]) @ lattice.vectors
            distance = float(np.hypot(*apart))
            if distance > 0:
                found.append((distance, other, cell))
    least = min(distance for distance, _, _ in found)
    return [(other, cell) for distance, other, cell in found if distance <= _ONE_SHELL * least]
