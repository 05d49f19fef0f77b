"""Chemical elements, and how strongly they scatter."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: HAADF intensity goes with this power of the atomic number (screened Rutherford scattering).
Z_EXPONENT = 1.7
_SYMBOLS = """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br
    Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er
    Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md
    No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
_ATOMIC_NUMBERS: Mapping[str, int] = MappingProxyType(
    {symbol: number for number, symbol in enumerate(_SYMBOLS.split(), start=1)}
)


def is_element(species: str) -> bool:
    """Tell whether there is an element with this chemical symbol."""
    return species in _ATOMIC_NUMBERS


def atomic_number(species: str) -> int:
    """Look up the atomic number of an element by its chemical symbol.

    Raises
    ------
    ValueError
        If there is no such element.

    Examples
    --------
    >>> from logstar.lattice._elements import atomic_number
    >>> atomic_number("Ba")
    56
    """
    number = _ATOMIC_NUMBERS.get(species)
    if number is None:
        raise ValueError(f"species must be a chemical symbol such as 'Ba', got {species!r}.")
    return number
