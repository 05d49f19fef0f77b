"""What a finder learns of an image before it looks for atoms: its crystal, pixel size and field."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image
from logstar.lattice import ImageLattice, Lattice, find_grains
from logstar.units import PixelSize

from ._expectation import Expectation
from ._finder_parameters import takes_raw
from ._source import as_atom_size, as_field, crystal_at

if TYPE_CHECKING:
    from ._finder import AtomFinder

#: Ends of the ladders by the size of atoms, where that is told.
_SMALLEST, _LARGEST = 0.5, 1.75


class Learnt(NamedTuple):
    """What is known of an image before its atoms are looked for.

    Parameters
    ----------
    expectation : Expectation
        What physics expects.
    lattice : Lattice, ImageLattice or None
        By which the atoms will be judged.
    field : ndarray of shape (n_rows, n_cols), bool, or None
        Where to look; None is everywhere.
    pixel_size : PixelSize or None
        By which lengths are given.
    atom_size : float or None
        Sigma of atoms in pixels, where it was told.
    """

    expectation: Expectation
    lattice: Lattice | None
    field: NDArray[np.bool_] | None
    pixel_size: PixelSize | None
    atom_size: float | None


def learn(finder: AtomFinder, image: Image, file_size: PixelSize | None, *, alone: bool) -> Learnt:
    """Learn what to expect of an image.

    Parameters
    ----------
    finder : AtomFinder
        Its parameters alone are used.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    file_size : PixelSize or None
        The image's own pixel size.
    alone : bool
        Whether atoms are single ones, whatever `lattice` says.

    Returns
    -------
    learnt : Learnt

    Raises
    ------
    CalibrationError
        If the image's lattice and the crystal differ by more than the calibration of a file can be
        wrong.
    NotOneLatticeError
        If there is no crystal, and the image shows no lattice, or several but no grains.
    TypeError, ValueError
        For a mask, a grain, a crystal or numbers that cannot be.
    """
    field = as_field(finder.mask, image.shape)
    given = None if finder.pixel_size is None else PixelSize.of(finder.pixel_size)
    if given is None and isinstance(finder.lattice, Lattice):
        given = finder.lattice.pixel_size
    given = file_size if given is None else given
    if alone:
        expected = _without_lattice(finder, image, field)
    else:
        expected, field = _with_lattice(finder, image, given, field)
    if expected.field is not None:
        field = expected.field
    corrected = expected.pixel_size if finder.calibration == "correct" else None
    pixel_size = given if corrected is None else corrected
    atom_size = as_atom_size(finder.atom_size, pixel_size)
    lattice = expected.lattice
    if lattice is not None and lattice.mask is None:
        lattice = lattice.with_mask(field)
    if isinstance(lattice, ImageLattice) and pixel_size is not None:
        lattice = lattice.with_pixel_size(pixel_size)
    if atom_size is not None:
        ends = _SMALLEST * atom_size, _LARGEST * atom_size
        expected = dataclasses.replace(expected, sigma_range=ends)
    return Learnt(expected, lattice, field, pixel_size, atom_size)


def _without_lattice(
    finder: AtomFinder, image: Image, field: NDArray[np.bool_] | None
) -> Expectation:
    """Expect what was told of single atoms."""
    if finder.expected is not None and finder.distance_sum is not None:
        return Expectation.from_numbers(
            finder.expected, finder.distance_sum, image.shape, mask=field
        )
    return Expectation.without_lattice(
        image,
        polarity=finder.polarity,
        n_expected=finder.expected,
        distance_sum=finder.distance_sum,
        mask=field,
    )


def _with_lattice(
    finder: AtomFinder, image: Image, given: PixelSize | None, field: NDArray[np.bool_] | None
) -> tuple[Expectation, NDArray[np.bool_] | None]:
    """Expect what the crystal, or the image's own lattice, says, in the field or in one grain."""
    crystal = None
    if finder.lattice is not None and not isinstance(finder.lattice, str):
        crystal = crystal_at(
            finder.lattice, given, visible=finder.visible, polarity=finder.polarity
        )
    if finder.grain is None:
        expected = Expectation.from_image(
            image,
            crystal,
            polarity=finder.polarity,
            mask=field,
            force=finder.force,
            faint=not takes_raw(finder),
        )
    else:
        grains = find_grains(image, polarity=finder.polarity, mask=field)
        field = grains.mask_of(finder.grain)
        expected = Expectation.of_grain(grains, finder.grain, crystal, force=finder.force)
    if finder.expected is not None or finder.distance_sum is not None:
        expected = expected.with_numbers(
            image.shape,
            n_expected=finder.expected,
            distance_sum=finder.distance_sum,
            mask=field,
        )
    return expected, field
