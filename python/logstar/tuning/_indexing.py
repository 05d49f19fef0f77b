"""Sites of the atoms that the main job found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logstar.lattice import ImageLattice, Lattice, LatticeIndexer
from logstar.lattice._naming import named_after

from ._source import crystal_at

if TYPE_CHECKING:
    from ._finder import AtomFinder


def index_atoms(finder: AtomFinder) -> LatticeIndexer:
    """Tell which site of its lattice each atom of a finder is; `AtomFinder.index` documents it."""
    refinement = finder.refinement_
    # The greater the more there is of an atom; amplitudes of dark ones are negative.
    heights = finder.atoms_["response"] if refinement is None else np.abs(refinement.amplitudes)
    lattice = lattice_of_sites(finder)
    return LatticeIndexer(lattice).fit(finder.atoms_.positions, intensities=heights)


def lattice_of_sites(finder: AtomFinder) -> Lattice:
    """Give the lattice whose sites the atoms of a finder have.

    Raises
    ------
    ValueError
        If there is none, or several.
    """
    lattice, grains = finder.lattice_, finder.expectation_.grains
    if lattice is None:
        why = (
            f"the image shows {grains.n_phases} phases, whose atoms have sites in different ones"
            if grains is not None and grains.n_phases > 1
            else "atoms were found without one"
        )
        raise ValueError(f"sites are those of one lattice, and {why}.")
    return _with_names(finder, lattice) if isinstance(lattice, ImageLattice) else lattice


def _with_names(finder: AtomFinder, seen: ImageLattice) -> Lattice:
    """Give an image's lattice the kinds of the crystal, if one was given.

    Where the image does not tell which column is which the crystal has no place: the atoms
    themselves may tell.
    """
    given = finder.lattice
    if given is None or isinstance(given, (str, ImageLattice)):
        return seen
    crystal = crystal_at(
        given, finder.pixel_size_, visible=finder.visible, polarity=finder.polarity
    )
    return named_after(crystal, seen) or crystal
