"""The atoms whose windows are compared: found, of one type, and how far apart they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from logstar._validation import FloatArray, Image, as_positions, check_integer
from logstar.neighbors import distance_sums

from ._patches import AtomPatches

AtomType = int | tuple[int, int] | None


def check_atom_type(atom_type: object) -> None:
    """Raise an error if it is neither a type, nor a type and its orientation, nor None."""
    if isinstance(atom_type, tuple):
        if len(atom_type) != 2:
            raise ValueError(f"atom_type must be a type or (type, orientation), got {atom_type!r}.")
        for i, number in enumerate(atom_type):
            check_integer(number, name=f"atom_type[{i}]", low=0)
    elif atom_type is not None:
        check_integer(atom_type, name="atom_type", low=0)


def atoms_of_type(
    image: Image, found: FloatArray, atom_type: AtomType, types: Any, n_jobs: int | None
) -> FloatArray:
    """Choose the atoms of a type.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    found : ndarray of shape (n_atoms, 2)
        Row and column of all atoms in pixels.
    atom_type : int or (int, int)
        The type, or type and orientation.
    types : AtomTypeGMM
        To be fitted.
    n_jobs : int or None
        Threads.

    Returns
    -------
    chosen : ndarray of shape (n_chosen, 2)

    Raises
    ------
    ValueError
        If there is none.
    """
    patches = AtomPatches(n_jobs=n_jobs)
    types.fit(patches.fit_transform(image, positions=found))
    if isinstance(atom_type, tuple):
        label, orientation = atom_type
        chosen = (types.labels_ == label) & (types.orientations_ == orientation)
    else:
        chosen = types.labels_ == atom_type
    if not chosen.any():
        counts = np.bincount(types.labels_[types.labels_ >= 0])
        raise ValueError(
            f"no atom is of atom_type={atom_type!r}; there are types 0 to {len(counts) - 1} with "
            f"{counts.tolist()} atoms, and orientations {np.unique(types.orientations_).tolist()}."
        )
    selected: FloatArray = patches.positions_[chosen]
    return selected


def find_atoms(detector: Any, image: Image) -> tuple[Any, FloatArray]:
    """Fit a detector, and give it and what it finds."""
    fitted = detector.fit(image, None)  # frozen estimators want to be given a y
    # Contiguous: `memory` tells arrays apart by their layout, too, and gives back contiguous ones.
    return fitted, np.ascontiguousarray(as_positions(fitted.predict(image)))


def spacing_of(positions: FloatArray) -> float:
    """Median distance of an atom to its nearest neighbour, in pixels."""
    spacing = float(np.median(distance_sums(positions, n_neighbors=1)))
    if spacing < 1:
        raise ValueError(
            f"the median distance of nearest atoms is {spacing:g} px; they cannot be told apart. "
            "Use a detector that finds the right atoms."
        )
    return spacing
