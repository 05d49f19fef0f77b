"""What a pixel size read from a file can be."""

from __future__ import annotations

import re
from typing import NamedTuple

from logstar.exceptions import ChoiceNeededError
from logstar.units import (
    PIXEL_UNITS,
    PixelSize,
    convert_length,
    is_no_unit,
    is_square,
    unit_name,
)

#: Coarser pixels cannot be a micrograph's: a TIFF's 72 dots per inch are meant for printing.
_COARSEST_PIXEL_NM = 1000.0
#: Nor can finer ones: an atom would fill the image.
_FINEST_PIXEL_NM = 1e-5
#: Lengths to the power of -1 in the ways of different programs, and angles.
_RECIPROCAL = re.compile(r"1\s*/|\^\s*-\s*1|⁻¹|-1$|rad|deg|°")


class Calibration(NamedTuple):
    """Height and width of a pixel in `unit`.

    Both are None for an image that is not calibrated, and `unit` if nobody says what it is. The
    note says what the file gives that is no pixel size, and why it is none.
    """

    height: float | None = None
    width: float | None = None
    unit: str | None = None
    note: str = ""
    #: Whether the file means its calibration, so that its loss is worth a warning.
    is_lost: bool = False

    @property
    def is_square(self) -> bool:
        if self.height is None or self.width is None:
            return True
        return is_square(self.height, self.width)

    @property
    def pixel_size(self) -> PixelSize | None:
        """The side of a square pixel, None without a unit.

        Raises
        ------
        ValueError
            If it is not square.
        """
        if not self.is_square:
            raise ChoiceNeededError(
                f"pixels are not square: {self.height:g} high, {self.width:g} wide",
                {"resample": True},
                "makes them so",
            )
        if self.height is None or self.unit is None:
            return None
        return PixelSize(self.height, self.unit)


def calibration(sides: tuple[float, float], units: tuple[object, object]) -> Calibration:
    """Make sense of the sizes of a pixel along rows and columns as a file gives them.

    Without a unit numbers are kept and the unit is None. Print resolutions and numbers that
    cannot be a size are no calibration, nor are reciprocal units and those that nobody knows. The
    sign of a side is the direction in which its axis counts; pixels are taken as they are stored.
    """
    sides = (abs(sides[0]), abs(sides[1]))
    named = [unit_name(unit) for unit in units]
    if all(is_no_unit(unit) for unit in units):
        # Files that were never calibrated hold 1.
        if not _is_length(sides) or max(sides) == min(sides) == 1:
            return Calibration()
        size = _text(sides)
        return Calibration(*sides, None, f"the file gives {size} per pixel without a unit.")
    written = [i for i, unit in enumerate(units) if not is_no_unit(unit)]
    if len(written) == 1:
        # One unit stands for both.
        named = [named[written[0]]] * 2
    given = f"{_text(sides)} {str(units[written[0]]).strip()}"
    if None in named:
        if any(is_reciprocal(str(unit)) for unit in units):
            why = "is reciprocal, as of a diffraction pattern or a Fourier transform"
        else:
            why = "has a unit that is no known length"
        return Calibration(note=f"the pixel size is ignored: {given} {why}.", is_lost=True)
    if not _is_length(sides):
        return Calibration(note=f"the pixel size is ignored: {given} is no length.", is_lost=True)
    row, col = (convert_length(side, str(n), to="nm") for side, n in zip(sides, named, strict=True))
    if max(row, col) > _COARSEST_PIXEL_NM or min(row, col) < _FINEST_PIXEL_NM:
        return Calibration(
            note=f"the pixel size is ignored: {given} is too {'large' if row > 1 else 'small'} for "
            "a micrograph of atoms; it may be a resolution for printing."
        )
    unit = str(named[1]) if named[1] in PIXEL_UNITS else "nm"
    if named[0] == named[1] == unit:
        return Calibration(float(sides[0]), float(sides[1]), unit)
    return Calibration(convert_length(row, "nm", to=unit), convert_length(col, "nm", to=unit), unit)


def _is_length(sides: tuple[float, float]) -> bool:
    return 0 < min(sides) <= max(sides) < float("inf")


def _text(sides: tuple[float, float]) -> str:
    return f"{sides[1]:.5g}" if sides[0] == sides[1] else f"{sides[0]:.5g} x {sides[1]:.5g}"


def is_reciprocal(unit: str) -> bool:
    """Tell whether a unit is that of a diffraction pattern: 1/nm, nm^-1, mrad."""
    return _RECIPROCAL.search(unit) is not None
