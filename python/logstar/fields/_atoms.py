"""Atoms as fields take them: positions, covariances, sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray, as_positions
from logstar.io import AtomTable
from logstar.lattice import LatticeIndexer
from logstar.refinement import Refinement
from logstar.units import PixelSize

Atoms: TypeAlias = Refinement | AtomTable | ArrayLike

#: An atom is the neighbour that is looked for if it is nearer than this share of the nearest
#: distance to where it is expected. Across the cut of a dislocation it is a whole spacing off.
_NEAR = 0.5


@dataclass(frozen=True)
class Measured:
    """Atoms of one image.

    Parameters
    ----------
    positions : ndarray of shape (n_atoms, 2)
        Row and column in pixels.
    covariances : ndarray of shape (n_atoms, 2, 2)
        Of these; NaN where unknown.
    usable : ndarray of shape (n_atoms,), bool
        Which have a site, and a position that was refined if any was.
    pixel_size : PixelSize or None
        Of the image.
    indexer : LatticeIndexer
        Their sites.
    """

    positions: FloatArray
    covariances: FloatArray
    usable: NDArray[np.bool_]
    pixel_size: PixelSize | None
    indexer: LatticeIndexer

    def neighbors(
        self, atoms: NDArray[np.intp], column: int, cell: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        """Find for each atom that at one site as seen from its own, or -1.

        Parameters
        ----------
        atoms : ndarray of shape (n,), intp
            Numbers of usable atoms, all of one column.
        column : int
            The column looked for.
        cell : ndarray of shape (2,), int64
            How many cells further on it is, by its index.

        Returns
        -------
        neighbors : ndarray of shape (n,), intp
            Numbers of usable atoms.
        """
        indexer = self.indexer
        if not len(atoms):
            return np.empty(0, dtype=np.intp)
        places = _places(indexer)
        step = (cell + places[column] - places[indexer.columns_[atoms[0]]]) @ (
            indexer.lattice_.vectors
        )
        expected = self.positions[atoms] + indexer.deformations_[atoms] @ step
        off, found = KDTree(self.positions).query(expected)
        right = (
            (off < _NEAR * indexer.lattice_.nearest_distance)
            & self.usable[found]
            & (indexer.components_[found] == indexer.components_[atoms])
            & (indexer.columns_[found] == column)
            & (indexer.indices_[found] == indexer.indices_[atoms] + cell).all(axis=1)
        )
        return np.where(right, found, -1)

    def follow(self, pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which pairs (n, 2) are as far apart as their sites are, not across a cut."""
        indexer = self.indexer
        first, second = pairs.T
        step = indexer.references_[second] - indexer.references_[first]
        expected = np.einsum("nij,nj->ni", indexer.deformations_[first], step)
        off = self.positions[second] - self.positions[first] - expected
        # A map that is some per cent off misses the further, the longer the step.
        limit = _NEAR * indexer.lattice_.nearest_distance
        limit = np.maximum(limit, 0.25 * np.hypot(*step.T))
        return np.asarray(np.hypot(*off.T) < limit)


def _places(indexer: LatticeIndexer) -> FloatArray:
    return np.array([[column.u, column.v] for column in indexer.lattice_.columns])


def measured(indexer: LatticeIndexer, atoms: Atoms) -> Measured:
    """Check atoms and their sites.

    Raises
    ------
    TypeError, ValueError
        If the indexer is none, is not fitted, or was fitted to another number of atoms.
    """
    if not isinstance(indexer, LatticeIndexer):
        raise TypeError(f"indexer must be a LatticeIndexer, got {type(indexer).__name__}.")
    check_is_fitted(indexer)
    usable = indexer.components_ >= 0
    size = indexer.lattice_.pixel_size
    if isinstance(atoms, Refinement):
        positions, covariances = atoms.atoms[:, :2], atoms.covariances
        size = atoms.pixel_size or size
        converged = atoms.converged
    else:
        positions = as_positions(np.asarray(atoms), name="atoms")
        covariances = np.full((len(positions), 2, 2), np.nan)
        converged = np.ones(len(positions), dtype=bool)
        if isinstance(atoms, AtomTable):
            size = atoms.pixel_size or size
            if {"row_error", "col_error"} <= set(atoms.columns):
                covariances = np.zeros((len(positions), 2, 2))
                for axis, name in enumerate(("row_error", "col_error")):
                    covariances[:, axis, axis] = np.asarray(atoms[name], dtype=np.float64) ** 2
                converged = np.asarray(np.isfinite(covariances).all(axis=(1, 2)))
    if len(positions) != len(usable):
        raise ValueError(
            f"indexer was fitted to {len(usable)} atoms, got {len(positions)}; give it the same "
            "ones, in the same order."
        )
    return Measured(positions, covariances, usable & converged, size, indexer)
