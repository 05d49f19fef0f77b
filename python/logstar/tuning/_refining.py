"""Positions of the main job refined to a fraction of a pixel."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, Image
from logstar.exceptions import CorrelatedNoiseWarning, UndersampledWarning
from logstar.lattice import ImageLattice
from logstar.refinement import GaussianRefiner, Refinement
from logstar.units import PixelSize


def refine_atoms(
    image: Image,
    detections: FloatArray,
    *,
    how: Literal["joint", "window"],
    polarity: Literal["bright", "dark"],
    lattice: ImageLattice | None = None,
    kinds: ArrayLike | None = None,
    overlap: bool = False,
    n_jobs: int | None = None,
    beyond: FloatArray | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Refinement:
    """Refine atoms that were found.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The raw image.
    detections : ndarray of shape (n_atoms, >=2)
        Row and column in pixels, and sigma.
    how : {"joint", "window"}
        All peaks together, or each in a window of its own.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    lattice : ImageLattice, default=None
        The image's own lattice: errors are pooled by the kinds of its columns.
    kinds : array-like of shape (n_atoms,), default=None
        Kinds of the atoms, and of those beyond after them, where the lattice need not tell them.
    overlap : bool, default=False
        Whether atoms overlap so much that no window shows one alone: then they have the sigma that
        they are given to begin with, and one sigma in the end.
    n_jobs : int, default=None
        Threads.
    beyond : ndarray of shape (n_beyond, 3), default=None
        Atoms around these, which are fitted as well and not told of.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Which pixels are fitted; None is all of them.

    Returns
    -------
    refinement : Refinement
        Of `detections`.
    """
    n_atoms = len(detections)
    if beyond is not None and len(beyond):
        detections = np.concatenate([detections[:, :3], beyond])
    refiner = GaussianRefiner(
        joint=how == "joint",
        polarity=polarity,
        share_sigma="all" if overlap else None,
        n_jobs=n_jobs,
    )
    with warnings.catch_warnings():
        # `describe` says so.
        warnings.simplefilter("ignore", CorrelatedNoiseWarning)
        warnings.simplefilter("ignore", UndersampledWarning)
        found = refiner.refine(
            image, detections[:, : 3 if overlap else 2], kinds=kinds, lattice=lattice, mask=mask
        )
    return found if len(found.atoms) == n_atoms else _first(found, n_atoms)


def _first(refinement: Refinement, n_atoms: int) -> Refinement:
    """What a refinement says of its first atoms."""
    # Whatever is an array has a row for each atom.
    of_atoms = {
        field.name: getattr(refinement, field.name)[:n_atoms]
        for field in dataclasses.fields(refinement)
        if isinstance(getattr(refinement, field.name), np.ndarray)
    }
    return dataclasses.replace(refinement, **of_atoms)


def columns_of(refinement: Refinement) -> Mapping[str, ArrayLike]:
    """Columns that a refinement gives to a table of atoms."""
    table = refinement.to_table()
    names = (
        *("row", "col", "sigma", "row_error", "col_error", "sigma_error"),
        *("amplitude", "amplitude_error", "intensity", "intensity_error", "status"),
    )
    return {name: table[name] for name in names}


def describe(refinement: Refinement, size: PixelSize | None) -> str:
    """Say in a line how precise positions are, also in pm, and how many could not be refined."""
    good = refinement.converged
    n_left = int((~good).sum())
    parts = []
    if good.any():
        error = float(np.median(refinement.errors[good, :2]))
        length = "" if size is None else f" ({error * size.to('pm').value:.2g} pm)"
        parts.append(f"median error of a row or column {error:.2g} px{length}")
    if n_left:
        what, counts = np.unique(refinement.status[~good], return_counts=True)
        most = what[counts.argmax()]
        parts.append(f'{n_left} of {len(good)} atoms not refined, mostly "{most}"')
    if refinement.errors_are_doubtful:
        parts.append("errors may be too small: what the fit leaves is no white noise")
    return "; ".join(parts)
