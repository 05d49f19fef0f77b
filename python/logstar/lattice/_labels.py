"""Which element an atom of a CIF is."""

from __future__ import annotations

import re
from collections.abc import Collection

from ._elements import is_element

#: Deuterium and tritium scatter as hydrogen does.
_ISOTOPES = {"D": "H", "T": "H"}
#: An element with its charge or valence: "Ba2+", "O2-", "Fe(III)", "Ti+4".
_TYPE = re.compile(r"([A-Za-z]{1,2})(?:[0-9.]*[+-]?|[+-][0-9.]+|\(.*\))")
#: Groups of atoms that stand as one site; the hydrogen is not seen beside the oxygen.
_GROUPS = {"oh": "O", "h2o": "O", "wat": "O", "water": "O"}


def element_of_symbol(symbol: str) -> str | None:
    """Read an element from a type symbol such as "Ba2+" or "OH"; None if it is none."""
    text = symbol.strip()
    group = _GROUPS.get(text.rstrip("0123456789+-").lower())
    if group is not None:
        return group
    match = _TYPE.fullmatch(text)
    name = "" if match is None else match[1].capitalize()
    name = _ISOTOPES.get(name, name)
    return name if is_element(name) else None


def element_of_label(label: str, formula: Collection[str] = ()) -> str:
    """Guess an element from an atom's label, where its file states no type symbol.

    Parameters
    ----------
    label : str
        Such as "Ba1", "SiT1", "OA1", "Oh1", "Wat1" or "KM".
    formula : collection of str, default=()
        Elements of the chemical formula, if the file states one: of several elements that the
        label may mean, those of the formula are possible.

    Returns
    -------
    element : str
        Chemical symbol.

    Raises
    ------
    ValueError
        If the label is that of no element, or may be that of several, such as "HO1".

    Examples
    --------
    >>> from logstar.lattice._labels import element_of_label
    >>> element_of_label("OA1"), element_of_label("Wat1"), element_of_label("CO1", ["Co", "O"])
    ('O', 'O', 'Co')
    """
    match = re.match(r"[A-Za-z]+", label.strip())
    letters = "" if match is None else match[0]
    if letters.lower() in _GROUPS:
        return _GROUPS[letters.lower()]
    if is_element(letters[:2]) and (not formula or letters[:2] in formula):
        # Written as a symbol is: "Ba", "SiT", "O".
        return letters[:2]
    possible = _possible(letters)
    stated = [element for element in possible if element in formula]
    if formula and (stated or letters not in possible):
        possible = stated
    if len(possible) == 1:
        return possible[0]
    if possible:
        raise ValueError(
            f"atom {label!r} may be {' or '.join(possible)}; state which by _atom_site_type_symbol"
        )
    hint = f" of the formula, {' '.join(sorted(formula))}" if formula else ""
    raise ValueError(f"atom {label!r} is no element{hint}; state it by _atom_site_type_symbol")


def _possible(letters: str) -> list[str]:
    """Elements that the letters at the start of a label may mean."""
    two, one = letters[:2].capitalize(), letters[:1].upper()
    if two == "Ho":
        # Hydroxyl: its hydrogen, or its oxygen.
        return ["H", "O", "Ho"]
    possible = [two] if len(letters) > 1 and is_element(two) else []
    if one == "D":
        possible.append("H")
    elif is_element(one):
        possible.append(one)
    return possible
