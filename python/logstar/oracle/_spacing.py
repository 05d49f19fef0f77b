"""How far apart the nearest atoms of an image are: by this it is scaled for a network."""

from __future__ import annotations

from typing import Literal

from logstar._validation import Image
from logstar.detection import estimate_atom_size
from logstar.exceptions import NotOneLatticeError
from logstar.lattice import ImageLattice

#: Nearest neighbours are this many sigmas apart where no lattice tells: atoms of micrographs have a
#: sigma of 0.15 to 0.28 of their spacing.
_SIGMAS_APART = 5.0


def nearest_distance(image: Image, polarity: Literal["bright", "dark"]) -> float:
    """Estimate the distance of nearest neighbours.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        A checked image.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.

    Returns
    -------
    spacing : float
        In pixels. Of the image's lattice, or of its strongest one where it has several; where it
        has none, by the size of its atoms.
    """
    try:
        lattice: ImageLattice | None = ImageLattice.from_image(image, polarity=polarity)
    except NotOneLatticeError as error:
        lattice = error.lattice
    except ValueError:  # too small for any lattice
        lattice = None
    if lattice is not None:
        return lattice.nearest_distance
    return _SIGMAS_APART * estimate_atom_size(image, polarity=polarity)
