"""From the maxima that a tuned detector finds to atoms: divided, refined and rated."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, Image
from logstar.detection import SignificanceDetector
from logstar.lattice import ImageLattice
from logstar.rewards import ErrorRate, QualityCount

from ._beyond_the_mask import atoms_beyond
from ._choice import N_NEIGHBORS
from ._grains import flags_of
from ._overlap import divide, overlapping_lattice
from ._refining import refine_atoms

if TYPE_CHECKING:
    from logstar.refinement import Refinement

    from ._expectation import Expectation
    from ._finder import AtomFinder


def rate(
    expected: Expectation, detections: FloatArray, *, share: float = 1.0
) -> tuple[float, float]:
    """Measure how far number and distances of atoms agree with what is expected.

    Parameters
    ----------
    expected : Expectation
        What is expected.
    detections : ndarray of shape (n_atoms, >=2)
        Row and column in pixels.
    share : float, default=1
        What to multiply the expected number by, where an image shows less or more of the crystal.

    Returns
    -------
    qc : float
        QC with its sign, NaN where no number is expected.
    er : float
        ER, NaN where no number or no distances are expected.
    """
    n, limit = share * expected.n_expected, expected.distance_sum
    qc = er = math.nan
    if math.isfinite(n):
        qc = float(QualityCount(n).measure(detections))
    if math.isfinite(n) and math.isfinite(limit):
        errors = ErrorRate(limit, n_expected=n, n_neighbors=N_NEIGHBORS)
        er = float(errors.measure(detections))
    return qc, er


def flags(expected: Expectation, detections: FloatArray) -> NDArray[np.bool_]:
    """Tell which atoms are too close to their neighbours; none where no distances are expected."""
    if not math.isfinite(expected.distance_sum):
        return np.zeros(len(detections), dtype=bool)
    return flags_of(expected, detections)


def finished(finder: AtomFinder, image: Image, found: FloatArray) -> FloatArray:
    """Divide and refine what was detected in any image, (row, col, sigma) each.

    Parameters
    ----------
    finder : AtomFinder
        Fitted.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    found : ndarray of shape (n_maxima, 3)
        What the tuned detector predicts of it.

    Returns
    -------
    atoms : ndarray of shape (n_atoms, 3)
    """
    if overlapping_lattice(finder.expectation_) is not None:
        alike = np.column_stack([found, np.ones(len(found))])
        found = divided(finder, image, alike)[:, :3]
    return found if finder.refine is None else refined(finder, image, found).atoms


def divided(finder: AtomFinder, image: Image, detections: FloatArray) -> FloatArray:
    """Divide what was detected into atoms, where columns overlap.

    Parameters
    ----------
    finder : AtomFinder
        With its expectation.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    detections : ndarray of shape (n_maxima, >=4)
        Row, column, sigma and response of the maxima, and what else a detector tells of each.

    Returns
    -------
    detections : ndarray of the same columns
        The atoms; where columns do not overlap, what was given.
    """
    lattice = overlapping_lattice(finder.expectation_)
    if lattice is None:
        return detections
    mask = finder.field_ if image is finder.image_ else None
    return divide(image, detections, lattice, polarity=finder.polarity, mask=mask)


def refined(finder: AtomFinder, image: Image, detections: FloatArray) -> Refinement:
    """Refine atoms that were found in an image.

    Parameters
    ----------
    finder : AtomFinder
        With its expectation; its `refine` is not None.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    detections : ndarray of shape (n_atoms, >=3)
        Row, column and sigma in pixels.

    Returns
    -------
    refinement : Refinement
    """
    # Kinds by the lattice hold for its own image alone; positions do not depend on them.
    own = finder.lattice_ if image is finder.image_ else None
    beyond, pixels = atoms_beyond(finder, image, detections)
    if pixels is not None and own is not None:
        # Of columns anywhere, since some atoms lie beyond the field.
        own = own.with_mask(None)
    refine = partial(
        refine_atoms,
        image,
        detections,
        polarity=finder.polarity,
        lattice=own if isinstance(own, ImageLattice) else None,
        overlap=overlapping_lattice(finder.expectation_) is not None,
        n_jobs=finder.n_jobs,
        beyond=beyond,
        mask=pixels,
    )
    # Not None where this is called.
    found = refine(how=finder.refine)  # type: ignore[arg-type]
    if isinstance(finder.detector_, SignificanceDetector) and not found.converged.all():
        # One background does not do for single atoms on an uneven support: each has its own then.
        alone = refine(how="window")
        if alone.converged.sum() > found.converged.sum():
            return alone
    return found
