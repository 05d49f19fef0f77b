"""What physics expects of an image, from a crystal, from the image itself, or from numbers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import as_image, check_real
from logstar.detection._significance import sizes_within
from logstar.exceptions import NotOneLatticeError
from logstar.lattice import (
    Column,
    Count,
    GrainMap,
    ImageLattice,
    Lattice,
    LatticeComparison,
)
from logstar.units import PixelSize

from ._choice import N_NEIGHBORS
from ._counting import count_columns
from ._expected_of_image import (
    UNCONFIRMED,
    of_columns,
    of_crystal,
    of_image_lattice,
    of_known_lattice,
    of_what_is_seen,
)
from ._field import find_field
from ._seen import lattice_within
from ._slips import (
    check_spacing,
)

#: Relative uncertainty of an expected number that was typed in: counted by hand or by area.
TYPED_UNCERTAINTY = 0.03


@dataclass(frozen=True, eq=False, repr=False)
class Expectation:
    """What physics expects of an image: how many atoms, how far apart, how large.

    Made by `from_image`, `from_lattice`, `from_numbers` or `without_lattice`. `AtomFinder` learns
    one of its image and tunes on it; `count` is the one number that its rewards, its summary and
    its quality report compare with.

    Parameters
    ----------
    count : Count
        The expected number of atoms with what it is uncertain by. Of a crystal it is the number of
        columns at least 0.2 of the nearest distance away from the image's edges.
    distance_sum : float
        DS: least sum of an atom's distances to its four nearest neighbours, in pixels.
    sigma_range : tuple of float
        Smallest and largest sigma, in pixels.
    lattice : Lattice or None
        By which the atoms found are judged: the image's own lattice if that has the crystal's
        columns, else the crystal; None where there are numbers only.
    image_lattice : ImageLattice or None
        The image's own lattice, whatever the crystal.
    comparison : LatticeComparison or None
        The crystal against the image's own lattice, where there are both.
    calibration : str or None
        What the image says about the pixel size of the crystal, or why it says nothing.
    pixel_size : PixelSize or None
        The crystal's as corrected by the image; None if there is nothing to correct by.
    field_share : float
        Share of the image, or of the mask, that shows crystal.
    grains : GrainMap or None
        The grains, where the image shows several. Then the count is the sum over them, the distance
        sum the smallest, `image_lattice` that of the largest, and `lattice` is None if they are of
        several phases.
    grain_counts : tuple of Count
        The expected number of atoms of each grain.
    strangers : tuple of int
        Grains whose lattice is not that of the crystal, where there is one.
    field : ndarray of shape (n_rows, n_cols), bool, or None
        Where atoms can be: half the nearest distance beyond the outermost columns, and not in holes
        in which more than one column is missing. None is everywhere.
    is_elongated : bool
        Whether grains show columns that are not resolved, which are expected as one.
    is_faint : bool
        Whether the peaks of the image's lattice stand out of noise together only.

    Examples
    --------
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import Expectation
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(200, 200), rotation=11, random_state=0)
    >>> expected = Expectation.from_image(scene.image, crystal)
    >>> print(expected.count)
    188.0 +- 6.0
    >>> expected.calibration
    'calibration is right within 0.3%: 0.2 A/px'
    """

    count: Count
    distance_sum: float
    sigma_range: tuple[float, float]
    lattice: Lattice | None = None
    image_lattice: ImageLattice | None = None
    comparison: LatticeComparison | None = None
    calibration: str | None = None
    pixel_size: PixelSize | None = None
    field_share: float = 1.0
    grains: GrainMap | None = None
    grain_counts: tuple[Count, ...] = ()
    strangers: tuple[int, ...] = ()
    field: NDArray[np.bool_] | None = None
    is_elongated: bool = False
    is_faint: bool = False

    def __repr__(self) -> str:
        low, high = self.sigma_range
        return (
            f"Expectation({self.count} atoms, distance sum {self.distance_sum:.4g} px, sigma "
            f"{low:.3g} to {high:.3g} px)"
        )

    @property
    def n_expected(self) -> float:  # numpydoc ignore=RT01
        """The expected number of atoms."""
        return self.count.n

    @property
    def uncertainty(self) -> float:  # numpydoc ignore=RT01
        """Relative standard deviation of that number."""
        return self.count.uncertainty / self.count.n

    def field_of(
        self,
        image: NDArray[np.floating],
        polarity: Literal["bright", "dark"],
        mask: NDArray[np.bool_] | None,
    ) -> NDArray[np.bool_] | None:
        """Find where atoms can be in another image of the same crystal.

        Parameters
        ----------
        image : ndarray of shape (n_rows, n_cols)
            The image.
        polarity : {"bright", "dark"}
            Whether columns are brighter or darker than their surroundings.
        mask : ndarray of shape (n_rows, n_cols), bool, or None
            Where to look; None is everywhere.

        Returns
        -------
        field : ndarray of shape (n_rows, n_cols), bool, or None
            None is everywhere, also where the distances of columns are not known.
        """
        one = self.image_lattice if self.grains is None else None
        lattice = self.lattice if one is None else one
        lattice = self.image_lattice if lattice is None else lattice
        if lattice is None:
            return mask
        return find_field(image, lattice, seen=one, polarity=polarity, mask=mask)

    @classmethod
    def from_lattice(
        cls, lattice: Lattice, shape: tuple[int, ...], *, mask: ArrayLike | None = None
    ) -> Self:
        """Take it from a crystal whose pixel size no image confirms.

        Parameters
        ----------
        lattice : Lattice
            The crystal.
        shape : tuple of two int
            Rows and columns of the image.
        mask : array-like of shape (n_rows, n_cols), bool, default=None
            Where there is crystal; None is what the lattice says.

        Returns
        -------
        expectation : Expectation

        Raises
        ------
        ValueError
            For atoms closer than three pixels, and whatever the lattice refuses.
        """
        if mask is not None:
            lattice = lattice.with_mask(mask)
        return of_columns(cls, lattice, count_columns(lattice, shape, UNCONFIRMED))

    @classmethod
    def from_numbers(
        cls,
        n_expected: float,
        distance_sum: float,
        shape: tuple[int, ...],
        *,
        uncertainty: float = TYPED_UNCERTAINTY,
        mask: ArrayLike | None = None,
    ) -> Self:
        """Take it from a count and a distance sum.

        Parameters
        ----------
        n_expected : float
            Number of atoms.
        distance_sum : float
            DS in pixels.
        shape : tuple of two int
            Rows and columns of the image.
        uncertainty : float, default=0.03
            Relative standard deviation of the number. 0 has it met exactly.
        mask : array-like of shape (n_rows, n_cols), bool, default=None
            Where the atoms are; None is everywhere.

        Returns
        -------
        expectation : Expectation

        Raises
        ------
        TypeError, ValueError
            For numbers that are not above 0 and finite, or atoms closer than three pixels.
        """
        n = check_real(n_expected, name="n_expected", low=0, low_included=False)
        limit = check_real(distance_sum, name="distance_sum", low=0, low_included=False)
        share = check_real(uncertainty, name="uncertainty", low=0)
        n_pixels = float(np.prod(shape)) if mask is None else float(np.count_nonzero(mask))
        check_spacing(n, n_pixels)
        # The square lattice that has this distance sum stands for the unknown one.
        spacing = limit / (N_NEIGHBORS * Lattice.tolerance)
        square = Lattice(spacing, spacing, columns=(Column("atom", "X", 0, 0),), pixel_size=None)
        return cls(Count(n, share * n, 0.0), limit, square.sigma_range)

    @classmethod
    def without_lattice(
        cls,
        image: ArrayLike,
        *,
        polarity: Literal["bright", "dark"] = "bright",
        n_expected: float | None = None,
        distance_sum: float | None = None,
        mask: ArrayLike | None = None,
    ) -> Self:
        """Expect no more than what was told.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The micrograph.
        polarity : {"bright", "dark"}, default="bright"
            Whether atoms are brighter than their surroundings.
        n_expected : float, default=None
            Number of atoms, right within 3 %; None is not known.
        distance_sum : float, default=None
            DS in pixels; None is not known.
        mask : array-like of shape (n_rows, n_cols), bool, default=None
            Where the atoms are; None is everywhere.

        Returns
        -------
        expectation : Expectation
            Numbers that are not known are NaN. If the image shows a lattice all the same, this is
            its `image_lattice`, and nothing is expected of it. Sigmas are those that are tried
            where the size of atoms is not known.

        Raises
        ------
        TypeError, ValueError
            For numbers that are not above 0 and finite, or atoms closer than three pixels.
        """
        pixels = as_image(image)
        shape = pixels.shape
        count, limit = Count(math.nan, math.nan, math.nan), math.nan
        if n_expected is not None:
            n = check_real(n_expected, name="n_expected", low=0, low_included=False)
            n_pixels = float(np.prod(shape)) if mask is None else float(np.count_nonzero(mask))
            check_spacing(n, n_pixels)
            count = Count(n, TYPED_UNCERTAINTY * n, 0.0)
        if distance_sum is not None:
            limit = check_real(distance_sum, name="distance_sum", low=0, low_included=False)
        field = None if mask is None else np.asarray(mask, dtype=bool)
        try:
            seen: ImageLattice | None = lattice_within(pixels, polarity, field)
        except (NotOneLatticeError, ValueError):
            # A ValueError says that the image is too small for a lattice.
            seen = None
        sizes = sizes_within(shape)
        return cls(count, limit, (sizes[0], sizes[-1]), image_lattice=seen)

    @classmethod
    def from_image(
        cls,
        image: ArrayLike,
        crystal: Lattice | None = None,
        *,
        polarity: Literal["bright", "dark"] = "bright",
        mask: NDArray[np.bool_] | None = None,
        force: bool = False,
        faint: bool = False,
    ) -> Self:
        """Take it from a crystal, its calibration corrected by the image, or from that alone.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The micrograph.
        crystal : Lattice, default=None
            The crystal; None takes the lattice that the image shows, or those of its grains. An
            `ImageLattice` is taken for that, and the image is not asked.
        polarity : {"bright", "dark"}, default="bright"
            Whether atoms are brighter than their surroundings.
        mask : array-like of shape (n_rows, n_cols), bool, default=None
            Where to look; None is everywhere.
        force : bool, default=False
            Whether to go on with a crystal that the image contradicts.
        faint : bool, default=False
            Whether the image may be so noisy that its lattice is seen by all Bragg peaks together
            only; for detection in a denoised image.

        Returns
        -------
        expectation : Expectation

        Raises
        ------
        NotOneLatticeError
            If there is no crystal, and the image shows no lattice, or several but no grains.
        CalibrationError
            If the image's lattice and the crystal, both being certain, differ by more than the
            calibration of a file can be wrong, and `force` is False.
        ValueError
            For a mask of another shape, atoms closer than three pixels, and whatever the lattice
            refuses.
        """
        pixels = as_image(image)
        shape = pixels.shape
        if mask is None and crystal is not None:
            mask = crystal.mask
        if mask is not None and mask.shape != shape:
            raise ValueError(f"mask has shape {mask.shape}, the image {shape}; use one of that.")
        if isinstance(crystal, ImageLattice):
            return of_image_lattice(cls, crystal, shape, mask)
        if crystal is None:
            return of_what_is_seen(cls, pixels, polarity, mask, faint=faint)
        return of_crystal(cls, pixels, crystal, polarity, mask, force=force, faint=faint)

    @classmethod
    def of_grain(
        cls,
        grains: GrainMap,
        grain: int,
        crystal: Lattice | None = None,
        *,
        force: bool = False,
    ) -> Self:
        """Take it from one grain of an image.

        Parameters
        ----------
        grains : GrainMap
            The grains of the image.
        grain : int
            The label of one, from 1 on.
        crystal : Lattice, default=None
            The crystal; None takes the lattice that the grain shows.
        force : bool, default=False
            Whether to go on with a crystal that the grain contradicts.

        Returns
        -------
        expectation : Expectation
            Of that grain alone.

        Raises
        ------
        CalibrationError
            If the grain's lattice and the crystal differ by more than the calibration of a file can
            be wrong, and `force` is False.
        TypeError, ValueError
            If there is no such grain.
        """
        shape = grains.labels.shape
        mask = grains.mask_of(grain)
        seen = grains.lattices[grain - 1]
        if crystal is None:
            return of_image_lattice(cls, seen, shape, mask)
        return of_known_lattice(cls, crystal, seen, shape, mask, force=force)

    def with_numbers(
        self,
        shape: tuple[int, ...],
        *,
        n_expected: float | None = None,
        distance_sum: float | None = None,
        mask: ArrayLike | None = None,
    ) -> Self:
        """Put numbers that were given in the place of those that follow from a lattice.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image.
        n_expected : float, default=None
            Number of atoms, taken to be right within 3 %; None leaves it.
        distance_sum : float, default=None
            DS in pixels; None leaves it.
        mask : array-like of shape (n_rows, n_cols), bool, default=None
            Where the atoms are; None is everywhere.

        Returns
        -------
        expectation : Expectation
            What is expected now.
        """
        given = type(self).from_numbers(
            self.n_expected if n_expected is None else n_expected,
            self.distance_sum if distance_sum is None else distance_sum,
            shape,
            mask=mask,
        )
        count = self.count if n_expected is None else given.count
        return dataclasses.replace(self, count=count, distance_sum=given.distance_sum)
