"""All atoms of a unit cell from those of its asymmetric unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

#: A coordinate that was rounded or cut off is nearer to the true one than this many units of its
#: last digit. The zeros, quarters and halves of symmetry elements are written exactly, so that a
#: split site beside them is a whole unit or more away.
_ROUNDED_BY = 0.9
#: Images of a site nearer than this, in angstrom, are one atom on a symmetry element, whatever
#: digits it has: programs fill up rounded coordinates, such as 0.33330.
_SAME_ATOM = 0.005
#: Images up to this far apart, in angstrom, are one atom if more than one would have to share the
#: place: refined coordinates are a little off as well. Images of a split site lie as near, but
#: their occupancies sum to 1.
_REFINED_ATOM = 0.1
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
    last_digit : float
        What one unit of the last digit of its coordinates is, where these are written in digits:
        0.01 for "0.33 0.67 0.25". 0 is for exact ones.
    """

    label: str
    species: str
    place: tuple[float, float, float]
    occupancy: float = 1.0
    last_digit: float = 0.0


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
    place = _on_elements(operations, np.array(site.place), _ROUNDED_BY * site.last_digit)
    images = operations.rotations @ place + operations.translations
    groups = _groups(cell, images, _SAME_ATOM)
    places = _means(groups)
    crowd = max(len(group) for group in _groups(cell, places, _REFINED_ATOM))
    if site.occupancy * crowd > MOST_OCCUPANCY:
        places = _means(_groups(cell, images, _REFINED_ATOM))
    return [replace(site, place=(float(u), float(v), float(w))) for u, v, w in places]


def _on_elements(operations: Operations, place: FloatArray, off: float) -> FloatArray:
    """Move a place to the symmetry elements that rounding moved it off, by less than `off`."""
    turns = operations.rotations - np.eye(3)
    apart = turns @ place + operations.translations
    apart -= np.round(apart)
    # An operation moves a place by at most four times what this is away from its element.
    near = np.flatnonzero((np.abs(apart) < 4 * off).all(axis=1))
    if len(near) < 2:
        return place
    moves = -(np.linalg.pinv(turns[near]) @ apart[near][:, :, None])
    # Of screws and glides no place stays where it is.
    left = (turns[near] @ moves)[:, :, 0] + apart[near]
    stays = (np.abs(moves[:, :, 0]) < off).all(axis=1) & (np.abs(left) < 1e-9).all(axis=1)
    # The mean of the images is on all of the elements.
    return np.asarray(place + apart[near][stays].mean(axis=0)) if stays.any() else place


def _groups(cell: FloatArray, places: FloatArray, reach: float) -> list[FloatArray]:
    """Places that are nearer than `reach` to the next one, beside one another across cells."""
    groups = []
    left = places % 1.0
    while len(left):
        group, queue, left = [left[0]], [left[0]], left[1:]
        while queue:
            here = queue.pop()
            near = _distances(cell, here, left) < reach
            apart = left[near] - here
            found = list(here + apart - np.round(apart))
            group += found
            queue += found
            left = left[~near]
        groups.append(np.array(group))
    return groups


def _means(groups: Sequence[FloatArray]) -> FloatArray:
    return np.array([group.mean(axis=0) for group in groups]) % 1.0


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
