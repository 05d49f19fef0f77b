"""Crystal structures from CIF files."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from logstar._validation import FloatArray

from ._elements import is_element
from ._projection import Site

#: Occupancies of one place may exceed 1 by rounding.
_MOST_OCCUPANCY = 1.05
#: Deuterium and tritium.
_ISOTOPES = {"D": "H", "T": "H"}


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
        If it holds no cell or no atom, an atom is no element, or is there more than once.

    Warns
    -----
    UserWarning
        If the file states no symmetry; then its atoms are taken for all of the cell.
    """
    try:
        gemmi: Any = import_module("gemmi")
    except ImportError as error:
        raise ImportError('CIF files are read by gemmi: pip install "logstar[crystal]".') from error
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'a directory' if path.is_dir() else 'no such file'}.")
    try:
        document = gemmi.cif.read(os.fspath(path))
        structures = [gemmi.make_small_structure_from_block(block) for block in document]
    except (ValueError, RuntimeError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise OSError(f"{path} is no CIF, or broken: {reason}") from error
    structure = next((s for s in structures if len(s.sites)), None)
    if structure is None:
        raise ValueError(f"{path} holds no atoms (_atom_site_fract_x and so on).")
    cell = np.array(structure.cell.orth.mat.tolist()).T
    if not structure.cell.is_crystal() or abs(np.linalg.det(cell)) < 1:
        raise ValueError(f"{path} holds no unit cell (_cell_length_a and so on).")
    if structure.spacegroup is None and not structure.symops:
        warnings.warn(
            f"{path} states no symmetry; its {len(structure.sites)} atoms are taken for all of the "
            "unit cell.",
            stacklevel=3,
        )
    sites = [_as_site(site, path) for site in structure.get_all_unit_cell_sites()]
    _check_occupancies(cell, sites, path)
    return cell, sites


def _as_site(site: Any, path: Path) -> Site:
    symbol = site.element.name
    symbol = _ISOTOPES.get(symbol, symbol)
    label, text = str(site.label), str(site.type_symbol)
    u, v, w = (float(x) for x in site.fract.tolist())
    if not is_element(symbol):
        raise ValueError(f"{path}: atom {label!r} has the unknown element {text or label!r}.")
    if not np.isfinite((u, v, w)).all():
        raise ValueError(f"{path}: atom {label!r} has no coordinates.")
    occupancy = float(site.occ)
    if not 0 <= occupancy <= _MOST_OCCUPANCY:
        raise ValueError(f"{path}: atom {label!r} has the occupancy {occupancy:g}; 0 to 1 can be.")
    return Site(label or symbol, symbol, (u, v, w), occupancy)


def _check_occupancies(cell: FloatArray, sites: list[Site], path: Path) -> None:
    """Refuse two whole atoms at one place: an atom listed twice would double its column."""
    places = np.array([site.place for site in sites])
    occupancies = np.array([site.occupancy for site in sites])
    for index, site in enumerate(sites):
        apart = places - places[index]
        near = np.linalg.norm((apart - np.round(apart)) @ cell, axis=1) < 0.01
        if occupancies[near].sum() > _MOST_OCCUPANCY:
            labels = sorted({sites[i].label for i in np.flatnonzero(near)})
            raise ValueError(
                f"{path}: the atoms {', '.join(labels)} at {site.place} have occupancies of "
                f"{occupancies[near].sum():g} together; at most 1 can be."
            )
