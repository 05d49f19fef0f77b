"""The symmetry operations of a crystal, from what its CIF states about its space group."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from logstar._validation import FloatArray

from ._expansion import Operations

#: An operation must keep lengths and angles to this share. Cells are refined with their symmetry,
#: so only rounding may disturb it.
_ISOMETRY = 0.01
#: No group has more operations, centring translations included.
_MOST_OPERATIONS = 192
#: gemmi counts translations in 24ths of an edge.
_PARTS = 24
#: Letters after the name of a group, in files of the database of inorganic crystals, and the origin
#: that they mean.
_ORIGINS = {"S": "1", "Z": "2"}


class StatedSymmetry(NamedTuple):
    """What a CIF states about its symmetry.

    Attributes
    ----------
    operations : sequence of str
        The listed operations, such as "x,1/2+y,-z"; empty if there is no list.
    name, hall : str
        Hermann-Mauguin and Hall symbol; "" if it states none.
    number : int or None
        Number of the space group in the International Tables.
    code : str
        Which origin, axes or unique axis are used, such as "1" or "H"; "" if it does not say.
    """

    operations: Sequence[str]
    name: str = ""
    hall: str = ""
    number: int | None = None
    code: str = ""


class Setting(NamedTuple):
    """A space group with chosen axes and origin.

    Attributes
    ----------
    name : str
        Extended Hermann-Mauguin symbol, such as "F d -3 m:2".
    operations : Operations
        All of them, centring included.
    """

    name: str
    operations: Operations


class Settings(NamedTuple):
    """What a CIF may mean by what it states.

    Attributes
    ----------
    named : list of Setting
        Settings of the stated name or number whose operations fit the cell.
    listed : Setting or None
        The listed operations, made a complete group.
    notes : list of str
        What the user should know, as the rest of a sentence that begins with the file's name.
    """

    named: list[Setting]
    listed: Setting | None
    notes: list[str]


class Verdict(NamedTuple):
    """How plausible the atoms are that a setting gives.

    Attributes
    ----------
    is_possible : bool
        Whether no two are too near to one another, and they agree with the formula and the
        multiplicities that the file states.
    bond : float
        Shortest distance of two atoms, over the sum of their covalent radii.
    n_atoms : int
        How many atoms there are in a cell.
    """

    is_possible: bool
    bond: float
    n_atoms: int


def possible_settings(stated: StatedSymmetry, cell: FloatArray) -> Settings:
    """Find the settings that a CIF may mean, whose operations fit its cell.

    Parameters
    ----------
    stated : StatedSymmetry
        What it states.
    cell : ndarray of shape (3, 3)
        Edges of the unit cell as rows (x, y, z), in angstrom.

    Returns
    -------
    settings : Settings
        Where operations are listed, only those named settings are given that have all of them and
        more, since the list may be shortened. With neither, the file states no symmetry.

    Raises
    ------
    ValueError
        If the operations are none, do not fit the cell, or the group is not known.
    """
    notes: list[str] = []
    listed = _listed_setting(stated, notes)
    named, by_number = _named_settings(stated, notes)
    if listed is None:
        return Settings(_fitting(named, by_number, stated, cell, notes), None, notes)
    if not fits(listed.operations, cell):
        raise ValueError(
            "the symmetry operations do not fit the cell: they do not keep its lengths and angles"
        )
    own = _keys(listed.operations)
    wholes = [setting for setting in named if own <= _keys(setting.operations)]
    if named and not wholes and _order(named[0]) != _order(listed):
        notes.append(
            f"states the space group {named[0].name}, which has {_order(named[0])} operations, but "
            f"lists {_order(listed)} others; those that are listed are used."
        )
    longer = [s for s in wholes if _order(s) > _order(listed) and fits(s.operations, cell)]
    return Settings(longer, listed, notes)


def _fitting(
    named: list[Setting],
    by_number: bool,
    stated: StatedSymmetry,
    cell: FloatArray,
    notes: list[str],
) -> list[Setting]:
    fitting = [setting for setting in named if fits(setting.operations, cell)]
    if named and not fitting:
        raise ValueError(
            f"the operations of the space group {stated.name or stated.number} do not fit the cell "
            "in any setting of that name; list the operations (_space_group_symop_operation_xyz), "
            "or name the setting"
        )
    if len({_axes(setting) for setting in named}) > 1 and by_number:
        notes.append(
            f"states the number {stated.number} of its space group but not the setting; "
            f"{_axes(fitting[0])} is taken."
        )
    elif len({_axes(setting) for setting in fitting}) > 1:
        notes.append(
            f"names the space group {stated.name}, whose axes its cell does not tell; "
            f"{_axes(fitting[0])} is taken."
        )
    # The first one that fits is the standard one, or nearest to it.
    return [setting for setting in fitting if _axes(setting) == _axes(fitting[0])]


def fits(operations: Operations, cell: FloatArray) -> bool:
    """Tell whether operations keep the lengths and angles of a cell."""
    metric = cell @ cell.T
    scale = np.sqrt(np.outer(metric.diagonal(), metric.diagonal()))
    rotations = operations.rotations
    turned = np.swapaxes(rotations, 1, 2) @ metric @ rotations
    return bool((np.abs(turned - metric) <= _ISOMETRY * scale).all())


def _order(setting: Setting) -> int:
    return len(setting.operations.rotations)


def _axes(setting: Setting) -> str:
    """The name of a setting without the choice of its origin."""
    return setting.name.partition(":")[0]


def _keys(operations: Operations) -> set[tuple[int, ...]]:
    shifts = np.round(operations.translations * _PARTS).astype(int) % _PARTS
    return {
        (*map(int, rotation.ravel()), *map(int, shift))
        for rotation, shift in zip(operations.rotations, shifts, strict=True)
    }


def _listed_setting(stated: StatedSymmetry, notes: list[str]) -> Setting | None:
    """The operations that the file lists, made a complete group."""
    if not stated.operations:
        return None
    gemmi: Any = import_module("gemmi")
    given = []
    for text in stated.operations:
        try:
            given.append(gemmi.Op(text).wrap())
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{text!r} is no symmetry operation") from error
    group = {op.triplet(): op for op in [gemmi.Op("x,y,z"), *given]}
    n_given = len({op.triplet() for op in given})
    growing = True
    while growing:
        products = ((one * other).wrap() for one in list(group.values()) for other in given)
        new = {op.triplet(): op for op in products if op.triplet() not in group}
        growing = bool(new)
        group |= new
        if len(group) > _MOST_OPERATIONS:
            raise ValueError(
                f"the {n_given} symmetry operations make no space group: their products do not end"
            )
    if len(group) > n_given:
        notes.append(
            f"lists {n_given} symmetry operations, which are no complete group; the "
            f"{len(group) - n_given} missing ones are added."
        )
    return Setting(stated.name or "the listed operations", _as_arrays(group.values()))


def _as_arrays(operations: Iterable[Any]) -> Operations:
    ops = list(operations)
    return Operations(
        np.array([op.rot for op in ops]) // _PARTS, np.array([op.tran for op in ops]) / _PARTS
    )


def _named_settings(stated: StatedSymmetry, notes: list[str]) -> tuple[list[Setting], bool]:
    """Settings that the symbols or the number mean, and whether the number had to tell.

    Those of a number begin with the standard one.
    """
    gemmi: Any = import_module("gemmi")
    if stated.hall:
        try:
            operations = gemmi.symops_from_hall(stated.hall)
        except (RuntimeError, ValueError):
            notes.append(f"states the Hall symbol {stated.hall!r}, which is none; it is ignored.")
        else:
            named, meant = gemmi.find_spacegroup_by_name(stated.name), _number_of(operations)
            if named is not None and meant is not None and named.number != meant:
                notes.append(
                    f"names the space group {stated.name}, No. {named.number}, but its Hall symbol "
                    f"{stated.hall!r} is of No. {meant}; the Hall symbol is used."
                )
            return [Setting(stated.hall, _as_arrays(operations))], False
    table = list(gemmi.spacegroup_table())
    groups: list[Any] = []
    if stated.name:
        groups = _groups_of_name(gemmi, table, stated)
        if groups and stated.number not in {None, groups[0].number}:
            notes.append(
                f"names the space group {stated.name}, No. {groups[0].number}, but states No. "
                f"{stated.number}; the name is used."
            )
    by_number = not groups and stated.number is not None
    if by_number:
        groups = [group for group in table if group.number == stated.number]
        if not groups and not stated.operations:
            raise ValueError(f"there is no space group No. {stated.number}")
        groups.sort(key=lambda group: not group.is_reference_setting())
        if stated.name and not stated.operations:
            notes.append(
                f"names the unknown space group {stated.name!r}; its No. {stated.number} is used."
            )
    if not groups and stated.name and not stated.operations:
        raise ValueError(
            f"the space group {stated.name!r} is unknown; list its operations "
            "(_space_group_symop_operation_xyz) or give its number (_space_group_IT_number)"
        )
    return [Setting(group.xhm(), _as_arrays(group.operations())) for group in groups], by_number


def _number_of(operations: Any) -> int | None:
    gemmi: Any = import_module("gemmi")
    found = gemmi.find_spacegroup_by_ops(operations)
    return None if found is None else int(found.number)


def _groups_of_name(gemmi: Any, table: Sequence[Any], stated: StatedSymmetry) -> list[Any]:
    """All settings that a Hermann-Mauguin symbol may mean: origins, axes, the unique axis."""
    name = stated.name.replace("_", "").strip()
    match = re.fullmatch(r"(.*?)(?:\s*:\s*|\s+)([12HRSZ])", name)
    code = stated.code.upper()
    base = name
    if (
        match is not None
        and gemmi.find_spacegroup_by_name(match[1]) is not None
        and (":" in name or match[2] in "HRSZ")
    ):
        base, code = match[1], _ORIGINS.get(match[2], match[2])
    found = gemmi.find_spacegroup_by_name(base)
    if found is None:
        return []
    same = [group for group in table if group.number == found.number]
    full, short = _squeezed(base), _short(found.hm)
    groups = [group for group in same if _squeezed(group.hm) == full]
    if not groups:
        # "P 2/m" may have any unique axis; the cell tells which.
        groups = [group for group in same if _short(group.hm) == short]
    coded = [group for group in groups if code and code == group.ext]
    return coded or groups


def _squeezed(symbol: str) -> str:
    return re.sub(r"\s+", "", symbol).lower()


def _short(symbol: str) -> str:
    """A symbol without the places that hold no symmetry: "P 1 2/m 1" is "p2/m"."""
    lattice, *places = symbol.lower().split()
    return lattice + "".join(place for place in places if place != "1")


def choose_by_atoms(settings: Settings, judge: Callable[[Setting], Verdict]) -> tuple[Setting, str]:
    """Choose among settings by the atoms that they give.

    Parameters
    ----------
    settings : Settings
        At least one, named or listed.
    judge : callable
        Judges the atoms that a setting gives.

    Returns
    -------
    setting : Setting
        Where operations are listed, a named group of which they are a part, if its atoms are
        possible; else the list: then the file lists all atoms of the cell. Where there are
        several origins, the one whose atoms are possible, or the farthest apart.
    note : str
        What the user should know; "" if there is one choice or one that is possible.
    """
    if len(settings.named) == 1 and settings.listed is None:
        return settings.named[0], ""
    judged = [(setting, judge(setting)) for setting in settings.named]
    possible = [(setting, verdict) for setting, verdict in judged if verdict.is_possible]
    if settings.listed is not None:
        if not possible:
            return settings.listed, ""
        chosen = max(possible, key=lambda each: each[1].bond)[0]
        return chosen, (
            f"lists {_order(settings.listed)} of the {_order(chosen)} operations of its space "
            f"group {chosen.name}; all of them are used."
        )
    among = possible or judged
    chosen = max(among, key=lambda each: each[1].bond)[0]
    if len(among) == 1:
        return chosen, ""
    counts = " or ".join(f"{verdict.n_atoms} ({setting.name})" for setting, verdict in among)
    return chosen, (
        f"does not state which origin of its space group it uses, which gives {counts} atoms a "
        f"cell; {chosen.name} is taken."
    )
