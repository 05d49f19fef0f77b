"""Units of length in the spellings that people and files use."""

from __future__ import annotations

import math
import re
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

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
_LENGTH = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*(\D\S*(?: per \w+)?)?")
#: A unit of pixel sizes may say that it is one: "nm/px", as they are printed here.
_PER_PIXEL = re.compile(r"\s*(?:/|\bper\b)\s*(?:px|pixels?)$", re.IGNORECASE)
#: Pixels whose sides differ by more than this share are not square. Across an image of 4,000
#: pixels the two directions then disagree by 4 pixels, about a third of a distance between atoms.
_SQUARE = 1e-3
#: Steps of an axis that differ by no more than this share are even.
_EVEN = 1e-3


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
        The length in the unit `to`.

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
    """Find the name that a unit of length has here.

    Parameters
    ----------
    unit : object
        A spelling that people or files use; other objects are taken by their text.

    Returns
    -------
    name : {"A", "nm", "pm", "um", "mm", "cm", "inch", "m"} or None
        None for anything else: reciprocal units, seconds, pixels.

    Examples
    --------
    >>> from logstar.units import unit_name
    >>> unit_name("Ångström"), unit_name("1/nm")
    ('A', None)
    """
    # NFKC folds the sign for angstrom into the letter, the micro sign into mu. ImageJ escapes both.
    text = str(unit).replace("\\u00B5", "µ").replace("\\u00C5", "Å")
    # Files pad with NUL; the EMD format of Berkeley writes [n_m].
    text = unicodedata.normalize("NFKC", text).partition("\0")[0].strip()
    if text[:1] + text[-1:] in {"[]", "()"}:
        text = text[1:-1].strip()
    text = _PER_PIXEL.sub("", text.replace("_", ""))
    if text in _METERS:
        return text
    text = text.lower().replace("metre", "meter")
    if text in _METERS:
        return text
    return _SPELLINGS.get(text) or _SPELLINGS.get(text.removesuffix("s"))


def is_no_unit(unit: object) -> bool:
    """Tell whether a text for a unit says that there is none.

    Parameters
    ----------
    unit : object
        What a file or an object gives for a unit.

    Returns
    -------
    is_no_unit : bool
        Whether it is None, empty, or says pixels or nothing.

    Examples
    --------
    >>> from logstar.units import is_no_unit
    >>> is_no_unit("px"), is_no_unit("1/nm")
    (True, False)
    """
    # "<undefined>" is HyperSpy's word for it.
    names = {"", "none", "<undefined>", "px", "pixel", "pixels"}
    return unit is None or str(unit).partition("\0")[0].strip().lower() in names


def normalize_unit(unit: str) -> str:
    """Give the spelling that is used here for a unit of a pixel size.

    Parameters
    ----------
    unit : str
        Angstrom ("A", "Å", "angstrom"), nanometre ("nm") or picometre ("pm"), in any case.

    Returns
    -------
    unit : {"A", "nm", "pm"}
        Its one spelling here.

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
        if isinstance(pixel_size, (Sequence, np.ndarray)) and not isinstance(pixel_size, str):
            return cls._of_sides(pixel_size, unit)
        value, name = parse_length(pixel_size, unit, name="pixel_size")
        if name not in PIXEL_UNITS:
            value, name = convert_length(value, name, to="nm"), "nm"
        return cls(value, name)

    @classmethod
    def _of_sides(cls, sides: Sequence[object] | np.ndarray, unit: str | None) -> Self:
        if len(sides) != 2:
            raise ValueError(f"pixel_size must be one length, or height and width, got {sides!r}.")
        height, width = (cls.of(side, unit) for side in sides)
        if not is_square(height.value, width.to(height.unit).value):
            side = math.sqrt(height.value * width.to(height.unit).value)
            raise ValueError(
                f"pixels must be square, got pixel_size={tuple(sides)!r} (height, width); resample "
                f"the image first, to {side:.6g} {height.unit} both ways."
            )
        return height

    def to(self, unit: str) -> Self:
        """Give the same size in another unit.

        Parameters
        ----------
        unit : {"A", "nm", "pm"}
            The unit.

        Returns
        -------
        pixel_size : PixelSize
            The same length.
        """
        return type(self)(convert_length(self.value, self.unit, to=unit), unit)

    def __repr__(self) -> str:
        return f"PixelSize({self.value!r}, {self.unit!r})"

    def __str__(self) -> str:
        return f"{self.value:.5g} {self.unit}/px"


def is_square(height: float, width: float) -> bool:
    """Tell whether a pixel counts as square: its sides are equal within 0.1 %.

    Parameters
    ----------
    height, width : float
        Its sides, above 0, in a common unit.

    Returns
    -------
    is_square : bool
        Whether one length stands for both sides.

    Examples
    --------
    >>> from logstar.units import is_square
    >>> is_square(0.2, 0.2001), is_square(0.2, 0.21)
    (True, False)
    """
    return max(height, width) <= min(height, width) * (1 + _SQUARE)


def parse_length(length: object, unit: str | None = None, *, name: str) -> tuple[float, str]:
    """Read a length as people give it.

    Parameters
    ----------
    length : float or str
        A number in `unit`, or a text with its own unit such as "0.2966 A" or "29.66pm".
    unit : str, default=None
        Unit of a number, or of a text without one. None is "A" for a number, and refuses the text.
    name : str
        What the caller calls the length; stands in the error.

    Returns
    -------
    value : float
        Above 0.
    unit : str
        Our name for the unit, any of `convert_length`.

    Raises
    ------
    TypeError
        If there is none, or it is neither number nor text.
    ValueError
        For a text without number or unit, an unknown unit, or a length that is not above 0.

    Examples
    --------
    >>> from logstar.units import parse_length
    >>> parse_length("0.02966 nm", name="pixel_size")
    (0.02966, 'nm')
    """
    if length is None:
        raise TypeError(
            f"{name} is missing; give it with its unit, such as '0.2 A', or a number in angstrom."
        )
    if isinstance(length, str):
        match = _LENGTH.fullmatch(length.strip())
        if match is None:
            raise ValueError(f"{name} must be a number with a unit like '0.2 A', got {length!r}.")
        value, unit = float(match[1]), match[2] or unit
        if unit is None:
            raise ValueError(f"{name}={length!r} has no unit; write it like '{length.strip()} A'.")
    else:
        value, unit = check_real(length, name=name), "A" if unit is None else unit
    value = check_real(value, name=name, low=0, low_included=False)
    known = unit_name(unit)
    if known is None:
        raise ValueError(f"unit of {name} must be one of {', '.join(_METERS)}, got {unit!r}.")
    return value, known


def pixel_size_of(image: object) -> PixelSize | None:
    """Read the pixel size that an image carries.

    Parameters
    ----------
    image : object
        An image as the package's own `Micrograph` (anything with an attribute `pixel_size`), a
        HyperSpy signal or an xarray DataArray holds it. An array carries nothing.

    Returns
    -------
    pixel_size : PixelSize or None
        None if it carries none, or none in a unit of length.

    Raises
    ------
    ValueError
        If its pixels are not square.

    Warns
    -----
    UserWarning
        If it carries one that is no length, as that of a diffraction pattern, or whose steps are
        not even.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.units import pixel_size_of
    >>> pixel_size_of(np.eye(4)) is None
    True
    """
    if hasattr(image, "pixel_size"):
        return image.pixel_size if isinstance(image.pixel_size, PixelSize) else None
    if hasattr(image, "axes_manager"):
        # HyperSpy: the last two axes of the array are the rows and the columns of an image.
        axes = sorted(
            (*image.axes_manager.navigation_axes, *image.axes_manager.signal_axes),
            key=lambda axis: axis.index_in_array,
        )
        sides = [_side(axis) for axis in axes[-2:]]
    elif hasattr(image, "dims") and hasattr(image, "coords"):
        sides = [_step(image.coords.get(name)) for name in image.dims[-2:]]
    else:
        return None
    units = [unit for _, unit in sides if not is_no_unit(unit)]
    if not units:
        return None
    # One unit stands for both, as in files.
    sides = [(side, units[0] if is_no_unit(unit) else unit) for side, unit in sides]
    if any(side is None or unit_name(unit) is None for side, unit in sides):
        given = " x ".join(f"{'?' if side is None else side} {unit}" for side, unit in sides)
        warnings.warn(f"the pixel size is ignored: {given} is no length.", stacklevel=3)
        return None
    return PixelSize.of([f"{side!r} {unit_name(unit)}" for side, unit in sides])


def _side(axis: Any) -> tuple[float | None, object]:
    """Step of an axis of HyperSpy, None if it is uneven, and its unit."""
    if hasattr(axis, "scale"):
        return _length_of(float(axis.scale)), axis.units
    return _even_step(axis.axis), axis.units


def _step(coordinate: Any) -> tuple[float | None, object]:
    """Step of an axis of an xarray, None if there is no even one, and its unit."""
    if coordinate is None or coordinate.dtype.kind not in "iuf":
        return None, None
    return _even_step(coordinate), coordinate.attrs.get("units")


def _even_step(places: Any) -> float | None:
    places = np.asarray(places, dtype=np.float64)
    steps = np.diff(places)
    if len(steps) == 0 or not np.allclose(steps, steps[0], rtol=_EVEN, atol=0):
        return None
    # 12 digits drop the rounding of the subtraction.
    return _length_of(float(f"{(places[-1] - places[0]) / len(steps):.12g}"))


def _length_of(step: float) -> float | None:
    """Length of a step, None if it has none; an axis that counts backwards has negative steps."""
    return abs(step) if 0 < abs(step) < math.inf else None
