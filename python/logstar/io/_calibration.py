"""What a pixel size read from a file can be."""

from __future__ import annotations

import re
import warnings
from typing import NamedTuple

from logstar.units import PIXEL_UNITS, convert_length, unit_name

#: Coarser pixels cannot be a micrograph's: a TIFF's 72 dots per inch are meant for printing.
_COARSEST_PIXEL_NM = 1000.0
#: Nor can finer ones: an atom would fill the image.
_FINEST_PIXEL_NM = 1e-5
#: By how much the sides of a pixel may differ before distances in pixels go wrong.
_SQUARE_TOLERANCE = 0.01
#: Lengths to the power of -1 in the ways of different programs, and angles.
_RECIPROCAL = re.compile(r"1\s*/|\^\s*-\s*1|⁻¹|-1$|rad|deg|°")

PixelSize = tuple[float | None, str | None]


class Calibration(NamedTuple):
    """Height and width of a pixel in `unit`.

    Both are None for an image that is not calibrated, and `unit` if nobody says what it is.
    """

    height: float | None
    width: float | None
    unit: str | None

    @property
    def is_square(self) -> bool:
        if self.height is None or self.width is None:
            return True
        sides = sorted((self.height, self.width))
        return sides[1] / sides[0] - 1 <= _SQUARE_TOLERANCE

    @property
    def side(self) -> float | None:
        """The side of a square pixel.

        Raises
        ------
        ValueError
            If it is not square.
        """
        if not self.is_square:
            raise ValueError(
                f"pixels are not square: {self.height:g} high, {self.width:g} wide; resample=True "
                "makes them so."
            )
        return self.width


UNCALIBRATED = Calibration(None, None, None)


def calibration(sides: tuple[float, float], units: tuple[object, object]) -> Calibration:
    """Make sense of the sizes of a pixel along rows and columns as a file gives them.

    Without a unit numbers are kept and the unit is None. Print resolutions and numbers that
    cannot be a size are no calibration, nor are reciprocal units, which are warned of.
    """
    named = [unit_name(unit) for unit in units]
    blank = [_is_blank(unit) for unit in units]
    if not 0 < min(sides) <= max(sides) < float("inf"):
        return UNCALIBRATED
    if all(blank):
        # Files that were never calibrated hold 1.
        return UNCALIBRATED if max(sides) == min(sides) == 1 else Calibration(*sides, None)
    if None in named:
        unit = str(units[named.index(None)])
        if is_reciprocal(unit):
            warnings.warn(
                f"the pixel size is ignored: {sides[1]:g} {unit} is reciprocal, as of a "
                "diffraction pattern or a Fourier transform.",
                UserWarning,
                stacklevel=3,
            )
        return UNCALIBRATED
    row, col = (convert_length(side, str(n), to="nm") for side, n in zip(sides, named, strict=True))
    if max(row, col) > _COARSEST_PIXEL_NM or min(row, col) < _FINEST_PIXEL_NM:
        return UNCALIBRATED
    unit = str(named[1]) if named[1] in PIXEL_UNITS else "nm"
    if named[0] == named[1] == unit:
        return Calibration(float(sides[0]), float(sides[1]), unit)
    return Calibration(convert_length(row, "nm", to=unit), convert_length(col, "nm", to=unit), unit)


def is_reciprocal(unit: str) -> bool:
    """Tell whether a unit is that of a diffraction pattern: 1/nm, nm^-1, mrad."""
    return _RECIPROCAL.search(unit) is not None


def _is_blank(unit: object) -> bool:
    # The word is HyperSpy's for a unit that nobody gave.
    names = {"", "none", "<undefined>", "px", "pixel", "pixels"}
    return unit is None or str(unit).strip().lower() in names
