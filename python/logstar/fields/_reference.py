"""The undisturbed lattice that displacement and strain are measured from."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray
from logstar.lattice import ImageLattice

from ._atoms import Measured

Reference: TypeAlias = Literal["fit", "crystal"] | ArrayLike

#: A lattice has six numbers: three atoms, not on one line, are the least that it is fitted to.
_LEAST_ATOMS = 3


def reference_places(atoms: Measured, reference: Reference) -> FloatArray:
    """Place every atom on an undisturbed lattice.

    Parameters
    ----------
    atoms : Measured
        Atoms and sites.
    reference : "fit", "crystal", or array-like of shape (n_atoms,), bool
        The lattice fitted to each grain; the crystal as given, turned and shifted onto each grain;
        or the lattice fitted to those atoms of each grain that are marked. Columns of an
        `ImageLattice` are fitted as well, but for "crystal".

    Returns
    -------
    places : ndarray of shape (n_atoms, 2)
        Row and column; NaN without a site, or in a grain with too few atoms to fit to.

    Raises
    ------
    ValueError
        If the reference is none of these.
    """
    chosen = _chosen(reference, atoms)
    is_crystal = isinstance(reference, str) and reference == "crystal"
    indexer = atoms.indexer
    sites = indexer.references_
    places = np.full(atoms.positions.shape, np.nan)
    for grain in range(len(indexer.vectors_)):
        members = atoms.usable & (indexer.components_ == grain)
        used = members & chosen
        design = np.column_stack([sites[used], np.ones(int(used.sum()))])
        if np.linalg.matrix_rank(design) < _LEAST_ATOMS:
            continue
        if is_crystal:
            places[members] = _turned(sites[used], atoms.positions[used], sites[members])
        elif used[indexer.conflicts_].any():
            places[members] = _along_bonds(atoms, used, sites[members])
        else:
            fitted = np.linalg.lstsq(design, atoms.positions[used], rcond=None)[0]
            places[members] = sites[members] @ fitted[:2] + fitted[2]
        if isinstance(indexer.lattice_, ImageLattice) and not is_crystal:
            _shift_columns(places, atoms, members, used)
    return places


def _shift_columns(
    places: FloatArray, atoms: Measured, members: NDArray[np.bool_], used: NDArray[np.bool_]
) -> None:
    """Move the places of each column by the mean of what its atoms are off.

    Columns of an image's own lattice are where that image shows them, and its atoms tell better
    where that is than the maxima of its mean cell do: to a hundredth of a pixel, not a tenth.
    """
    columns = atoms.indexer.columns_
    for column in np.unique(columns[used]):
        mine = used & (columns == column)
        places[members & (columns == column)] += (atoms.positions[mine] - places[mine]).mean(axis=0)


def _along_bonds(atoms: Measured, used: NDArray[np.bool_], wanted: FloatArray) -> FloatArray:
    """Lay a lattice whose edges are those of the mean bond.

    Across the cut that a dislocation leaves indices jump by its Burgers vector: a lattice fitted to
    places would be stretched by that. Bonds do not cross the cut.
    """
    sites, bonds = atoms.indexer.references_, atoms.indexer.bonds_
    start, end = bonds[used[bonds].all(axis=1)].T
    own, seen = sites[end] - sites[start], atoms.positions[end] - atoms.positions[start]
    linear = np.linalg.lstsq(own, seen, rcond=None)[0]
    corner = (atoms.positions[used] - sites[used] @ linear).mean(axis=0)
    return np.asarray(wanted @ linear + corner)


def _turned(sites: FloatArray, seen: FloatArray, wanted: FloatArray) -> FloatArray:
    """Turn and shift sites onto atoms by least squares, without stretching (Kabsch)."""
    middle, seen_middle = sites.mean(axis=0), seen.mean(axis=0)
    left, _, right = np.linalg.svd((sites - middle).T @ (seen - seen_middle))
    return np.asarray((wanted - middle) @ (left @ right) + seen_middle)


def _chosen(reference: Reference, atoms: Measured) -> NDArray[np.bool_]:
    n = len(atoms.positions)
    if isinstance(reference, str):
        if reference not in {"fit", "crystal"}:
            raise ValueError(
                f"reference must be 'fit', 'crystal' or a mask of atoms, got {reference!r}."
            )
        return np.ones(n, dtype=bool)
    mask = np.asarray(reference)
    if mask.shape != (n,) or mask.dtype != bool:
        raise ValueError(
            f"reference must be a bool for each of the {n} atoms, got {mask.dtype} of shape "
            f"{mask.shape}."
        )
    return mask
