"""What a pixel size read from a file can be."""

from __future__ import annotations

from logstar._units import PIXEL_UNITS, convert_length, unit_name

#: Coarser pixels cannot be a micrograph's: a TIFF's 72 dots per inch are meant for printing.
_COARSEST_PIXEL_NM = 1000.0
#: By how much the sides of a pixel may differ before distances in pixels go wrong.
_SQUARE_TOLERANCE = 0.01

PixelSize = tuple[float | None, str | None]
UNCALIBRATED: PixelSize = (None, None)


def pixel_size(sides: tuple[float, float], units: tuple[object, object]) -> PixelSize:
    """Make one pixel size of the calibration of rows and columns.

    Without a unit the number is kept and the unit is None. Reciprocal units, print resolutions
    and numbers that cannot be a size are no calibration.

    Raises
    ------
    ValueError
        If pixels are not square.
    """
    named = [unit_name(unit) for unit in units]
    blank = [_is_blank(unit) for unit in units]
    if not 0 < min(sides) <= max(sides) < float("inf"):
        return UNCALIBRATED
    if all(blank):
        # Files that were never calibrated hold 1.
        return UNCALIBRATED if max(sides) == 1 else (_common_side(sides), None)
    if None in named:
        return UNCALIBRATED
    row, col = (convert_length(side, str(n), to="nm") for side, n in zip(sides, named, strict=True))
    if max(row, col) > _COARSEST_PIXEL_NM:
        return UNCALIBRATED
    side = _common_side((row, col))
    unit = str(named[1]) if named[1] in PIXEL_UNITS else "nm"
    return convert_length(side, "nm", to=unit), unit


def _is_blank(unit: object) -> bool:
    # The word is HyperSpy's for a unit that nobody gave.
    return unit is None or str(unit).strip().lower() in {"", "none", "<undefined>", "px", "pixel"}


def _common_side(sides: tuple[float, float]) -> float:
    if max(sides) / min(sides) - 1 > _SQUARE_TOLERANCE:
        raise ValueError(
            f"pixels are not square: {sides[0]:g} high, {sides[1]:g} wide; resample the image to "
            "square ones."
        )
    return float(sides[1])
