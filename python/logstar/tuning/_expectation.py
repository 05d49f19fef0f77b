"""What physics expects of an image, from a crystal, from the image itself, or from numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import as_image
from logstar.exceptions import NotOneLatticeError
from logstar.lattice import Column, Count, ImageLattice, Lattice, estimate_field
from logstar.units import PixelSize

N_NEIGHBORS = 4
#: Denser atoms cannot be told apart.
_MIN_PIXELS_PER_ATOM = 4
#: An atom nearer to the edge than its sigma, about this share of the nearest distance, shows a
#: flank only. Of columns missed on the shipped micrograph, BaTiO3 and SrTiO3 (real), all are within
#: 0.14 to 0.27 of it.
_FRAME = 0.2
#: Real files are off by 2 to 8 %; relative standard deviation of a pixel size that the image does
#: not confirm, and least one of one that it does.
_UNCONFIRMED, _CONFIRMED = 0.03, 0.002
#: Relative uncertainty of an expected number that was typed in: counted by hand or by area.
TYPED_UNCERTAINTY = 0.03
#: Numbers of columns per area that agree to this share are of the same columns.
_SAME_DENSITY = 0.02
#: A field that is less than this share of the image has holes or vacuum around it.
_FULL_FIELD = 0.98


@dataclass(frozen=True)
class Expectation:
    """What physics expects of an image.

    Attributes
    ----------
    n_expected : float
        Number of atoms.
    distance_sum : float
        DS: least sum of an atom's distances to its four nearest neighbours, in pixels.
    sigma_range : tuple of float
        Smallest and largest sigma in pixels.
    uncertainty : float
        Relative standard deviation of the number.
    lattice : ImageLattice or None
        The image's own lattice.
    judge : Lattice or None
        By which the atoms found are judged: the image's lattice if it has the crystal's columns,
        else the crystal.
    calibration : str or None
        What the image says about the pixel size, or why it says nothing.
    pixel_size : PixelSize or None
        That of the crystal, as corrected.
    field_share : float
        Share of the image that shows crystal.
    """

    n_expected: float
    distance_sum: float
    sigma_range: tuple[float, float]
    uncertainty: float = 0.0
    lattice: ImageLattice | None = None
    judge: Lattice | None = None
    calibration: str | None = None
    pixel_size: PixelSize | None = None
    field_share: float = 1.0

    @classmethod
    def from_lattice(cls, lattice: Lattice, shape: tuple[int, ...]) -> Self:
        """Take it from a crystal whose pixel size the image does not confirm."""
        return cls._of(lattice, _count(lattice, shape, _UNCONFIRMED))

    @classmethod
    def from_image(
        cls,
        image: ArrayLike,
        crystal: Lattice | None = None,
        polarity: Literal["bright", "dark"] = "bright",
    ) -> Self:
        """Take it from a crystal, its calibration corrected by the image, or from that alone.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The micrograph.
        crystal : Lattice, default=None
            The crystal; None takes the lattice that the image shows.
        polarity : {"bright", "dark"}, default="bright"
            Whether atoms are brighter than their surroundings.

        Raises
        ------
        NotOneLatticeError
            If there is no crystal, and the image shows no lattice or several.
        """
        pixels = as_image(image)
        if crystal is not None:
            # An absurd pixel size is the user's to mend, and no matter of the image.
            crystal.n_expected(pixels.shape)
        try:
            seen = ImageLattice.from_image(pixels, polarity=polarity)
        except NotOneLatticeError as error:
            if crystal is None:
                raise
            calibration = f"not confirmed by the image, which shows {error}"
            return cls._of(
                crystal, _count(crystal, pixels.shape, _UNCONFIRMED), calibration=calibration
            )
        field = estimate_field(pixels, seen, polarity=polarity, keep_disorder=True)
        share = float(field.mean())
        if share < _FULL_FIELD:
            seen = seen.with_mask(field)
        else:
            # Holes that small are within the uncertainty.
            share = 1.0
        if crystal is None:
            count = _count(seen, pixels.shape, _CONFIRMED)
            return cls._of(seen, count, image_lattice=seen, field_share=share)
        comparison = crystal.compare(seen)
        if not comparison.agrees:
            count = _count(crystal, pixels.shape, _UNCONFIRMED)
            return cls._of(crystal, count, calibration=str(comparison), image_lattice=seen)
        crystal = crystal.with_pixel_size(comparison.corrected_pixel_size).with_mask(seen.mask)
        judge = crystal
        count = _count(crystal, pixels.shape, max(comparison.error, _CONFIRMED))
        densities = [len(x.columns) / x.unit_cell_area for x in (seen, crystal)]
        if math.isclose(*densities, rel_tol=_SAME_DENSITY):
            # The same columns, and where they are is known.
            count, judge = _count(seen, pixels.shape, _CONFIRMED), seen
        return cls._of(
            crystal,
            count,
            judge=judge,
            image_lattice=seen,
            calibration=str(comparison),
            pixel_size=crystal.pixel_size,
            field_share=share,
        )

    @classmethod
    def from_numbers(
        cls,
        n_expected: float,
        distance_sum: float,
        shape: tuple[int, ...],
        uncertainty: float = 0.0,
    ) -> Self:
        """Take it from a count and a distance sum in pixels."""
        most = np.prod(shape) / _MIN_PIXELS_PER_ATOM
        if n_expected > most:
            raise ValueError(
                f"{n_expected:g} atoms cannot be told apart in an image of {shape[0]} x {shape[1]} "
                f"px; at most one per {_MIN_PIXELS_PER_ATOM} px can, that is {most:g}."
            )
        # The square lattice that has this distance sum stands for the unknown one.
        spacing = distance_sum / (N_NEIGHBORS * Lattice.tolerance)
        square = Lattice(spacing, spacing, columns=(Column("atom", "X", 0, 0),), pixel_size=None)
        return cls(n_expected, distance_sum, square.sigma_range, uncertainty)

    @classmethod
    def _of(
        cls,
        lattice: Lattice,
        count: Count,
        *,
        image_lattice: ImageLattice | None = None,
        judge: Lattice | None = None,
        calibration: str | None = None,
        pixel_size: PixelSize | None = None,
        field_share: float = 1.0,
    ) -> Self:
        return cls(
            count.n,
            lattice.distance_sum_threshold(N_NEIGHBORS),
            lattice.sigma_range,
            count.uncertainty / count.n,
            image_lattice,
            lattice if judge is None else judge,
            calibration,
            pixel_size,
            field_share,
        )


def _count(lattice: Lattice, shape: tuple[int, ...], calibration: float) -> Count:
    """Columns that can be found: those at the edge show a flank only."""
    frame = min(max(1.0, _FRAME * lattice.nearest_distance), min(shape) / 4)
    if isinstance(lattice, ImageLattice):
        return lattice.expected_count(shape, border=frame, edge_error=frame / 2)
    count = lattice.expected_count(shape, border=frame, calibration=calibration)
    # Half a frame more or less, all around.
    n_rows, n_cols = (size - 2 * frame for size in shape)
    edges = math.hypot(count.edges, count.n * frame * (1 / n_rows + 1 / n_cols))
    return Count(count.n, edges, count.calibration)
