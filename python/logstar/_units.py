"""Units of length in the spellings that people and files use."""

from __future__ import annotations

import unicodedata

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
    >>> from logstar.io import convert_length
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
    text = unicodedata.normalize("NFKC", text).strip()
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
    >>> from logstar.lattice import normalize_unit
    >>> normalize_unit("Angstrom")
    'A'
    """
    if not isinstance(unit, str):
        raise TypeError(f"unit must be a text, got {unit!r} ({type(unit).__name__}).")
    name = unit_name(unit)
    if name not in PIXEL_UNITS:
        raise ValueError(f'unit must be "A" ("Å", "angstrom"), "nm" or "pm", got {unit!r}.')
    return name
