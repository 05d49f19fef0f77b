"""Atoms beyond a mask, whose tails reach into it: they are fitted together with those inside."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from logstar._validation import FloatArray, Image
from logstar.exceptions import NoAtomsWarning

from ._field import looking_within
from ._overlap import overlapping_lattice
from ._source import as_field

if TYPE_CHECKING:
    from ._finder import AtomFinder

#: How far beyond the mask atoms are fitted, and how far pixels are, in distances of neighbouring
#: atoms: no pixel that is fitted is reached by an atom that is not.
_ATOMS, _PIXELS = 3.0, 1.0
#: What is closer to an atom of the mask than this share of that distance is the same one.
_SAME = 0.5


def atoms_beyond(
    finder: AtomFinder, image: Image, detections: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_] | None]:
    """Find the atoms around those that a mask, or a grain, holds.

    Parameters
    ----------
    finder : AtomFinder
        With its tuned detector.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    detections : ndarray of shape (n_atoms, >=3)
        What was found within.

    Returns
    -------
    beyond : ndarray of shape (n_beyond, 3)
        Row, column and sigma in pixels.
    pixels : ndarray of shape (n_rows, n_cols), bool, or None
        Which are to be fitted; None is all of them.
    """
    nobody = np.empty((0, 3))
    within = as_field(finder.mask, image.shape)
    if finder.grain is not None and image is finder.image_:
        within = finder.field_
    # Where columns overlap, atoms are placed by the mean cell, and maxima beyond are not atoms.
    if within is None or len(detections) < 2 or overlapping_lattice(finder.expectation_):
        return nobody, None
    tree = KDTree(detections[:, :2])
    spacing = float(np.median(np.asarray(tree.query(detections[:, :2], k=2)[0])[:, 1]))
    away = distance_transform_edt(~within)
    detector = looking_within(finder.detector_, away <= _ATOMS * spacing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        found = detector.predict([image])[0]
    rows, cols = np.round(found[:, :2]).astype(int).T
    is_other = np.asarray(tree.query(found[:, :2])[0]) > _SAME * spacing
    return found[~within[rows, cols] & is_other, :3], away <= _PIXELS * spacing
