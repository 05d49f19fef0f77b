"""Crystal structures from CIF files."""

from __future__ import annotations

import codecs
import math
import os
import re
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from logstar._validation import FloatArray

from ._expansion import MOST_OCCUPANCY, Operations, Site, crowded, expand
from ._labels import element_of_label, element_of_symbol
from ._symmetry import Setting, StatedSymmetry, Verdict, choose_by_atoms, possible_settings

#: Numbers of atoms may differ from the formula by this share, since formulas are rounded.
_SAME_FORMULA = 0.05
#: Two atoms nearer than this share of the sum of their covalent radii are impossible.
_SHORTEST_BOND = 0.7
#: Atoms nearer than this share are told of, where nothing has to be chosen. N2 has 0.77.
_NO_BOND = 0.5
#: Atoms nearer to a site than this, in angstrom, are the site itself, moved onto its element.
_ITSELF = 0.1
#: A tag of the newer dictionaries, such as _space_group.IT_number.
_DOTTED = re.compile(r"^([ \t]*_\w+)\.(?=\w)", re.MULTILINE)
_OPERATION_TAGS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_NAME_TAGS = (
    "_space_group_name_H-M_alt",
    "_space_group_name_H-M_full",
    "_space_group_name_H-M_ref",
    "_symmetry_space_group_name_H-M",
)
_HALL_TAGS = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall")
_NUMBER_TAGS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
_CODE_TAGS = ("_space_group_IT_coordinate_system_code",)


class _Asymmetric(NamedTuple):
    """The atoms that a file lists, with what it says about how many there are in a cell."""

    sites: list[Site]
    multiplicities: list[int | None]
    formula: dict[str, float]
    n_formulas: int | None


class _Bond(NamedTuple):
    """Two atoms: their distance by the sum of covalent radii, in angstrom, and their labels."""

    share: float
    distance: float
    one: str
    other: str


def read_cif(path: str | os.PathLike[str]) -> tuple[FloatArray, list[Site]]:
    """Read the unit cell and all of its atoms.

    Parameters
    ----------
    path : path-like
        The CIF; its first block that holds atoms.

    Returns
    -------
    cell : ndarray of shape (3, 3)
        Edges as rows (x, y, z), in angstrom.
    sites : list of Site
        Every atom of the cell, by the symmetry that the file states.

    Raises
    ------
    ImportError
        Without the extra ``crystal``.
    FileNotFoundError
        If there is no such file.
    OSError
        If it is no CIF.
    ValueError
        If it holds no cell or no atom, an atom is no element, or there are more atoms at a place
        than can be; if the symmetry does not fit the cell, or is not known.

    Warns
    -----
    UserWarning
        If the file states no symmetry (then its atoms are taken for all of the cell), states it
        incompletely, or in ways that contradict one another; if atoms that are there together are
        nearer to one another than half a bond.
    """
    try:
        gemmi: Any = import_module("gemmi")
    except ImportError as error:
        raise ImportError('CIF files are read by gemmi: pip install "logstar[crystal]".') from error
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'a directory' if path.is_dir() else 'no such file'}.")
    try:
        # Some programs put a byte-order mark first, or write a tag twice.
        document = gemmi.cif.read_string(_decoded(path.read_bytes()), check_level=0)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise OSError(f"{path} is no CIF, or broken: {reason}") from error
    block = next((b for b in document if len(b.find_values("_atom_site_fract_x"))), None)
    if block is None:
        raise ValueError(f"{path} holds no atoms (_atom_site_fract_x and so on).")
    try:
        cell = _cell_of(block, gemmi)
        asymmetric = _asymmetric_unit(block)
        setting, notes = _setting(block, cell, asymmetric)
        atoms = expand(cell, setting.operations, asymmetric.sites)
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from error
    for note in notes:
        warnings.warn(f"{path} {note}", stacklevel=4)
    crowd = crowded(cell, atoms)
    if crowd is not None:
        labels, atom, total = crowd
        raise ValueError(
            f"{path}: the atoms {', '.join(labels)} at {atom.place} have occupancies of "
            f"{total:.3g} together; at most 1 can be."
        )
    bond, distance, one, other = _shortest_bond(cell, asymmetric.sites, atoms)
    if bond < _NO_BOND:
        warnings.warn(
            f"{path} has the atoms {one} and {other} {distance:.2f} angstrom from one another, "
            "both with an occupancy that puts them there together; one of them may lack its "
            "occupancy.",
            stacklevel=4,
        )
    return cell, atoms


def _decoded(content: bytes) -> str:
    """The text of a file, with tags as they were before a dot parted categories from names."""
    try:
        is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        # Names of authors in older files; what is needed of a CIF is ASCII.
        text = content.decode("latin-1")
    return _DOTTED.sub(r"\1_", text)


def _value(block: Any, *tags: str) -> str:
    """The one value of the first of the tags that has any; "" if none has."""
    for tag in tags:
        # Tags that stand twice are found by going through the items.
        pairs = [item.pair for item in block if item.pair is not None]
        values = {_text(value) for name, value in pairs if name.lower() == tag.lower()} - {""}
        values |= {_text(value) for value in block.find_loop(tag)} - {""}
        if len(values) > 1:
            raise ValueError(f"{tag} has several values: {', '.join(sorted(values))}")
        if values:
            return values.pop()
    return ""


def _text(value: str) -> str:
    gemmi: Any = import_module("gemmi")
    text = str(gemmi.cif.as_string(value)).strip()
    return "" if text in {"?", "."} else text


def _number(text: str) -> float:
    """A number that may have its standard deviation in parentheses; NaN if it is none."""
    match = re.fullmatch(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?:\(\d+\))?", text.strip())
    return math.nan if match is None else float(match[1])


def _last_digit(coordinates: Sequence[str]) -> float:
    """One unit of the last digit of three coordinates, that of the longest.

    Of one decimal or none it is 0: 0 and 0.5 are exact, and nobody rounds a third to 0.3.
    """
    decimals = [re.match(r"[^.]*\.?(\d*)", text) for text in coordinates]
    longest = max(len(match[1]) if match else 0 for match in decimals)
    return 10.0**-longest if longest > 1 else 0.0


def _cell_of(block: Any, gemmi: Any) -> FloatArray:
    lengths = [_number(_value(block, f"_cell_length_{edge}")) for edge in "abc"]
    angles = [_number(_value(block, f"_cell_angle_{name}")) for name in ("alpha", "beta", "gamma")]
    # Angles of 90 degrees are not always written.
    angles = [90.0 if math.isnan(angle) else angle for angle in angles]
    if not all(length > 0 for length in lengths) or not all(0 < angle < 180 for angle in angles):
        raise ValueError("it holds no unit cell (_cell_length_a and so on)")
    cell = np.array(gemmi.UnitCell(*lengths, *angles).orth.mat.tolist()).T
    # Not even one atom has less than a cubic angstrom.
    if not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1:
        raise ValueError("it holds no unit cell (_cell_length_a and so on)")
    return cell


def _asymmetric_unit(block: Any) -> _Asymmetric:
    formula = _formula(_value_or_none(block, "_chemical_formula_sum"))
    names = ["fract_x", "fract_y", "fract_z", "?label", "?type_symbol", "?occupancy"]
    names += ["?symmetry_multiplicity", "?site_symmetry_multiplicity"]
    table = block.find("_atom_site_", names)
    sites, multiplicities = [], []
    for row in table:
        cells = [_text(row[i]) if row.has(i) else "" for i in range(len(names))]
        label, symbol = cells[3], cells[4]
        u, v, w = map(_number, cells[:3])
        if not np.isfinite((u, v, w)).all():
            raise ValueError(f"atom {label!r} has no coordinates")
        element = element_of_symbol(symbol) if symbol else element_of_label(label, formula)
        if element is None:
            raise ValueError(f"atom {label!r} has the unknown element {symbol!r}")
        occupancy = _number(cells[5]) if cells[5] else 1.0
        if not 0 <= occupancy <= MOST_OCCUPANCY:
            raise ValueError(f"atom {label!r} has the occupancy {cells[5]}; 0 to 1 can be")
        sites.append(Site(label or element, element, (u, v, w), occupancy, _last_digit(cells[:3])))
        count = _number(cells[6] or cells[7])
        multiplicities.append(None if math.isnan(count) else round(count))
    z = _number(_value_or_none(block, "_cell_formula_units_Z"))
    return _Asymmetric(sites, multiplicities, formula, None if math.isnan(z) else round(z))


def _value_or_none(block: Any, tag: str) -> str:
    """The value of a tag that only helps to decide; "" if it stands twice and differs."""
    try:
        return _value(block, tag)
    except ValueError:
        return ""


def _formula(text: str) -> dict[str, float]:
    """Elements of a formula such as 'Ba Ti O3' with their numbers; empty if it is none."""
    counts: dict[str, float] = {}
    for part in text.replace(",", " ").split():
        match = re.fullmatch(r"([A-Z][a-z]?)(\d*\.?\d*)", part)
        element = None if match is None else element_of_symbol(match[1])
        if match is None or element is None:
            return {}
        counts[element] = counts.get(element, 0.0) + float(match[2] or 1)
    return counts


def _setting(block: Any, cell: FloatArray, asymmetric: _Asymmetric) -> tuple[Setting, list[str]]:
    operations: list[str] = []
    for tag in _OPERATION_TAGS:
        operations = operations or [t for t in map(_text, block.find_values(tag)) if t]
    written = _value(block, *_NUMBER_TAGS)
    number = _number(written)
    if written and not number.is_integer():
        raise ValueError(f"the number of its space group is {written!r}, which is none")
    stated = StatedSymmetry(
        operations,
        _value(block, *_NAME_TAGS),
        _value(block, *_HALL_TAGS),
        None if math.isnan(number) else round(number),
        _value(block, *_CODE_TAGS),
    )
    settings = possible_settings(stated, cell)
    notes = settings.notes
    if not settings.named and settings.listed is None:
        notes.append(
            f"states no symmetry; its {len(asymmetric.sites)} atoms are taken for all of the unit "
            "cell."
        )
        identity = Operations(np.eye(3, dtype=int)[None], np.zeros((1, 3)))
        return Setting("P 1", identity), notes

    def judge(setting: Setting) -> Verdict:
        return _judge(cell, setting, asymmetric)

    setting, note = choose_by_atoms(settings, judge)
    return setting, [*notes, note] if note else notes


def _judge(cell: FloatArray, setting: Setting, asymmetric: _Asymmetric) -> Verdict:
    groups = [expand(cell, setting.operations, [site]) for site in asymmetric.sites]
    atoms = [atom for group in groups for atom in group]
    counted = all(
        stated is None or stated == len(group)
        for stated, group in zip(asymmetric.multiplicities, groups, strict=True)
    )
    bond = _shortest_bond(cell, asymmetric.sites, atoms).share
    is_possible = (
        counted
        and crowded(cell, atoms) is None
        and bond > _SHORTEST_BOND
        and _has_formula(atoms, asymmetric)
    )
    return Verdict(is_possible, bond, len(atoms))


def _has_formula(atoms: Sequence[Site], asymmetric: _Asymmetric) -> bool:
    """Whether atoms have the stated composition, and number if Z is stated."""
    formula = {e: n for e, n in asymmetric.formula.items() if e != "H"}
    if not formula:
        return True
    found = dict.fromkeys(formula, 0.0)
    for atom in atoms:
        if atom.species in found:
            found[atom.species] += atom.occupancy
        elif atom.species != "H":
            return False
    if asymmetric.n_formulas is None:
        # The number of formulas in a cell is what suits the first element.
        first = next(iter(formula))
        n_formulas = found[first] / formula[first]
    else:
        n_formulas = float(asymmetric.n_formulas)
    return all(
        math.isclose(found[element], n * n_formulas, rel_tol=_SAME_FORMULA)
        for element, n in formula.items()
    )


def _shortest_bond(cell: FloatArray, sites: Sequence[Site], atoms: Sequence[Site]) -> _Bond:
    """The shortest distance by the sum of covalent radii, of atoms that are there together."""
    gemmi: Any = import_module("gemmi")
    shifts = np.array(list(np.ndindex(3, 3, 3))) - 1
    places = np.array([atom.place for atom in atoms])
    radii = np.array([gemmi.Element(atom.species).covalent_r for atom in atoms])
    occupancies = np.array([atom.occupancy for atom in atoms])
    heavy = np.array([atom.species != "H" for atom in atoms])
    shortest = _Bond(math.inf, math.inf, "", "")
    for site in sites:
        if site.species == "H":
            continue
        apart = places - site.place
        apart = apart - np.round(apart)
        distances = np.linalg.norm((apart[:, None, :] + shifts) @ cell, axis=2)
        distances[distances < _ITSELF] = math.inf
        nearest = distances.min(axis=1)
        # Two sites that are each there half of the time need not be there together.
        together = heavy & (occupancies + site.occupancy > 1.0 + 1e-6)
        shares = nearest / (radii + gemmi.Element(site.species).covalent_r)
        shares[~together] = math.inf
        other = int(shares.argmin())
        if shares[other] < shortest.share:
            bond = float(shares[other]), float(nearest[other])
            shortest = _Bond(*bond, site.label, atoms[other].label)
    return shortest
