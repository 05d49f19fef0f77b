"""The main job as the viewer asks for it: in a process of its own, with word of its progress."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from logstar._validation import FloatArray
from logstar.exceptions import AmbiguousMotifWarning
from logstar.fields import field_table
from logstar.io import AtomTable, Micrograph
from logstar.lattice import Lattice, LatticeIndexer, parse_zone_axis
from logstar.model_selection import SearchProgress
from logstar.tuning import AtomFinder
from logstar.tuning._indexing import lattice_of_sites

#: What can be chosen as the crystal, by the words that the user reads.
OWN, YBCO, PEROVSKITE, CIF, NONE = (
    "what the image shows",
    "YBa2Cu3O7 along [100]",
    "perovskite along [001]",
    "a CIF",
    "none: single atoms",
)
CRYSTALS = (OWN, YBCO, PEROVSKITE, CIF, NONE)


class Told(NamedTuple):
    """How far the work is.

    Parameters
    ----------
    text : str
        What is being done.
    n_done, n : int
        How much of it, of how much; 0 of 0 where nobody knows.
    """

    text: str
    n_done: int = 0
    n: int = 0


def crystal_of(choice: str, *, a: float = 0.0, cif: str = "", zone: str = "001") -> Any:
    """Make of what was chosen what `AtomFinder` takes as its lattice.

    Parameters
    ----------
    choice : str
        One of `CRYSTALS`.
    a : float, default=0.0
        Edge of the perovskite's cell in angstrom.
    cif, zone : str, default="" and "001"
        File and direction.

    Returns
    -------
    lattice : "auto", callable or None
        As `AtomFinder` takes it.

    Raises
    ------
    FileNotFoundError
        If there is no such CIF.
    ValueError
        For an edge that is not above 0, and a direction that is none.
    """
    if choice == OWN:
        return "auto"
    if choice == YBCO:
        return Lattice.ybco
    if choice == PEROVSKITE:
        if not a > 0:
            raise ValueError(f"the perovskite's cell must have an edge above 0, got {a:g} Å.")
        return partial(Lattice.perovskite, a)
    if choice == NONE:
        return None
    if not Path(cif).is_file():
        raise FileNotFoundError(f"{cif or 'the CIF'}: no such file.")
    return partial(Lattice.from_cif, cif, parse_zone_axis(zone))


def find(
    tell: Callable[[Told], object],
    micrograph: Micrograph,
    parameters: Mapping[str, Any],
    dataset: int | None = None,
) -> tuple[AtomFinder, AtomTable]:
    """Find the atoms of a micrograph.

    Parameters
    ----------
    tell : callable
        Is told what is being done.
    micrograph : Micrograph
        The image.
    parameters : mapping
        Of `AtomFinder`, but for its callback.
    dataset : int, default=None
        Which image of its file it is, for the provenance.

    Returns
    -------
    finder : AtomFinder
        Fitted.
    table : AtomTable
        Its atoms, with their sites where they have any.

    Raises
    ------
    CalibrationError, NotOneLatticeError, TypeError, ValueError
        As `AtomFinder.fit`.
    """
    tell(Told("looking at the lattice"))

    def tell_search(progress: SearchProgress) -> None:
        if progress.n_done < progress.n_iter:
            tell(Told("tuning", progress.n_done, progress.n_iter))
        else:
            tell(Told("refining"))

    finder = AtomFinder(callback=tell_search, **parameters)
    finder._fit(micrograph, dataset)  # noqa: SLF001 - as `find_atoms` does with a file
    # What tells of this search is of no use to another, and cannot be pickled.
    finder.set_params(callback=None)
    finder.search_.set_params(callback=None)
    return finder, table_with_sites(finder)


def choose(
    tell: Callable[[Told], object], finder: AtomFinder, i: int
) -> tuple[AtomFinder, AtomTable]:
    """Choose another setting of the front; returns as `find`."""
    tell(Told("finding atoms with another setting"))
    other = finder.at(i)
    return other, table_with_sites(other)


def table_with_sites(finder: AtomFinder, table: AtomTable | None = None) -> AtomTable:
    """Give atoms kind, grain, site and cell, where they have one lattice.

    Parameters
    ----------
    finder : AtomFinder
        What found them.
    table : AtomTable, default=None
        They, as corrected; None takes those that were found.

    Returns
    -------
    table : AtomTable
        The same, with these columns.
    """
    if table is None:
        table = finder.atoms_
    try:
        return field_table(indexer_of(table, finder), table)
    except ValueError:
        # Single atoms, several phases, too few atoms: then there are no sites.
        return table


def indexer_of(table: AtomTable, finder: AtomFinder) -> LatticeIndexer:
    """Tell which site of a finder's lattice each atom of a table is.

    Raises
    ------
    ValueError
        As `AtomFinder.index`.
    """
    # Of an atom that was set by hand and not refined no height is known.
    heights = np.abs(table["amplitude" if "amplitude" in table else "response"])
    known = np.isfinite(heights)
    heights[~known] = np.median(heights[known]) if known.any() else 1.0
    with warnings.catch_warnings():
        # The viewer shows kinds by colours, which says no more than that they differ.
        warnings.simplefilter("ignore", AmbiguousMotifWarning)
        return LatticeIndexer(lattice_of_sites(finder)).fit(table.positions, intensities=heights)


def summary(finder: AtomFinder, table: AtomTable) -> str:
    """Say in a few lines what was found, and whether to believe it."""
    verdict = finder.verdict_
    lines = [f"{len(table)} atoms: {verdict.status}"]
    if math.isfinite(finder.expectation_.n_expected):
        lines[0] += f" ({finder.expectation_.count} expected)"
    if "row_error" in table and len(table):
        error = _median(table["row_error"])
        size = finder.pixel_size_
        text = f"median error {error:.2g} px"
        if size is not None:
            text += f" ({error * size.to('pm').value:.2g} pm)"
        lines.append(text)
    return "\n".join([*lines, *verdict.reasons])


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def micrograph_of(pixels: Any, pixel_size: Any, known: Mapping[str, Any] | None) -> Micrograph:
    """Make a micrograph of what a layer shows.

    Parameters
    ----------
    pixels : ndarray of shape (n_rows, n_cols)
        The image.
    pixel_size : PixelSize or None
        Of it.
    known : mapping or None
        What the reader keeps in the layer's metadata: the file, for the provenance.
    """
    path = None if known is None else known.get("path")
    return dataclasses.replace(Micrograph(pixels, pixel_size), path=path)
