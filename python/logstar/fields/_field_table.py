"""Fields as columns of a table of atoms."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.io import AtomTable
from logstar.lattice import LatticeIndexer
from logstar.refinement import Refinement

from ._atoms import Atoms, measured
from ._spacings import ScalarField
from ._strain import StrainField
from ._vector_field import VectorField

Field: TypeAlias = StrainField | VectorField | ScalarField

#: Components of strain and rotation as tables, grids and pictures call them.
STRAIN_COMPONENTS = ("e_xx", "e_yy", "e_xy", "rotation")


def field_table(indexer: LatticeIndexer, atoms: Atoms, *fields: Field) -> AtomTable:
    """Put sites and fields beside the atoms that they belong to.

    Parameters
    ----------
    indexer : LatticeIndexer
        Fitted to the same atoms, in the same order.
    atoms : Refinement, AtomTable or array-like of shape (n_atoms, >=2)
        Positions. Of a refinement and of a table all columns are kept.
    *fields : StrainField, VectorField or ScalarField
        Of these atoms.

    Returns
    -------
    table : AtomTable
        A row for each atom, in the order given: its columns; "kind", "grain", "site" (column of
        the lattice), "cell_a" and "cell_b", NaN without a site, of kind ""; then each field's
        values with their standard deviations, named with "_error", NaN where not defined. Lengths
        are in pixels, rotations in degrees, strains are numbers, not per cent.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it has to be.

    Examples
    --------
    >>> from logstar.fields import field_table, polarization
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> table = field_table(indexer, positions, polarization(indexer, positions))
    >>> table.columns[2:8]
    ('kind', 'grain', 'site', 'cell_a', 'cell_b', 'polarization_row')
    >>> table.columns[8:]
    ('polarization_row_error', 'polarization_col', 'polarization_col_error')
    """
    known = measured(indexer, atoms)
    n = len(known.positions)
    if isinstance(atoms, AtomTable):
        table = atoms
    elif isinstance(atoms, Refinement):
        table = atoms.to_table()
    else:
        table = AtomTable.from_array(known.positions, ("row", "col"), pixel_size=known.pixel_size)
    has = indexer.components_ >= 0
    sites = {
        "grain": indexer.components_,
        "site": indexer.columns_,
        "cell_a": indexer.indices_[:, 0],
        "cell_b": indexer.indices_[:, 1],
    }
    columns = {name: np.where(has, numbers, np.nan) for name, numbers in sites.items()}
    for field in fields:
        for name, values in columns_of(field).items():
            columns[name] = _spread(values, field.atoms, n)
    kinds = indexer.kinds_.astype(np.str_)
    return table.with_columns(kind=kinds, **columns)


def columns_of(field: Field) -> dict[str, FloatArray]:
    """Values and standard deviations by the names of their columns, in the field's own order.

    Raises
    ------
    TypeError
        If it is no field.
    """
    names: tuple[str, ...]
    if isinstance(field, StrainField):
        names, values, errors = STRAIN_COMPONENTS, field.components, field.errors
    elif isinstance(field, VectorField):
        names = (f"{field.name}_row", f"{field.name}_col")
        values, errors = field.vectors, field.errors
    elif isinstance(field, ScalarField):
        names, values, errors = (field.name,), field.values[:, None], field.errors[:, None]
    else:
        raise TypeError(f"field must be one of logstar.fields, got {type(field).__name__}.")
    pairs: dict[str, FloatArray] = {}
    for name, column, error in zip(names, values.T, errors.T, strict=True):
        pairs |= {name: column, f"{name}_error": error}
    return pairs


def _spread(values: FloatArray, atoms: NDArray[np.intp], n_atoms: int) -> FloatArray:
    result = np.full(n_atoms, np.nan)
    result[atoms] = values
    return result
