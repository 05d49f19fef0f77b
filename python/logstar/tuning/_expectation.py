"""What physics expects of an image, from a crystal, from the image itself, or from numbers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

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
    find_grains,
)
from logstar.units import PixelSize

from ._choice import N_NEIGHBORS
from ._field import find_field
from ._grains import count_of_grains, judge_of_grains, tightest
from ._slips import (
    check_calibration,
    check_nearest,
    check_spacing,
    is_confirmed,
    match,
    scaled,
)

#: Relative uncertainty of an expected number that was typed in: counted by hand or by area.
TYPED_UNCERTAINTY = 0.03
#: Of the outermost columns in a mask, the share that may be noise, or be missing.
_RIM_SHARE = 0.1
#: Width of the frame along the image's edges in which no atom is expected, as a share of the
#: nearest distance of two columns: an atom nearer to the edge than its sigma shows a flank only. On
#: the shipped micrograph and real ones of BaTiO3 and SrTiO3 all columns that are missed lie within
#: 0.14 to 0.27 of that distance from the edge.
_FRAME = 0.2
#: Relative standard deviation of a pixel size that the image does not confirm (real files are off
#: by 2 to 8 %), and the least one of a pixel size that it confirms.
_UNCONFIRMED, _CONFIRMED = 0.03, 0.002
#: Share by which the numbers of columns per area of two lattices may differ if both have the same
#: columns.
_SAME_DENSITY = 0.02
#: The power of peaks goes with the square of a grain's brightness and area: below this confidence
#: the lattice may be that of a bright or large grain alone. Of three simulated bicrystals that were
#: taken for one crystal it was 0.73, 0.87 and 0.90.
_ALL_EXPLAINED = 0.98


@dataclass(frozen=True, eq=False)
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
        return cls._of(lattice, _count(lattice, shape, _UNCONFIRMED))

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
            seen: ImageLattice | None = _lattice_within(pixels, polarity, field)
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
            return cls._of_image_lattice(crystal, shape, mask)
        if crystal is None:
            return cls._of_what_is_seen(pixels, polarity, mask, faint=faint)
        compared = _compared(crystal, pixels, polarity, mask, faint=faint)
        seen, comparison = compared.seen, compared.comparison
        if comparison is None or not is_confirmed(comparison):
            # The one lattice may be what several grains of the crystal have in common.
            grains = find_grains(pixels, polarity=polarity, mask=mask)
            known = cls._of_known_grains(grains, crystal, pixels, polarity, mask)
            if known is not None:
                return known
            if seen is None and len(grains) > 1 and not force:
                check_calibration(crystal, *match(crystal, grains.lattices[0]))
        if seen is not None and comparison is not None and not force:
            check_calibration(crystal, seen, comparison)
        if seen is None or comparison is None or not comparison.agrees:
            field = find_field(pixels, crystal, polarity=polarity, mask=mask)
            crystal = crystal.with_mask(field)
            return cls._of(
                crystal,
                _count(crystal, shape, _UNCONFIRMED),
                image_lattice=seen,
                comparison=comparison,
                calibration=str(comparison) if compared.unknown is None else compared.unknown,
                field=field,
                field_share=_share(field, mask),
            )
        field = find_field(pixels, seen, seen=seen, polarity=polarity, mask=mask)
        seen = seen.with_mask(field)
        share = _share(field, mask)
        found = cls._of_confirmed(crystal, seen, comparison, shape, field, share)
        return dataclasses.replace(found, is_faint=compared.is_faint)

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
            return cls._of_image_lattice(seen, shape, mask)
        seen, comparison = match(crystal, seen)
        if not force:
            check_calibration(crystal, seen, comparison)
        if comparison.agrees:
            return cls._of_confirmed(crystal, seen, comparison, shape, mask, 1.0)
        crystal = crystal.with_mask(mask)
        count = _count(crystal, shape, _UNCONFIRMED)
        words = str(comparison)
        return cls._of(crystal, count, image_lattice=seen, comparison=comparison, calibration=words)

    @classmethod
    def _of_confirmed(
        cls,
        crystal: Lattice,
        seen: ImageLattice,
        comparison: LatticeComparison,
        shape: tuple[int, ...],
        field: NDArray[np.bool_] | None,
        share: float,
    ) -> Self:
        """Take it from a crystal that agrees with the image's lattice."""
        size = _corrected(comparison)
        is_known = crystal.pixel_size is not None
        crystal = scaled(crystal, size.value / comparison.pixel_size.value).with_mask(seen.mask)
        densities = [len(x.columns) / x.unit_cell_area for x in (seen, crystal)]
        # With the same columns in both, the image also says where each of them is.
        judge = seen if math.isclose(*densities, rel_tol=_SAME_DENSITY) else crystal
        return cls._of(
            crystal,
            _count(judge, shape, max(comparison.error, _CONFIRMED)),
            judge=judge,
            image_lattice=seen,
            comparison=comparison,
            calibration=str(comparison) if is_known else None,
            pixel_size=size if is_known else None,
            field=field,
            field_share=share,
        )

    @classmethod
    def _of_image_lattice(
        cls, seen: ImageLattice, shape: tuple[int, ...], mask: NDArray[np.bool_] | None
    ) -> Self:
        """Take it from the lattice of an image that is known already."""
        if seen.shape != shape:
            raise ValueError(
                f"the lattice was seen in an image of {seen.shape} px, and this one has {shape}; "
                "give the crystal, or 'auto'."
            )
        seen = seen.with_mask(mask)
        return cls._of(seen, _count(seen, shape, _CONFIRMED), image_lattice=seen)

    @classmethod
    def _of_what_is_seen(
        cls,
        pixels: NDArray[np.floating],
        polarity: Literal["bright", "dark"],
        mask: NDArray[np.bool_] | None,
        *,
        faint: bool,
    ) -> Self:
        """Take it from the one lattice that an image shows, or from those of its grains."""
        refused, is_faint = None, False
        try:
            seen = _lattice_within(pixels, polarity, mask)
        except NotOneLatticeError as error:
            refused = error
        if refused is not None or seen.confidence < _ALL_EXPLAINED:
            grains = find_grains(pixels, polarity=polarity, mask=mask)
            if len(grains) > 1:
                return cls._of_grains(grains, pixels, polarity, mask)
        if refused is not None:
            weak = _faint_lattice_within(pixels, polarity, mask) if faint else None
            if weak is None:
                raise refused
            seen, is_faint = weak, True
        field = find_field(pixels, seen, seen=seen, polarity=polarity, mask=mask)
        seen = seen.with_mask(field)
        count = _count(seen, pixels.shape, _CONFIRMED)
        share = _share(field, mask)
        found = cls._of(seen, count, image_lattice=seen, field=field, field_share=share)
        return dataclasses.replace(found, is_faint=is_faint)

    @classmethod
    def _of_known_grains(
        cls,
        grains: GrainMap,
        crystal: Lattice,
        pixels: NDArray[np.floating],
        polarity: Literal["bright", "dark"],
        mask: NDArray[np.bool_] | None,
    ) -> Self | None:
        """Take it from grains of which some are of a known crystal; None if there are no such."""
        if len(grains) < 2:
            return None
        matches = [match(crystal, lattice) for lattice in grains.lattices]
        own = [i for i, (_, comparison) in enumerate(matches, start=1) if is_confirmed(comparison)]
        if not own:
            return None
        grains = dataclasses.replace(grains, lattices=tuple(lattice for lattice, _ in matches))
        # The largest comes first.
        comparison = matches[own[0] - 1][1]
        is_known = crystal.pixel_size is not None
        return dataclasses.replace(
            cls._of_grains(grains, pixels, polarity, mask),
            comparison=comparison,
            calibration=str(comparison) if is_known else None,
            pixel_size=_corrected(comparison) if is_known else None,
            strangers=tuple(i for i in range(1, len(grains) + 1) if i not in own),
        )

    @classmethod
    def _of_grains(
        cls,
        grains: GrainMap,
        pixels: NDArray[np.floating],
        polarity: Literal["bright", "dark"],
        mask: NDArray[np.bool_] | None,
    ) -> Self:
        shape = pixels.shape
        field = find_field(
            pixels, grains.lattices[0], core=grains.labels > 0, polarity=polarity, mask=mask
        )
        is_elongated = any(lattice.maxima for lattice in grains.lattices)
        shown = tuple(lattice.resolved() for lattice in grains.lattices)
        grains = dataclasses.replace(grains, lattices=shown)
        counts = tuple(_count(lattice, shape, _CONFIRMED) for lattice in grains.lattices)
        densest = tightest(grains.lattices)
        ranges = np.array([lattice.sigma_range for lattice in grains.lattices])
        return cls(
            count_of_grains(grains, counts),
            densest.distance_sum_threshold(N_NEIGHBORS),
            (float(ranges[:, 0].min()), float(ranges[:, 1].max())),
            judge_of_grains(grains),
            grains.lattices[0],
            field_share=_share(field, mask),
            grains=grains,
            field=field,
            grain_counts=counts,
            is_elongated=is_elongated,
        )

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

    @classmethod
    def _of(
        cls,
        lattice: Lattice,
        count: Count,
        *,
        judge: Lattice | None = None,
        image_lattice: ImageLattice | None = None,
        comparison: LatticeComparison | None = None,
        calibration: str | None = None,
        pixel_size: PixelSize | None = None,
        field: NDArray[np.bool_] | None = None,
        field_share: float = 1.0,
    ) -> Self:
        return cls(
            count,
            lattice.distance_sum_threshold(N_NEIGHBORS),
            lattice.sigma_range,
            lattice if judge is None else judge,
            image_lattice,
            comparison,
            calibration,
            pixel_size,
            field_share,
            field=field,
        )


def _corrected(comparison: LatticeComparison) -> PixelSize:
    """The pixel size that the image tells, or the given one where that is as good."""
    if comparison.is_calibrated:
        return comparison.pixel_size
    # Rounded to the five digits that are printed: what is said and what is used are one number.
    corrected = comparison.corrected_pixel_size
    return PixelSize(float(f"{corrected.value:.5g}"), corrected.unit)


class _Compared(NamedTuple):
    """What an image shows beside a crystal, or why it shows nothing."""

    seen: ImageLattice | None
    comparison: LatticeComparison | None
    unknown: str | None = None
    is_faint: bool = False


def _compared(
    crystal: Lattice,
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
    *,
    faint: bool,
) -> _Compared:
    """Compare a crystal with the lattice of an image."""
    try:
        return _Compared(*match(crystal, _lattice_within(pixels, polarity, mask)))
    except NotOneLatticeError as error:
        unknown = f"not confirmed by the image, which shows {error}"
    weak = _faint_lattice_within(pixels, polarity, mask) if faint else None
    if weak is not None:
        weak, comparison = match(crystal, weak)
        # So few peaks may confirm a crystal, but do not tell that it is another one.
        if is_confirmed(comparison):
            return _Compared(weak, comparison, is_faint=True)
    return _Compared(None, None, unknown)


def _faint_lattice_within(
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
) -> ImageLattice | None:
    """Find a lattice by all its peaks together; None if noise might have as much."""
    try:
        return _lattice_within(pixels, polarity, mask, faint=True)
    except NotOneLatticeError:
        return None


def _lattice_within(
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
    *,
    faint: bool = False,
) -> ImageLattice:
    """Find the lattice within a mask, in the coordinates of the whole image."""
    if mask is None:
        return ImageLattice.from_image(pixels, polarity=polarity, faint=faint)
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    window = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    # A rectangle needs no mask, which would be filled with zeros in the Fourier transform.
    inner = None if mask[window].all() else mask[window]
    seen = ImageLattice.from_image(pixels[window], polarity=polarity, mask=inner, faint=faint)
    row, col = seen.origin
    first_row, first_col = float(rows[0]), float(cols[0])
    return dataclasses.replace(
        seen,
        drift=None if seen.drift is None else seen.drift.moved(first_row, first_col),
        origin=(row + first_row, col + first_col),
        shape=(pixels.shape[0], pixels.shape[1]),
        mask=mask,
    )


def _share(field: NDArray[np.bool_] | None, mask: NDArray[np.bool_] | None) -> float:
    """Share of a field, or of a mask's part of it."""
    if field is None:
        return 1.0
    return float(field.mean() if mask is None else field[mask].mean())


def _count(lattice: Lattice, shape: tuple[int, ...], calibration: float) -> Count:
    """Columns that can be found: those at the edge show a flank only."""
    check_nearest(lattice)
    frame = min(max(1.0, _FRAME * lattice.nearest_distance), min(shape) / 4)
    if isinstance(lattice, ImageLattice):
        count = lattice.expected_count(shape, border=frame, edge_error=frame / 2)
        return count if lattice.mask is None else _with_uncertain_mask(count, lattice, shape, frame)
    count = lattice.expected_count(shape, border=frame, calibration=calibration)
    # The frame's width is uncertain by half of it, on all sides.
    n_rows, n_cols = (size - 2 * frame for size in shape)
    edges = math.hypot(count.edges, count.n * frame * (1 / n_rows + 1 / n_cols))
    return Count(count.n, edges, count.calibration)


def _with_uncertain_mask(
    count: Count, lattice: ImageLattice, shape: tuple[int, ...], frame: float
) -> Count:
    """Add what a mask's edge leaves open.

    Atoms may be taken to be on the other side of it, a pixel away. And where columns tell the mask,
    the outermost of them, which are the weakest, may be noise, or more may follow.
    """
    field = np.asarray(lattice.mask)

    def n_within(mask: NDArray[np.bool_]) -> float:
        return lattice.with_mask(mask).expected_count(shape, border=frame).n if mask.any() else 0.0

    inner, outer = (
        n_within(change(field)) for change in (ndimage.binary_erosion, ndimage.binary_dilation)
    )
    # The image's own edges are no rim.
    padded = np.pad(field, 1, mode="edge")
    away = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
    rim = count.n - n_within(away > lattice.nearest_distance)
    edge = math.hypot((outer - inner) / 2, math.sqrt(_RIM_SHARE * max(rim, 0.0)))
    return Count(count.n, math.hypot(count.edges, edge), count.calibration)
