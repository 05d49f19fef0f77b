"""Slips that are told before anything is tuned: wrong units, wrong crystals, impossible numbers."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from logstar.exceptions import CalibrationError
from logstar.lattice import ImageLattice, Lattice, LatticeComparison
from logstar.units import PixelSize

#: Least distance in pixels at which atoms are told apart. A count that implies a smaller one is a
#: slip, and would keep a search busy for minutes.
_CLOSEST = 3.0
#: Greatest relative error of a file's calibration that is taken for one; those of real files are
#: off by 2 to 8 %.
_LARGEST_ERROR = 0.15
#: Least confidence of an image's lattice that is certain enough to refuse a crystal for: real
#: crystals have 0.97 and more, sheared or disordered ones included.
_CERTAIN = 0.9
#: Where the error of the image's cell adds up to more than this over the image, in pixels, noise is
#: so strong that it may hide what makes a cell a multiple of another: 0.2 to 0.23 at noise 0.3 of
#: the range, where the threefold cell of YBa2Cu3O7 shows; 0.38 to 0.54 at noise 0.6, where in some
#: images it does not.
_HIDING = 0.3
#: Ratios of areas, the image's cell over the crystal's, that are tried when the two are compared:
#: one cell may hold several of the other.
_CELL_RATIOS = (1.0, 2.0, 3.0, 4.0, 1 / 2, 1 / 3, 1 / 4)
#: Penalties in the search for a pixel size that fits, which are added to the distortion: the first
#: times the logarithm of the ratio of cells, the second times that of the share of columns that the
#: image shows. A cell of equal size whose columns all show is likeliest.
_RATIO_COST, _HIDDEN_COST = 0.1, 0.2
#: A pixel size at which the crystal must be stretched or sheared more than this (relatively, or in
#: radians) is suggested only if it differs by a power of ten, as units do; else it is a chance
#: likeness of two crystals.
_UNDISTORTED = 0.05


def compare(crystal: Lattice, seen: ImageLattice) -> LatticeComparison:
    """Compare a crystal with the lattice of an image; without a pixel size, 1 px counts as 1 A."""
    if crystal.pixel_size is None:
        crystal = dataclasses.replace(crystal, pixel_size=PixelSize(1.0, "A"))
    return crystal.compare(seen)


def match(crystal: Lattice, seen: ImageLattice) -> tuple[ImageLattice, LatticeComparison]:
    """Compare a crystal with what an image shows, with hidden columns if the crystal has them."""
    comparison = compare(crystal, seen)
    if seen.maxima and not comparison.agrees:
        shown = seen.resolved()
        again = compare(crystal, shown)
        if again.agrees:
            return shown, again
    return seen, comparison


def is_confirmed(comparison: LatticeComparison) -> bool:
    """Tell whether an image shows a crystal, within what a calibration can be wrong."""
    is_close = abs(math.log1p(comparison.pixel_size_error)) <= math.log1p(_LARGEST_ERROR)
    return comparison.agrees and is_close


def scaled(crystal: Lattice, factor: float) -> Lattice:
    """The crystal at a pixel size that is larger by a factor."""
    if crystal.pixel_size is None:
        return dataclasses.replace(crystal, a=crystal.a / factor, b=crystal.b / factor)
    size = crystal.pixel_size
    return crystal.with_pixel_size(PixelSize(size.value * factor, size.unit))


def check_spacing(n_expected: float, n_pixels: float) -> None:
    """Refuse an expected number of atoms that would be too close to be told apart.

    Raises
    ------
    ValueError
        With the largest number that can be.
    """
    most = n_pixels / _CLOSEST**2
    if n_expected > most:
        raise ValueError(
            f"{n_expected:g} atoms in {n_pixels:.0f} px cannot be told apart, they would be "
            f"{math.sqrt(n_pixels / n_expected):.2g} px from one another; at {_CLOSEST:g} px it "
            f"can be {most:.0f} at most."
        )


def check_nearest(lattice: Lattice) -> None:
    """Refuse a lattice whose columns are too close to be told apart.

    Raises
    ------
    ValueError
        Saying which number to look at.
    """
    nearest = lattice.nearest_distance
    size = "" if lattice.pixel_size is None else f" at {lattice.pixel_size}"
    if nearest < _CLOSEST:
        raise ValueError(
            f"the atoms of the lattice are {nearest:.2g} px from one another, and cannot be told "
            f"apart below {_CLOSEST:g} px. Check the cell of {lattice.a:g} x {lattice.b:g} "
            f"{lattice.unit}{size}: is the unit right, is it per pixel?"
        )


def check_calibration(crystal: Lattice, seen: ImageLattice, comparison: LatticeComparison) -> None:
    """Refuse a crystal that the image contradicts beyond what a calibration can be wrong.

    Parameters
    ----------
    crystal : Lattice
        The crystal at the pixel size that was given.
    seen : ImageLattice
        The image's own lattice.
    comparison : LatticeComparison
        Of the two.

    Raises
    ------
    CalibrationError
        If both are certain and differ. What may be a part of the crystal, seen through strong
        noise, does not.
    """
    if is_confirmed(comparison) or seen.confidence < _CERTAIN:
        return
    shows = _what_both_are(crystal, seen)
    if _has_equal_cell(comparison):
        raise CalibrationError(
            f"{shows}. The cells are equal, and of {len(crystal.columns)} columns the image shows "
            f"{len(seen.columns)}. Check that polarity is right, and that visible has only columns "
            "that show. force=True goes on all the same."
        )
    factor = _fitting_factor(crystal, seen)
    if factor is not None:
        raise CalibrationError(
            f"{shows}. {_what_would_fit(crystal, factor)} force=True goes on all the same.",
            factor,
        )
    if seen.vector_error * min(seen.shape) > _HIDING:
        return
    raise CalibrationError(
        f"{shows}, and no pixel size makes one of the other: is it another crystal, or seen along "
        "another zone axis? lattice='auto' takes the image's own, force=True goes on all the same.",
    )


def _has_equal_cell(comparison: LatticeComparison) -> bool:
    """Tell whether an image has the cell of a crystal, at the pixel size that was given."""
    return (
        comparison.cell_ratio == 1
        and abs(comparison.pixel_size_error) <= _UNDISTORTED
        and _distortion_of(comparison) <= _UNDISTORTED
    )


def _distortion_of(comparison: LatticeComparison) -> float:
    return math.hypot(math.log1p(comparison.stretch), math.radians(comparison.shear))


def _what_both_are(crystal: Lattice, seen: ImageLattice) -> str:
    edges = np.linalg.norm(seen.vectors, axis=1).tolist()
    words = f"the image's lattice is {edges[0]:.1f} x {edges[1]:.1f} px, {seen.angle:.0f} degrees"
    size = crystal.pixel_size
    if size is not None:
        lengths = " x ".join(f"{edge * size.value:.3g}" for edge in edges)
        words += f", at {size} {lengths} {size.unit}"
    return (
        f"{words}; the crystal's is {crystal.a:.4g} x {crystal.b:.4g} {crystal.unit}, "
        f"{crystal.angle:.0f} degrees"
    )


def _fitting_factor(crystal: Lattice, seen: ImageLattice) -> float | None:
    """By what to multiply the pixel size so that image and crystal agree; None if nothing helps."""
    best: tuple[float, float] | None = None
    for ratio in _CELL_RATIOS:
        factor = math.sqrt(ratio * crystal.unit_cell_area / seen.unit_cell_area)
        found = compare(scaled(crystal, factor), seen)
        distortion = _distortion_of(found)
        factor /= 1 + found.pixel_size_error
        if not found.agrees or (distortion > _UNDISTORTED and _power_of_ten(factor) is None):
            continue
        cost = distortion + _RATIO_COST * abs(math.log(ratio))
        cost -= _HIDDEN_COST * math.log(found.seen_share)
        if best is None or cost < best[0]:
            best = cost, factor
    return None if best is None else best[1]


def _power_of_ten(factor: float) -> float | None:
    """The power of ten that a factor is meant to be, None if it is none."""
    power = 10.0 ** round(math.log10(factor))
    is_close = abs(math.log(factor / power)) < math.log1p(_LARGEST_ERROR)
    return power if power != 1 and is_close else None


def _what_would_fit(crystal: Lattice, factor: float) -> str:
    if crystal.pixel_size is None:
        return f"The cell would have to be {1 / factor:.3g} times as large."
    nice = _power_of_ten(factor) or factor
    size = PixelSize(float(f"{crystal.pixel_size.value * nice:.3g}"), crystal.unit)
    edges = " x ".join(f"{edge / nice:.4g}" for edge in (crystal.a, crystal.b))
    return (
        f"The pixel size or the crystal is off by a factor of {max(nice, 1 / nice):.3g}; did you "
        f"mean {size}, or a crystal of {edges} {crystal.unit}?"
    )
