"""What an image says of a crystal, by itself or by its grains, as an `Expectation`.

The functions here are the ways of its constructors `from_image` and `of_grain`. `kind` is the class
that is made, as the first parameter of a class method is.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image
from logstar.exceptions import NotOneLatticeError
from logstar.lattice import Count, GrainMap, ImageLattice, Lattice, LatticeComparison, find_grains
from logstar.lattice._peaks import Flattened
from logstar.units import PixelSize

from ._choice import N_NEIGHBORS
from ._counting import count_columns
from ._field import find_field
from ._grains import count_of_grains, judge_of_grains, tightest
from ._seen import compare_with_image, faint_lattice_within, lattice_within
from ._slips import check_calibration, is_confirmed, match, scaled

if TYPE_CHECKING:
    from ._expectation import Expectation

E = TypeVar("E", bound="Expectation")

#: Relative standard deviation of a pixel size that the image does not confirm (real files are off
#: by 2 to 8 %), and the least one of a pixel size that it confirms.
UNCONFIRMED, _CONFIRMED = 0.03, 0.002
#: Share by which the numbers of columns per area of two lattices may differ if both have the same
#: columns.
_SAME_DENSITY = 0.02
#: The power of peaks goes with the square of a grain's brightness and area: below this confidence
#: the lattice may be that of a bright or large grain alone. Of three simulated bicrystals that were
#: taken for one crystal it was 0.73, 0.87 and 0.90.
_ALL_EXPLAINED = 0.98


def of_crystal(
    kind: type[E],
    pixels: Image,
    crystal: Lattice,
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
    *,
    force: bool,
    faint: bool,
) -> E:
    """Take it from a crystal, and correct its calibration where the image shows that crystal."""
    shape = pixels.shape
    flattened = _flattened(pixels, polarity)
    compared = compare_with_image(crystal, pixels, polarity, mask, faint=faint, flattened=flattened)
    seen, comparison = compared.seen, compared.comparison
    if comparison is None or not is_confirmed(comparison):
        # The one lattice may be what several grains of the crystal have in common.
        grains = find_grains(pixels, polarity=polarity, mask=mask)
        known = of_known_grains(kind, grains, crystal, pixels, polarity, mask)
        if known is not None:
            return known
        if seen is None and len(grains) > 1 and not force:
            check_calibration(crystal, *match(crystal, grains.lattices[0]))
    if seen is not None and comparison is not None and not force:
        check_calibration(crystal, seen, comparison)
    if seen is None or comparison is None or not comparison.agrees:
        field = find_field(pixels, crystal, polarity=polarity, mask=mask, flattened=flattened)
        crystal = crystal.with_mask(field)
        return of_columns(
            kind,
            crystal,
            count_columns(crystal, shape, UNCONFIRMED),
            image_lattice=seen,
            comparison=comparison,
            calibration=str(comparison) if compared.unknown is None else compared.unknown,
            field=field,
            field_share=_share(field, mask),
        )
    field = find_field(pixels, seen, seen=seen, polarity=polarity, mask=mask, flattened=flattened)
    seen = seen.with_mask(field)
    share = _share(field, mask)
    found = of_confirmed(kind, crystal, seen, comparison, shape, field, share)
    return dataclasses.replace(found, is_faint=compared.is_faint)


def of_known_lattice(
    kind: type[E],
    crystal: Lattice,
    seen: ImageLattice,
    shape: tuple[int, ...],
    mask: NDArray[np.bool_] | None,
    *,
    force: bool,
) -> E:
    """Take it from a crystal and a lattice that was seen in a part of an image."""
    seen, comparison = match(crystal, seen)
    if not force:
        check_calibration(crystal, seen, comparison)
    if comparison.agrees:
        return of_confirmed(kind, crystal, seen, comparison, shape, mask, 1.0)
    crystal = crystal.with_mask(mask)
    count = count_columns(crystal, shape, UNCONFIRMED)
    words = str(comparison)
    return of_columns(
        kind, crystal, count, image_lattice=seen, comparison=comparison, calibration=words
    )


def of_confirmed(
    kind: type[E],
    crystal: Lattice,
    seen: ImageLattice,
    comparison: LatticeComparison,
    shape: tuple[int, ...],
    field: NDArray[np.bool_] | None,
    share: float,
) -> E:
    """Take it from a crystal that agrees with the image's lattice."""
    size = _corrected(comparison)
    is_known = crystal.pixel_size is not None
    crystal = scaled(crystal, size.value / comparison.pixel_size.value).with_mask(seen.mask)
    densities = [len(x.columns) / x.unit_cell_area for x in (seen, crystal)]
    # With the same columns in both, the image also says where each of them is.
    judge = seen if math.isclose(*densities, rel_tol=_SAME_DENSITY) else crystal
    return of_columns(
        kind,
        crystal,
        count_columns(judge, shape, max(comparison.error, _CONFIRMED)),
        judge=judge,
        image_lattice=seen,
        comparison=comparison,
        calibration=str(comparison) if is_known else None,
        pixel_size=size if is_known else None,
        field=field,
        field_share=share,
    )


def of_image_lattice(
    kind: type[E], seen: ImageLattice, shape: tuple[int, ...], mask: NDArray[np.bool_] | None
) -> E:
    """Take it from the lattice of an image that is known already."""
    if seen.shape != shape:
        raise ValueError(
            f"the lattice was seen in an image of {seen.shape} px, and this one has {shape}; "
            "give the crystal, or 'auto'."
        )
    seen = seen.with_mask(mask)
    return of_columns(kind, seen, count_columns(seen, shape, _CONFIRMED), image_lattice=seen)


def of_what_is_seen(
    kind: type[E],
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
    *,
    faint: bool,
) -> E:
    """Take it from the one lattice that an image shows, or from those of its grains."""
    refused, is_faint = None, False
    flattened = _flattened(pixels, polarity)
    try:
        seen = lattice_within(pixels, polarity, mask, flattened=flattened)
    except NotOneLatticeError as error:
        refused = error
    if refused is not None or seen.confidence < _ALL_EXPLAINED:
        grains = find_grains(pixels, polarity=polarity, mask=mask)
        if len(grains) > 1:
            return of_grains(kind, grains, pixels, polarity, mask)
    if refused is not None:
        weak = faint_lattice_within(pixels, polarity, mask, flattened) if faint else None
        if weak is None:
            raise refused
        seen, is_faint = weak, True
    field = find_field(pixels, seen, seen=seen, polarity=polarity, mask=mask, flattened=flattened)
    seen = seen.with_mask(field)
    count = count_columns(seen, pixels.shape, _CONFIRMED)
    share = _share(field, mask)
    found = of_columns(kind, seen, count, image_lattice=seen, field=field, field_share=share)
    return dataclasses.replace(found, is_faint=is_faint)


def of_known_grains(
    kind: type[E],
    grains: GrainMap,
    crystal: Lattice,
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
) -> E | None:
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
        of_grains(kind, grains, pixels, polarity, mask),
        comparison=comparison,
        calibration=str(comparison) if is_known else None,
        pixel_size=_corrected(comparison) if is_known else None,
        strangers=tuple(i for i in range(1, len(grains) + 1) if i not in own),
    )


def of_grains(
    kind: type[E],
    grains: GrainMap,
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
) -> E:
    """Take it from several grains: the sum of their counts, the smallest of their distances."""
    shape = pixels.shape
    field = find_field(
        pixels, grains.lattices[0], core=grains.labels > 0, polarity=polarity, mask=mask
    )
    is_elongated = any(lattice.maxima for lattice in grains.lattices)
    shown = tuple(lattice.resolved() for lattice in grains.lattices)
    grains = dataclasses.replace(grains, lattices=shown)
    counts = tuple(count_columns(lattice, shape, _CONFIRMED) for lattice in grains.lattices)
    densest = tightest(grains.lattices)
    ranges = np.array([lattice.sigma_range for lattice in grains.lattices])
    return kind(
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


def of_columns(
    kind: type[E],
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
) -> E:
    """Take it from a lattice and the number of its columns that the image can show."""
    return kind(
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


def _flattened(pixels: Image, polarity: Literal["bright", "dark"]) -> Flattened:
    """The whole image, which is flattened once: its lattice is asked for, and where that is."""
    return Flattened(pixels if polarity == "bright" else -pixels)


def _share(field: NDArray[np.bool_] | None, mask: NDArray[np.bool_] | None) -> float:
    """Share of a field, or of a mask's part of it."""
    if field is None:
        return 1.0
    return float(field.mean() if mask is None else field[mask].mean())
