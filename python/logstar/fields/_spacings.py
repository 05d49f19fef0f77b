"""Distances between columns that a step in the crystal takes to one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, check_integer
from logstar.lattice import LatticeIndexer
from logstar.units import PIXELS, PixelSize

from ._atoms import Atoms, measured


@dataclass(frozen=True, eq=False, repr=False)
class ScalarField:
    """A number at each of some places, with its standard deviation.

    Parameters
    ----------
    name : str
        What they are.
    atoms : ndarray of shape (n,), intp
        Numbers of the atoms that they belong to, among those given.
    positions : ndarray of shape (n, 2)
        Row and column of the place that each is measured at; NaN where it is not defined.
    values, errors : ndarray of shape (n,)
        In pixels; NaN where not defined, errors where those of the atoms are not known as well.
    pixel_size : PixelSize or None
        Of the image.

    Examples
    --------
    >>> from logstar.fields import spacings
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> spacings(indexer, positions)
    ScalarField(spacing: 180 of 200 defined)
    """

    name: str
    atoms: NDArray[np.intp]
    positions: FloatArray
    values: FloatArray
    errors: FloatArray
    pixel_size: PixelSize | None

    def __repr__(self) -> str:
        known = int(np.isfinite(self.values).sum())
        return f"ScalarField({self.name}: {known} of {len(self.values)} defined)"

    @property
    def unit(self) -> str:  # numpydoc ignore=RT01
        """Unit of `in_units`: that of the pixel size, "px" where there is none."""
        return PIXELS if self.pixel_size is None else self.pixel_size.unit

    @property
    def in_units(self) -> FloatArray:  # numpydoc ignore=RT01
        """The values in `unit`."""
        return self.values * (1.0 if self.pixel_size is None else self.pixel_size.value)


def spacings(indexer: LatticeIndexer, atoms: Atoms, step: tuple[int, int] = (1, 0)) -> ScalarField:
    """Measure the distance of each atom to the same column some cells further on.

    Parameters
    ----------
    indexer : LatticeIndexer
        Fitted to the same atoms, in the same order.
    atoms : Refinement, AtomTable or array-like of shape (n_atoms, >=2)
        Positions. Errors come with a refinement, or with a table's "row_error" and "col_error".
    step : tuple of two int, default=(1, 0)
        Cells along `a` and `b`, not both 0.

    Returns
    -------
    field : ScalarField
        A distance for each atom that has a site, at the middle between the two; NaN where the
        other is missing or its refinement failed.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it has to be.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.fields import spacings
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> field = spacings(LatticeIndexer(lattice).fit(positions, kinds), positions, (1, 1))
    >>> round(float(np.nanmean(field.in_units)), 3), field.unit
    (5.657, 'A')
    """
    known = measured(indexer, atoms)
    if not isinstance(step, (tuple, list)) or len(step) != 2:
        raise ValueError(f"step must be two integers, got {step!r}.")
    cell = np.array([check_integer(x, name="step", low=-(2**31)) for x in step])
    if not cell.any():
        raise ValueError("step must lead to another cell, got (0, 0).")
    here = np.flatnonzero(known.usable)
    found = np.full(len(here), -1)
    for column in np.unique(indexer.columns_[here]):
        mine = indexer.columns_[here] == column
        found[mine] = known.neighbors(here[mine], int(column), cell)
    missing = found < 0
    apart = known.positions[found] - known.positions[here]
    values = np.hypot(*apart.T)
    values[missing] = np.nan
    along = apart / values[:, None]
    summed = known.covariances[found] + known.covariances[here]
    errors = np.sqrt(np.einsum("ni,nij,nj->n", along, summed, along))
    middles = (known.positions[found] + known.positions[here]) / 2
    for array in (values, errors, middles):
        array[missing] = np.nan
    return ScalarField("spacing", here, middles, values, errors, known.pixel_size)
