"""Strain and rotation of the lattice around each atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray, check_real
from logstar.lattice import LatticeIndexer
from logstar.units import PixelSize

from ._atoms import Atoms, Measured, measured
from ._reference import Reference, reference_places

#: Neighbours are all in the eight cells around, however they are strained.
_ALL_AROUND = 1.05
#: Places are as good as collinear if the smaller of their two variances is below this share of the
#: larger: strain across the line would be guessed.
_COLLINEAR = 0.02
#: A plane has three numbers along each axis, so it takes at least as many atoms.
_LEAST_ATOMS = 3


@dataclass(frozen=True, eq=False, repr=False)
class StrainField:
    """Strain at atoms; x along columns (to the right), y along rows (downwards), or along a cell.

    Parameters
    ----------
    measure : str
        "infinitesimal" or "lagrangian".
    axes : str
        "image", or "a" where x is along the reference's edge `a` in each grain, and y a quarter
        turn from it, clockwise as displayed.
    atoms : ndarray of shape (n,), intp
        Numbers of the atoms that they belong to, among those given.
    positions : ndarray of shape (n, 2)
        Row and column of these atoms.
    components : ndarray of shape (n, 4)
        Strains e_xx, e_yy, e_xy and the rotation in degrees, counter-clockwise as displayed;
        NaN where fewer than three atoms, or collinear ones, are near.
    errors : ndarray of shape (n, 4)
        Standard deviations; NaN where those of the atoms are not known as well.
    n_neighbors : ndarray of shape (n,), intp
        How many atoms were used, that in the middle included.
    pixel_size : PixelSize or None
        Of the image.

    Examples
    --------
    >>> from logstar.fields import strain
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> strain(indexer, positions)
    StrainField(infinitesimal, axes='image': 200 of 200 defined)
    """

    measure: str
    axes: str
    atoms: NDArray[np.intp]
    positions: FloatArray
    components: FloatArray
    errors: FloatArray
    n_neighbors: NDArray[np.intp]
    pixel_size: PixelSize | None

    def __repr__(self) -> str:
        known = int(np.isfinite(self.components).all(axis=1).sum())
        return (
            f"StrainField({self.measure}, axes={self.axes!r}: {known} of {len(self.atoms)} defined)"
        )

    @property
    def e_xx(self) -> FloatArray:  # numpydoc ignore=RT01
        """Stretch along x (n,)."""
        return self.components[:, 0]

    @property
    def e_yy(self) -> FloatArray:  # numpydoc ignore=RT01
        """Stretch along y (n,)."""
        return self.components[:, 1]

    @property
    def e_xy(self) -> FloatArray:  # numpydoc ignore=RT01
        """Half the shear (n,)."""
        return self.components[:, 2]

    @property
    def rotation(self) -> FloatArray:  # numpydoc ignore=RT01
        """Rotation in degrees (n,), counter-clockwise as displayed."""
        return self.components[:, 3]


def strain(
    indexer: LatticeIndexer,
    atoms: Atoms,
    radius: float | None = None,
    *,
    measure: Literal["infinitesimal", "lagrangian"] = "infinitesimal",
    reference: Reference = "fit",
    axes: Literal["image", "a"] = "image",
) -> StrainField:
    """Measure strain around each atom, by its neighbours of the same column.

    Displacements within one cell, as of a ferroelectric, are no strain: columns are compared with
    their like alone.

    Parameters
    ----------
    indexer : LatticeIndexer
        Fitted to the same atoms, in the same order.
    atoms : Refinement, AtomTable or array-like of shape (n_atoms, >=2)
        Positions. Errors come with a refinement, or with a table's "row_error" and "col_error".
    radius : float, default=None
        How far neighbours are in the crystal, in pixels. None reaches all eight cells around.
    measure : {"infinitesimal", "lagrangian"}, default="infinitesimal"
        ``(F + F.T) / 2 - 1`` and the rotation ``(F - F.T) / 2``, for small ones; or
        ``(F.T @ F - 1) / 2``, which no rotation changes, and the rotation of F's polar
        decomposition.
    reference : "fit", "crystal", or array-like of shape (n_atoms,), bool
        What is not strained: the mean lattice of each grain, the default; the crystal as given,
        turned onto each grain, which the pixel size must be right for; or the mean lattice of the
        atoms that are marked.
    axes : {"image", "a"}, default="image"
        What x and y are: columns and rows, or the reference's edge `a` and a quarter turn from it.

    Returns
    -------
    field : StrainField
        Four components for each atom with a site, with standard deviations.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it has to be.

    Notes
    -----
    F is fitted to the vectors between an atom's neighbours by least squares, with a free offset.
    With standard deviations s of atoms that are all alike, that of e_xx is
    ``s / sqrt(sum((X - X.mean())**2))``, ``s / (sqrt(6) * a)`` for the cells around of a square
    lattice. The reference is taken as exact.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.fields import strain
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> stretched = positions * (1.0, 1.02)  # along columns
    >>> indexer = LatticeIndexer(lattice).fit(stretched, kinds)
    >>> field = strain(indexer, stretched, reference="crystal")
    >>> round(float(np.nanmean(field.e_xx)), 4)
    0.02
    """
    known = measured(indexer, atoms)
    if measure not in {"infinitesimal", "lagrangian"}:
        raise ValueError(f"measure must be 'infinitesimal' or 'lagrangian', got {measure!r}.")
    if axes not in {"image", "a"}:
        raise ValueError(f"axes must be 'image' or 'a', got {axes!r}.")
    cell = indexer.lattice_.vectors
    if radius is None:
        radius = _ALL_AROUND * float(max(np.linalg.norm(cell[0] + s * cell[1]) for s in (-1, 1)))
    radius = check_real(radius, name="radius", low=0, low_included=False)
    places = reference_places(known, reference)
    here = np.flatnonzero(np.isfinite(places).all(axis=1))
    pairs = _pairs(known, here, radius)
    deformation, covariance, count = _deformation(known, places, pairs)
    turn = _axes(known, places) if axes == "a" else np.tile(np.eye(2), (len(places), 1, 1))
    components, errors = _components(deformation[here], covariance[here], turn[here], measure)
    return StrainField(
        measure,
        axes,
        here,
        known.positions[here],
        components,
        errors,
        count[here],
        known.pixel_size,
    )


def _pairs(atoms: Measured, here: NDArray[np.intp], radius: float) -> NDArray[np.intp]:
    """Atom and neighbour (n, 2) of one column and grain, from both ends, and each with itself."""
    indexer = atoms.indexer
    found = [np.column_stack([here, here])]
    columns = indexer.columns_[here]
    # One number for each grain and column, in their order.
    groups = indexer.components_[here] * (columns.max(initial=0) + 1) + columns
    for group in np.unique(groups):
        members = here[groups == group]
        near = KDTree(indexer.references_[members]).query_pairs(radius, output_type="ndarray")
        pairs = members[near]
        found += [pairs, pairs[:, ::-1]]
    pairs = np.concatenate(found)
    return pairs[atoms.follow(pairs)]


def _deformation(
    atoms: Measured, places: FloatArray, pairs: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
    """F (n, 2, 2) in order (x, y), covariance (n, 4, 4) of its rows, number of atoms."""
    n = len(places)
    middle, other = pairs.T
    count = np.bincount(middle, minlength=n)

    def summed(values: FloatArray) -> FloatArray:
        return np.stack([np.bincount(middle, column, minlength=n) for column in values])

    # From (row, col) to (x, y), one coordinate after the other.
    ideal = (places[other] - places[middle]).T[::-1]
    seen = (atoms.positions[other] - atoms.positions[middle]).T[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        ideal = ideal - (summed(ideal) / count)[:, middle]
    xx, xy, yy = summed(ideal[[0, 0, 1]] * ideal[[0, 1, 1]])
    half = np.hypot((xx - yy) / 2, xy)
    least, most = (xx + yy) / 2 - half, (xx + yy) / 2 + half
    enough = (count >= _LEAST_ATOMS) & (least > _COLLINEAR * most)
    inverse = np.full((3, n), np.nan)
    determinant = xx[enough] * yy[enough] - xy[enough] ** 2
    inverse[:, enough] = np.array([yy, -xy, xx])[:, enough] / determinant
    # F is a sum over atoms of what is seen of each times this.
    (ixx, ixy, iyy), (x, y) = inverse[:, middle], ideal
    share = np.stack([ixx * x + ixy * y, ixy * x + iyy * y])
    deformation = summed((seen[:, None] * share).reshape(4, -1)).T.reshape(n, 2, 2)
    # Covariance of F's numbers (i, j) and (k, l): what atoms have of (i, k), times shares (j, l).
    own = atoms.covariances[other][:, [1, 1, 0], [1, 0, 0]].T
    products = share[[0, 0, 1]] * share[[0, 1, 1]]
    parts = summed((own[:, None] * products).reshape(9, -1)).T.reshape(n, 3, 3)
    both = np.array([[0, 1], [1, 2]])
    covariance = parts[:, both[:, None, :, None], both[None, :, None, :]].reshape(n, 4, 4)
    return deformation, covariance, count


def _axes(atoms: Measured, places: FloatArray) -> FloatArray:
    """For each atom the matrix (2, 2) whose rows are x and y, along edge `a` of its grain."""
    indexer = atoms.indexer
    result = np.tile(np.eye(2), (len(places), 1, 1))
    for grain in range(len(indexer.vectors_)):
        members = (indexer.components_ == grain) & np.isfinite(places).all(axis=1)
        if not members.any():
            continue
        sites = np.column_stack([indexer.references_[members], np.ones(int(members.sum()))])
        linear = np.linalg.lstsq(sites, places[members], rcond=None)[0][:2]
        row, col = indexer.lattice_.vectors[0] @ linear
        x, y = np.array([col, row]) / np.hypot(row, col)
        result[members] = [[x, y], [-y, x]]
    return result


def _components(
    deformation: FloatArray, covariance: FloatArray, turn: FloatArray, measure: str
) -> tuple[FloatArray, FloatArray]:
    """Strain and rotation (n, 4) of matrices F in axes (x, y), and their standard deviations."""
    F = turn @ deformation @ turn.swapaxes(1, 2)
    n = len(F)
    unit = np.eye(4).reshape(4, 2, 2)
    # How F changes with each of its four numbers as they were fitted.
    change = turn[:, None] @ unit @ turn.swapaxes(1, 2)[:, None]
    identity = np.eye(2)
    if measure == "infinitesimal":
        tensor = (F + F.swapaxes(1, 2)) / 2 - identity
        d_tensor = (change + change.swapaxes(2, 3)) / 2
        # Counter-clockwise as displayed, y pointing downwards.
        angle = (F[:, 0, 1] - F[:, 1, 0]) / 2
        d_angle = (change[:, :, 0, 1] - change[:, :, 1, 0]) / 2
    else:
        tensor = (F.swapaxes(1, 2) @ F - identity) / 2
        half = F.swapaxes(1, 2)[:, None] @ change
        d_tensor = (half + half.swapaxes(2, 3)) / 2
        sine, cosine = F[:, 0, 1] - F[:, 1, 0], F[:, 0, 0] + F[:, 1, 1]
        angle = np.arctan2(sine, cosine)
        d_sine = change[:, :, 0, 1] - change[:, :, 1, 0]
        d_cosine = change[:, :, 0, 0] + change[:, :, 1, 1]
        size = (sine**2 + cosine**2)[:, None]
        d_angle = (cosine[:, None] * d_sine - sine[:, None] * d_cosine) / size
    components = np.stack(
        [tensor[:, 0, 0], tensor[:, 1, 1], tensor[:, 0, 1], np.degrees(angle)], axis=1
    )
    jacobian = np.stack(
        [d_tensor[:, :, 0, 0], d_tensor[:, :, 1, 1], d_tensor[:, :, 0, 1], np.degrees(d_angle)],
        axis=1,
    )
    variances = ((jacobian @ covariance) * jacobian).sum(axis=2)
    return components.reshape(n, 4), np.sqrt(variances)
