"""All atoms of a unit cell from those of its asymmetric unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

#: Images of a site nearer than this, in angstrom, are one atom on a symmetry element: coordinates
#: such as 0.3333 are rounded.
_SAME_ATOM = 0.02
#: Images up to this far apart, in angstrom, are one atom if more than one would have to share the
#: place: coordinates such as 0.33 are rounded as well. Images of a split site lie as near, but
#: their occupancies sum to 1.
_ROUNDED_ATOM = 0.1
#: Atoms within this distance of one another, in angstrom, cannot be there at the same time.
_EXCLUSIVE = 0.25
#: Occupancies may exceed 1 by rounding: three images of 0.333, or 0.34.
MOST_OCCUPANCY = 1.05


@dataclass(frozen=True)
class Site:
    """One atom of the unit cell, or several that share its place.

    Attributes
    ----------
    label : str
        As the file calls it.
    species : str
        Chemical symbol.
    place : tuple of three float
        Fractional coordinates.
    occupancy : float
        Share of the unit cells that have it.
    """

    label: str
    species: str
    place: tuple[float, float, float]
    occupancy: float = 1.0


class Operations(NamedTuple):
    """Symmetry operations, which take a place x to ``rotation @ x + translation``.

    Attributes
    ----------
    rotations : ndarray of shape (n, 3, 3), int
        On fractional coordinates.
    translations : ndarray of shape (n, 3), float64
        In fractional coordinates.
    """

    rotations: NDArray[np.int_]
    translations: FloatArray


def expand(cell: FloatArray, operations: Operations, sites: Sequence[Site]) -> list[Site]:
    """Apply the symmetry to sites and keep each distinct image once, with its occupancy.

    Parameters
    ----------
    cell : ndarray of shape (3, 3)
        Edges of the unit cell as rows (x, y, z), in angstrom.
    operations : Operations
        A complete group.
    sites : sequence of Site
        The asymmetric unit.

    Returns
    -------
    atoms : list of Site
        The occupancies of a site's atoms sum to its own times the number of its distinct images,
        however near to a symmetry element it lies.
    """
    return [atom for site in sites for atom in _images(cell, operations, site)]


def _images(cell: FloatArray, operations: Operations, site: Site) -> list[Site]:
    images = operations.rotations @ np.array(site.place) + operations.translations
    places = _distinct(cell, images, _SAME_ATOM)
    crowd = (_distances(cell, places[0], places) < _ROUNDED_ATOM).sum()
    if site.occupancy * crowd > MOST_OCCUPANCY:
        places = _distinct(cell, images, _ROUNDED_ATOM)
    return [replace(site, place=(float(u), float(v), float(w))) for u, v, w in places]


def _distinct(cell: FloatArray, images: FloatArray, reach: float) -> FloatArray:
    """Means of the images that are nearer than `reach` to one another."""
    places = []
    left = images % 1.0
    while len(left):
        near = _distances(cell, left[0], left) < reach
        apart = left[near] - left[0]
        places.append(left[0] + (apart - np.round(apart)).mean(axis=0))
        left = left[~near]
    return np.array(places) % 1.0


def _distances(cell: FloatArray, place: FloatArray, places: FloatArray) -> FloatArray:
    """Distances in angstrom to the nearest image of each place, exact for short ones."""
    apart = places - place
    return np.asarray(np.linalg.norm((apart - np.round(apart)) @ cell, axis=-1))


def crowded(cell: FloatArray, atoms: Sequence[Site]) -> tuple[list[str], Site, float] | None:
    """Find atoms that cannot be there together: their occupancies sum to more than 1.

    Returns
    -------
    crowd : tuple of list of str, Site and float, or None
        Labels of the atoms, one of them, and the sum of their occupancies; None if there are none.
    """
    places = np.array([atom.place for atom in atoms])
    occupancies = np.array([atom.occupancy for atom in atoms])
    for atom, place in zip(atoms, places, strict=True):
        near = _distances(cell, place, places) < _EXCLUSIVE
        total = float(occupancies[near].sum())
        if total > MOST_OCCUPANCY:
            return (
                sorted(
                    {other.label for other, is_near in zip(atoms, near, strict=True) if is_near}
                ),
                atom,
                total,
            )
    return None
