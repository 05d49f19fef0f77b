"""How far atoms are from the sites of an undisturbed lattice."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from logstar.lattice import LatticeIndexer

from ._atoms import Atoms, measured
from ._reference import Reference, reference_places
from ._vector_field import VectorField, vector_field


def displacements(
    indexer: LatticeIndexer, atoms: Atoms, *, reference: Reference = "fit"
) -> VectorField:
    """Measure each atom's displacement from its site.

    Parameters
    ----------
    indexer : LatticeIndexer
        Fitted to the same atoms, in the same order.
    atoms : Refinement, AtomTable or array-like of shape (n_atoms, >=2)
        Positions. Errors come with a refinement, or with a table's "row_error" and "col_error".
    reference : "fit", "crystal", or array-like of shape (n_atoms,), bool
        What displacement is measured from: the lattice fitted to each grain, the default; the
        crystal as given, turned and shifted onto each grain; or the lattice fitted to those atoms
        of each grain that are marked, as an undisturbed region. Within the cell columns are where
        the crystal has them; of an `ImageLattice`, whose columns are where the image shows them,
        they are fitted, too, but for "crystal": the mean displacement of each column is then zero.

    Returns
    -------
    field : VectorField
        A vector for each atom, in the order given; NaN for atoms without a site or whose
        refinement failed. Its covariance is that of the atom, the reference being taken as exact:
        fitted to n atoms of one kind, it follows them by about 3 / n of the variance.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it has to be.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.fields import displacements
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> positions[kinds == "B"] += (1.0, 0.0)  # downwards
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> field = displacements(indexer, positions, reference=kinds == "A")
    >>> np.round(field.vectors[kinds == "B"].mean(axis=0), 6) + 0
    array([1., 0.])
    >>> field.unit
    'A'
    """
    known = measured(indexer, atoms)
    n = len(known.positions)
    return vector_field(
        "displacement",
        np.arange(n),
        known.positions,
        known.positions - reference_places(known, reference),
        known.pixel_size,
        sparse.eye_array(n, format="csr"),
        known.covariances,
    )
