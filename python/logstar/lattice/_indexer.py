"""Which atom is where in the crystal."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from sklearn.base import BaseEstimator

from logstar import _core
from logstar._validation import FloatArray, as_positions, check_real
from logstar.exceptions import AmbiguousMotifWarning

from ._empty_sites import empty_sites
from ._image_lattice import ImageLattice
from ._lattice import Lattice
from ._motif import best_shift
from ._template import Template, template_of

#: With more than twice the nearest distance for a tolerance no atom would be without a site.
_MOST_TOLERANCE = 0.5
#: Beyond, an atom has dozens of neighbours, most of which lie behind others.
_MOST_REACH = 3.0


class LatticeIndexer(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Tell which site of the crystal each atom is, however the image is strained.

    Indices spread from atom to atom, the most certain neighbour first, and follow the lattice as it
    bends: strain, rotation and drift may build up over the image. Rounding to one global lattice
    gets 2 to 80 % of the atoms right there. Several grains become several components, and where a
    dislocation makes indices disagree, it is said which atoms do.

    Parameters
    ----------
    lattice : Lattice
        The crystal at the image's pixel size, in any orientation; of an `ImageLattice` orientation
        and origin are used as well.
    tolerance : float, default=0.3
        How far an atom may be from where its neighbour expects it, in nearest distances of the
        lattice, up to 0.5. An atom that no neighbour places so well, but that lies within 1.5
        times as much of where all its neighbours on average expect it, has its index, too.
    reach : float, default=1.45
        Neighbours are within this many distances to the nearest one, from 1 to 3. Where these do
        not surround a column, or are fewer than six, those of further shells are taken.

    Attributes
    ----------
    indices_ : ndarray of shape (n_atoms, 2), int64
        Cells along `a` and `b`; 0 where `components_` is -1. Of an `ImageLattice` they count from
        its origin; else the least of each component is 0.
    columns_ : ndarray of shape (n_atoms,), int64
        Which of ``lattice.columns`` each atom is; -1 for none.
    kinds_ : ndarray of shape (n_atoms,), str
        The kind of that column; empty for none.
    components_ : ndarray of shape (n_atoms,), int64
        Number of the grain that the atom belongs to; -1 for none.
    references_ : ndarray of shape (n_atoms, 2)
        Row and column of the site in the crystal as given, in pixels from the corner of cell
        (0, 0); NaN for atoms of no site.
    deformations_ : ndarray of shape (n_atoms, 2, 2)
        Matrix that takes vectors (row, col) of the crystal to those seen around the atom, smoothed
        along the way that indices spread: to follow bonds, not to measure strain.
    bonds_ : ndarray of shape (n_bonds, 2), int64
        Numbers of two neighbouring atoms whose indices agree; each pair is there from both ends
        where both see it.
    conflicts_ : ndarray of shape (n_conflicts, 2), int64
        Numbers of two neighbouring atoms of one component whose indices do not agree, the smaller
        first: along a cut that begins at a dislocation.
    conflict_cells_ : ndarray of shape (n_conflicts, 2)
        By how many cells along `a` and `b` the second atom's index is more than the first expects.
        All conflicts of one dislocation have its Burgers vector, with one sign or the other.
    vectors_ : ndarray of shape (n_components, 2, 2)
        Edges of each grain's cell, rows (row, col) in pixels, fitted to all its atoms.
    origin_ : ndarray of shape (n_components, 2)
        Row and column of the corner of each grain's cell (0, 0), by the same fit.
    vacancies_ : ndarray of shape (n_vacancies, 2)
        Row and column of sites without an atom that at least two neighbours expect an atom at, and
        that atoms of the grain surround. At corners of the field, and at boundaries of grains,
        nothing can be told. With an
        `ImageLattice`, they are further from the frame of its image than a third of the nearest
        distance. Whether the image shows an atom there that was not found,
        `logstar.fields.vacancy_evidence` tells.
    vacancy_columns_, vacancy_components_ : ndarray of shape (n_vacancies,), int64
        Which column and grain the atom would be.
    vacancy_indices_ : ndarray of shape (n_vacancies, 2), int64
        And in which cell.
    extras_ : ndarray of shape (n_extras,), int64
        Numbers of atoms that belong to no site.
    ambiguous_ : ndarray of shape (n_components,), bool
        Whether kinds of the grain might be exchanged by a shift of the lattice, as A and B of a
        perovskite: neither places nor kinds nor intensities tell.
    lattice_ : Lattice
        The lattice, checked.

    See Also
    --------
    logstar.refinement.GaussianRefiner : Positions precise enough for displacements and strain.
    logstar.fields.displacements : How far atoms are from their sites.

    Notes
    -----
    Atoms take an index that two indexed neighbours support. Each has a matrix of its own from the
    crystal's bonds to those seen, 0.7 its own least squares and 0.3 that of the atom before. An
    atom may be missing, or one too many, without harm to the others.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200), rotation=12.0)
    >>> bent = positions + 8 * np.sin(positions[:, ::-1] / 40)
    >>> indexer = LatticeIndexer(lattice).fit(bent, kinds)
    >>> bool((indexer.kinds_ == kinds).all())
    True
    >>> len(indexer.vectors_), len(indexer.vacancies_), len(indexer.conflicts_)
    (1, 0, 0)
    """

    def __init__(self, lattice: Lattice, tolerance: float = 0.3, reach: float = 1.45) -> None:
        self.lattice = lattice
        self.tolerance = tolerance
        self.reach = reach

    def fit(
        self,
        positions: ArrayLike,
        kinds: ArrayLike | None = None,
        *,
        intensities: ArrayLike | None = None,
    ) -> Self:
        """Give each atom its index.

        Parameters
        ----------
        positions : array-like of shape (n_atoms, >=2)
            Row and column in pixels; further columns are ignored.
        kinds : array-like of shape (n_atoms,), str, default=None
            Kinds of the lattice, where they are known; "" is an unknown one. An atom of a known
            kind takes no site of another.
        intensities : array-like of shape (n_atoms,), default=None
            How bright each atom is, in any unit. Used where places do not tell which kind is which:
            the brighter are those of greater weight in the lattice.

        Returns
        -------
        self : LatticeIndexer
            Fitted.

        Raises
        ------
        TypeError, ValueError
            If a parameter or an argument is not what it has to be, or a kind is none of the
            lattice.

        Warns
        -----
        AmbiguousMotifWarning
            If nothing tells which kind is which in some grain.
        """
        lattice = self.lattice
        if not isinstance(lattice, Lattice):
            raise TypeError(f"lattice must be a Lattice, got {lattice!r}.")
        tolerance = check_real(
            self.tolerance, name="tolerance", low=0, high=_MOST_TOLERANCE, low_included=False
        )
        reach = check_real(self.reach, name="reach", low=1, high=_MOST_REACH)
        points = as_positions(positions)
        numbers = _numbers_of(kinds, lattice, len(points))
        brightness = _checked_intensities(intensities, len(points))
        places = np.array([[column.u, column.v] for column in lattice.columns])
        column_kinds = np.array(
            [lattice.kinds.index(column.kind) for column in lattice.columns], dtype=np.int32
        )
        cell, nearest = lattice.vectors, lattice.nearest_distance
        template = template_of(cell, places, reach)
        sites, maps, bonds = _core.index_atoms(
            points,
            numbers,
            template.first,
            template.columns,
            template.cells,
            template.vectors,
            column_kinds,
            nearest,
            tolerance,
            isinstance(lattice, ImageLattice),
        )
        component, column = sites[:, 0].astype(np.int64), sites[:, 1].astype(np.int64)
        state = State(points, component, column, sites[:, 2:].astype(np.int64), maps, cell, places)
        ends = Ends.of(bonds, template, state)
        n_components = int(component.max(initial=-1)) + 1
        agree = _agree(ends, state)
        laid = _laid(lattice, points, tolerance * nearest)
        self.ambiguous_ = np.zeros(n_components, dtype=bool)
        for grain in range(n_components):
            members = component == grain
            if (numbers[members] >= 0).any():
                continue
            chosen = best_shift(
                state.columns,
                state.cells,
                points,
                ends.atoms[agree & members[ends.atoms[:, 0]]],
                lattice=lattice,
                limit=tolerance * nearest,
                laid=laid,
                intensities=None if brightness is None else np.where(members, brightness, np.nan),
            )
            self.ambiguous_[grain] = chosen.is_ambiguous
            state.relabel(members, chosen.columns, chosen.cells)
            ends.relabel(members, chosen.columns, chosen.cells)
        if self.ambiguous_.any():
            warnings.warn(
                f"which of the kinds {', '.join(lattice.kinds)} is which cannot be told by places "
                f"in {int(self.ambiguous_.sum())} of {n_components} grains, as a shift of the "
                "lattice exchanges them; pass kinds, or intensities.",
                AmbiguousMotifWarning,
                stacklevel=2,
            )
        state.refit(ends.atoms[agree])
        self._settle(state, ends, agree, lattice)
        return self

    def _settle(
        self,
        state: State,
        ends: Ends,
        agree: NDArray[np.bool_],
        lattice: Lattice,
    ) -> None:
        component = state.components
        n_components = len(self.ambiguous_)
        fits = [state.fitted(component == grain) for grain in range(n_components)]
        for grain, (vectors, origin) in enumerate(fits):
            members = component == grain
            shift = state.cells[members].min(axis=0)
            if isinstance(lattice, ImageLattice):
                # The corner of the grain's cell (0, 0) that the lattice's own origin is nearest to.
                away = (np.array(lattice.origin) - origin) @ np.linalg.inv(vectors)
                shift = np.round(away).astype(np.int64)
            state.cells[members] -= shift
            ends.to_cells[members[ends.atoms[:, 0]]] -= shift
            fits[grain] = vectors, origin + shift @ vectors
        self.vectors_ = np.array([fit[0] for fit in fits]).reshape(n_components, 2, 2)
        self.origin_ = np.array([fit[1] for fit in fits]).reshape(n_components, 2)
        self.lattice_ = lattice
        self.indices_ = state.cells
        self.columns_ = state.columns
        self.components_ = component
        self.deformations_ = state.maps
        self.references_ = np.where(component[:, None] >= 0, state.sites() @ state.vectors, np.nan)
        names = np.array([*(column.kind for column in lattice.columns), ""])
        self.kinds_ = names[state.columns]
        self.extras_ = np.flatnonzero(component < 0)
        self.bonds_ = ends.atoms[agree]
        self.conflicts_, self.conflict_cells_ = _conflicts(ends, agree, state)
        found = empty_sites(ends, state, lattice, float(self.tolerance))
        self.vacancies_ = found.positions
        self.vacancy_components_, self.vacancy_columns_ = found.sites[:, :2].T
        self.vacancy_indices_ = found.sites[:, 2:]


class State:
    """Sites of atoms, and what takes the crystal to the image around each."""

    def __init__(
        self,
        points: FloatArray,
        components: NDArray[np.int64],
        columns: NDArray[np.int64],
        cells: NDArray[np.int64],
        maps: FloatArray,
        vectors: FloatArray,
        places: FloatArray,
    ) -> None:
        self.points = points
        self.components = components
        self.columns = columns
        self.cells = cells
        self.maps = maps
        self.vectors = vectors
        self.places = places
        self._changed = np.zeros(len(points), dtype=bool)

    def sites(self) -> FloatArray:
        """Fractional coordinates of each atom's site."""
        return np.asarray(self.cells + self.places[self.columns])

    def relabel(
        self, members: NDArray[np.bool_], columns: NDArray[np.int64], cells: NDArray[np.int64]
    ) -> None:
        """Exchange the columns of some atoms, as a shift of the lattice does."""
        old = self.columns[members]
        self._changed[members] = bool((columns != np.arange(len(columns))).any())
        self.columns[members] = columns[old]
        self.cells[members] += cells[old]

    def refit(self, bonds: NDArray[np.int64]) -> None:
        """Fit maps again of atoms whose column has changed."""
        bonds = bonds[self._changed[bonds[:, 0]]]
        sites = self.sites() @ self.vectors
        own, seen = (x[bonds[:, 1]] - x[bonds[:, 0]] for x in (sites, self.points))
        n = len(self.points)
        normal = np.zeros((n, 2, 2))
        product = np.zeros((n, 2, 2))
        np.add.at(normal, bonds[:, 0], own[:, :, None] * own[:, None, :])
        np.add.at(product, bonds[:, 0], seen[:, :, None] * own[:, None, :])
        det, trace = np.linalg.det(normal), np.trace(normal, axis1=1, axis2=2)
        # Bonds that are as good as collinear tell no map.
        known = (det > 0.0125 * trace**2) & self._changed
        self.maps[known] = product[known] @ np.linalg.inv(normal[known])

    def fitted(self, members: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Edges and origin of the lattice that fits some atoms best."""
        sites = self.sites()[members]
        design = np.column_stack([sites, np.ones(len(sites))])
        solution: Any = np.linalg.lstsq(design, self.points[members], rcond=None)[0]
        return np.asarray(solution[:2]), np.asarray(solution[2])


class Ends:
    """Bonds of indexed atoms: from which atom, to which or -1, and to which site."""

    def __init__(
        self, atoms: NDArray[np.int64], to_columns: NDArray[np.int64], to_cells: NDArray[np.int64]
    ) -> None:
        self.atoms = atoms
        self.to_columns = to_columns
        self.to_cells = to_cells

    @classmethod
    def of(cls, bonds: NDArray[np.int64], template: Template, state: State) -> Self:
        edges = bonds[:, 1]
        cells = state.cells[bonds[:, 0]] + template.cells[edges]
        return cls(bonds[:, [0, 2]], template.columns[edges].astype(np.int64), cells)

    def relabel(
        self, members: NDArray[np.bool_], columns: NDArray[np.int64], cells: NDArray[np.int64]
    ) -> None:
        """Exchange columns as those of the atoms that the bonds begin at."""
        mine = members[self.atoms[:, 0]]
        old = self.to_columns[mine]
        self.to_columns[mine] = columns[old]
        self.to_cells[mine] += cells[old]

    def sites(self, state: State) -> FloatArray:
        """Fractional coordinates of the sites that they lead to."""
        return np.asarray(self.to_cells + state.places[self.to_columns])


def _agree(ends: Ends, state: State) -> NDArray[np.bool_]:
    """Which bonds lead to an atom that has the index expected."""
    to = ends.atoms[:, 1]
    same = (
        (state.components[to] == state.components[ends.atoms[:, 0]])
        & (state.columns[to] == ends.to_columns)
        & (state.cells[to] == ends.to_cells).all(axis=1)
    )
    return np.asarray((to >= 0) & same)


def _conflicts(
    ends: Ends, agree: NDArray[np.bool_], state: State
) -> tuple[NDArray[np.int64], FloatArray]:
    atoms = ends.atoms
    same = (atoms[:, 1] >= 0) & (state.components[atoms[:, 1]] == state.components[atoms[:, 0]])
    wrong = same & ~agree
    pairs = atoms[wrong]
    off = (state.sites()[pairs[:, 1]] - ends.sites(state)[wrong]).round(9)
    # Both ends see a conflict, and from the other end it has the other sign.
    swapped = pairs[:, 0] > pairs[:, 1]
    pairs[swapped] = pairs[swapped, ::-1]
    off[swapped] *= -1
    pairs, first = np.unique(pairs, axis=0, return_index=True)
    return pairs, off[first] + 0.0


def _numbers_of(kinds: ArrayLike | None, lattice: Lattice, n_atoms: int) -> NDArray[np.int32]:
    """Kinds by their number in the lattice, -1 where unknown."""
    if kinds is None:
        return np.full(n_atoms, -1, dtype=np.int32)
    names: NDArray[Any] = np.asarray(kinds)
    if names.size == 0 and n_atoms == 0:
        return np.empty(0, dtype=np.int32)
    if names.shape != (n_atoms,) or names.dtype.kind not in "UO":
        raise ValueError(
            f"kinds must be a text for each of the {n_atoms} positions, got {names.dtype} of shape "
            f"{names.shape}."
        )
    known = {kind: number for number, kind in enumerate(lattice.kinds)} | {"": -1}
    unknown = sorted({str(name) for name in names.tolist() if name not in known})
    if unknown:
        raise ValueError(
            f"kinds holds {', '.join(map(repr, unknown))}; those of the lattice are "
            f"{', '.join(map(repr, lattice.kinds))}, and '' is an unknown one."
        )
    return np.array([known[name] for name in names.tolist()], dtype=np.int32)


def _laid(lattice: Lattice, points: FloatArray, near: float) -> NDArray[np.str_] | None:
    """Kinds of atoms by the columns of an image's lattice, laid over it; "" where none is near.

    Where the image is bent they are wrong in patches, but for each shift of the lattice alike.
    """
    if not isinstance(lattice, ImageLattice) or not len(points):
        return None
    places, kinds = lattice.positions(margin=near)
    off, nearest = KDTree(places).query(points)
    return np.where(off <= near, kinds[nearest], "")


def _checked_intensities(intensities: ArrayLike | None, n_atoms: int) -> FloatArray | None:
    if intensities is None:
        return None
    values = np.asarray(intensities, dtype=np.float64)
    if values.shape != (n_atoms,):
        raise ValueError(
            f"intensities must be a number for each of the {n_atoms} positions, got shape "
            f"{values.shape}."
        )
    return values
