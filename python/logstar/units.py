"""Units of length in the spellings that people and files use."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ._validation import check_real

_METERS = {
    "A": 1e-10,
    "nm": 1e-9,
    "pm": 1e-12,
    "um": 1e-6,
    "mm": 1e-3,
    "cm": 1e-2,
    "inch": 0.0254,
    "m": 1.0,
}
_SPELLINGS = {
    "a": "A",
    "å": "A",
    "ang": "A",
    "angstrom": "A",
    "ångström": "A",
    "angström": "A",
    "ångstrom": "A",
    "angstroem": "A",
    "aangstroem": "A",
    "nanometer": "nm",
    "picometer": "pm",
    "μm": "um",
    "micron": "um",
    "micrometer": "um",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
}
#: Units that fit pixels of atomically resolved images.
PIXEL_UNITS = ("A", "nm", "pm")
#: The unit of lengths in an image whose pixel size is unknown.
PIXELS = "px"
_LENGTH = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*(\D\S*)?")
#: Pixels whose sides differ by more than this share are not square. Across an image of 4,000
#: pixels the two directions then disagree by 4 pixels, about a third of a distance between atoms.
_SQUARE = 1e-3


def convert_length(value: float, unit: str, to: str) -> float:
    """Convert a length between units.

    Parameters
    ----------
    value : float
        The length.
    unit, to : str
        Units: A (also Å, angstrom), nm, pm, um (µm), mm, cm, inch or m.

    Returns
    -------
    converted : float

    Raises
    ------
    ValueError
        For an unknown unit.

    Examples
    --------
    >>> from logstar.units import convert_length
    >>> convert_length(0.02966, "nm", to="Å")
    0.2966
    """
    names = [unit_name(name) for name in (unit, to)]
    if None in names:
        unknown = (unit, to)[names.index(None)]
        raise ValueError(f"unknown unit {unknown!r}; known are {', '.join(_METERS)}.")
    if names[0] == names[1]:
        return float(value)
    # 12 digits drop the rounding of the factors: 0.02966 nm is 0.2966 A, not 0.29660000000000003.
    return float(f"{value * _METERS[str(names[0])] / _METERS[str(names[1])]:.12g}")


def unit_name(unit: object) -> str | None:
    """Our name for a unit of length, None for anything else (reciprocal units, seconds, ...)."""
    # NFKC folds the sign for angstrom into the letter, the micro sign into mu. ImageJ escapes both.
    text = str(unit).replace("\\u00B5", "µ").replace("\\u00C5", "Å")
    # Files pad with NUL; the EMD format of Berkeley writes [n_m].
    text = unicodedata.normalize("NFKC", text).partition("\0")[0].strip()
    if text[:1] + text[-1:] in {"[]", "()"}:
        text = text[1:-1].strip()
    text = text.replace("_", "")
    if text in _METERS:
        return text
    text = text.lower().replace("metre", "meter")
    if text in _METERS:
        return text
    return _SPELLINGS.get(text) or _SPELLINGS.get(text.removesuffix("s"))


def normalize_unit(unit: str) -> str:
    """Give the one spelling of a unit of length that is used here.

    Parameters
    ----------
    unit : str
        Angstrom ("A", "Å", "angstrom"), nanometre ("nm") or picometre ("pm"), in any case.

    Returns
    -------
    unit : {"A", "nm", "pm"}

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        For any other unit.

    Examples
    --------
    >>> from logstar.units import normalize_unit
    >>> normalize_unit("Angstrom")
    'A'
    """
    if not isinstance(unit, str):
        raise TypeError(f"unit must be a text, got {unit!r} ({type(unit).__name__}).")
    name = unit_name(unit)
    if name not in PIXEL_UNITS:
        raise ValueError(f'unit must be "A" ("Å", "angstrom"), "nm" or "pm", got {unit!r}.')
    return name


@dataclass(frozen=True)
class PixelSize:
    """Side of a square pixel with its unit.

    Parameters
    ----------
    value : float
        The side in `unit`, above 0.
    unit : str, default="A"
        Angstrom ("A", "Å", "angstrom"), nanometre ("nm") or picometre ("pm").

    Raises
    ------
    TypeError, ValueError
        For a side that is not above 0 and finite, or another unit.

    Examples
    --------
    >>> from logstar.units import PixelSize
    >>> size = PixelSize.of("0.02966 nm")
    >>> size.to("A")
    PixelSize(0.2966, 'A')
    >>> print(size)
    0.02966 nm/px
    """

    value: float
    unit: str = "A"

    def __post_init__(self) -> None:
        value = check_real(self.value, name="pixel_size", low=0, low_included=False)
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "unit", normalize_unit(self.unit))

    @classmethod
    def of(cls, pixel_size: object, unit: str | None = None) -> Self:
        """Read the size of a pixel as people and files give it.

        Parameters
        ----------
        pixel_size : PixelSize, float, str, or two of such
            A number in `unit`, or a text with its own unit such as "0.2966 A" or "29.66pm". Two
            are the height and the width of a pixel, which must agree.
        unit : str, default=None
            Unit of a number; any of `convert_length`. None is "A".

        Returns
        -------
        pixel_size : PixelSize
            Larger units than nanometres are converted to these.

        Raises
        ------
        TypeError
            If there is none, or it is neither number nor text.
        ValueError
            For a text without number or unit, an unknown unit, or pixels that are not square.
        """
        if isinstance(pixel_size, PixelSize):
            return cls(pixel_size.value, pixel_size.unit)
        return cls(*as_pixel_size(pixel_size, unit))

    def to(self, unit: str) -> Self:
        """Give the same size in another unit.

        Parameters
        ----------
        unit : {"A", "nm", "pm"}
            The unit.

        Returns
        -------
        pixel_size : PixelSize
        """
        return type(self)(convert_length(self.value, self.unit, to=unit), unit)

    def __repr__(self) -> str:
        return f"PixelSize({self.value!r}, {self.unit!r})"

    def __str__(self) -> str:
        return f"{self.value:.5g} {self.unit}/px"


def as_pixel_size(pixel_size: object, unit: str | None = None) -> tuple[float, str]:
    """Read the size of a pixel as people and files give it.

    Parameters
    ----------
    pixel_size : float, str, or two of such
        A number in `unit`, or a text with its own unit such as "0.2966 A" or "29.66pm". Two are
        the height and the width of a pixel, which must agree.
    unit : str, default=None
        Unit of a number; any of `convert_length`. None is "A".

    Returns
    -------
    pixel_size : float
        Above 0.
    unit : {"A", "nm", "pm"}
        Larger units are converted to nm.

    Raises
    ------
    TypeError
        If there is none, or it is neither number nor text.
    ValueError
        For a text without number or unit, an unknown unit, or pixels that are not square.

    Examples
    --------
    >>> from logstar.units import as_pixel_size
    >>> as_pixel_size("0.02966 nm")
    (0.02966, 'nm')
    >>> as_pixel_size(2.966e-11, "m")
    (0.02966, 'nm')
    """
    if isinstance(pixel_size, (Sequence, np.ndarray)) and not isinstance(pixel_size, str):
        return _side_of_square(pixel_size, unit)
    if pixel_size is None:
        raise TypeError(
            "pixel_size is missing; give it with its unit, such as '0.2 A', or 0.02 and unit='nm'."
        )
    if isinstance(pixel_size, str):
        match = _LENGTH.fullmatch(pixel_size.strip())
        if match is None:
            raise ValueError(
                f"pixel_size must be a number with a unit like '0.2 A', got {pixel_size!r}."
            )
        value, unit = float(match[1]), match[2] or unit
        if unit is None:
            raise ValueError(f"pixel_size={pixel_size!r} has no unit; write it like '0.2 A'.")
    else:
        value, unit = check_real(pixel_size, name="pixel_size"), unit or "A"
    value = check_real(value, name="pixel_size", low=0, low_included=False)
    name = unit_name(unit)
    if name is None:
        raise ValueError(f"unit of pixel_size must be one of {', '.join(_METERS)}, got {unit!r}.")
    if name in PIXEL_UNITS:
        return value, name
    return convert_length(value, name, to="nm"), "nm"


def is_square(height: float, width: float) -> bool:
    """Tell whether a pixel counts as square: its sides are equal within 0.1 %.

    Parameters
    ----------
    height, width : float
        Its sides, above 0, in a common unit.

    Returns
    -------
    is_square : bool
    """
    return max(height, width) <= min(height, width) * (1 + _SQUARE)


def _side_of_square(sides: Sequence[object] | np.ndarray, unit: str | None) -> tuple[float, str]:
    if len(sides) != 2:
        raise ValueError(f"pixel_size must be one length, or height and width, got {sides!r}.")
    (height, unit_of_height), (width, unit_of_width) = (as_pixel_size(x, unit) for x in sides)
    width = convert_length(width, unit_of_width, to=unit_of_height)
    if not is_square(height, width):
        raise ValueError(
            f"pixels must be square, got pixel_size={tuple(sides)!r} (height, width); resample the "
            f"image first, to {math.sqrt(height * width):.6g} {unit_of_height} both ways."
        )
    return height, unit_of_height
