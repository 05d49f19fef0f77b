"""Which of several labellings of columns is right, where a shift of the lattice makes others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._elements import Z_EXPONENT, atomic_number
from ._lattice import Lattice

#: So many atoms tell how well a labelling fits.
_SAMPLE = 2000
#: A labelling fits better if what it leaves is less by this many standard errors.
_SURE = 4.0
#: Bonds are shared: what two neighbours leave is not independent. Standard errors are larger by
#: about the root of the number of atoms that one displaced atom disturbs.
_SHARED = 3.0
#: An image's own lattice tells kinds apart if it agrees with a labelling on at least this share of
#: atoms more than with any other.
_AGREES = 0.3
#: Intensities tell kinds apart if they correlate with weights better by at least this.
_CLEARER = 0.1


class Shift(NamedTuple):
    """What each column becomes, how many cells further on, and whether that was a guess."""

    columns: NDArray[np.int64]
    cells: NDArray[np.int64]
    is_ambiguous: bool


def best_shift(
    columns: NDArray[np.int64],
    cells: NDArray[np.int64],
    points: FloatArray,
    bonds: NDArray[np.int64],
    *,
    lattice: Lattice,
    limit: float,
    laid: NDArray[np.str_] | None = None,
    intensities: FloatArray | None = None,
) -> Shift:
    """Find the shift of the lattice after which it fits the atoms best.

    Parameters
    ----------
    columns : ndarray of shape (n_atoms,)
        Column of each atom.
    cells : ndarray of shape (n_atoms, 2)
        Cell of each atom.
    points : ndarray of shape (n_atoms, 2)
        Row and column in pixels.
    bonds : ndarray of shape (n_bonds, 2)
        Atom and neighbour, of one grain; all bonds of an atom together.
    lattice : Lattice
        The crystal.
    limit : float
        How far a column may be from that which it becomes, in pixels.
    laid : ndarray of shape (n_atoms,), str, default=None
        Kinds by an image's own lattice, whose columns are where the whole image shows them; ""
        for none.
    intensities : ndarray of shape (n_atoms,), default=None
        How bright each atom is; NaN for atoms that do not count.

    Returns
    -------
    shift : Shift
        Ambiguous if another that changes kinds fits as well, and neither the image's lattice nor
        intensities tell.
    """
    places = np.array([[column.u, column.v] for column in lattice.columns])
    shifts = _shifts(places, lattice.vectors, limit)
    if len(shifts) == 1:
        return Shift(*shifts[0], is_ambiguous=False)
    atoms = np.unique(bonds[:, 0])
    kept = np.isin(bonds[:, 0], atoms[:: max(1, len(atoms) // _SAMPLE)])
    bonds = bonds[kept]
    rows = np.unique(bonds[:, 0], return_inverse=True)[1]
    rests = []
    for new_columns, steps in shifts:
        sites = (cells + steps[columns] + places[new_columns[columns]]) @ lattice.vectors
        rests.append(_rest(sites, points, bonds, rows))
    best = int(np.argmin([rest.sum() for rest in rests]))
    names = np.array([column.kind for column in lattice.columns])
    equal = [i for i, rest in enumerate(rests) if not _is_worse(rest, rests[best])]
    # The identity comes first: of equals it is the one that the seed's orientation chose.
    chosen = equal[0]
    rivals = [i for i in equal if (names[shifts[i][0]] != names[shifts[chosen][0]]).any()]
    if not rivals:
        return Shift(*shifts[chosen], is_ambiguous=False)
    if laid is not None:
        counted = np.intersect1d(atoms, np.flatnonzero(laid != ""))
        shares = [(names[shifts[i][0]][columns[counted]] == laid[counted]).mean() for i in equal]
        first = int(np.argmax(shares)) if len(counted) else 0
        if len(counted) and _is_clear(shares, first, [names[shifts[i][0]] for i in equal]):
            return Shift(*shifts[equal[first]], is_ambiguous=False)
    if intensities is None:
        return Shift(*shifts[chosen], is_ambiguous=True)
    weights = weights_of(lattice)
    known = np.isfinite(intensities) & (columns >= 0)
    fits = [correlation(intensities[known], weights[shifts[i][0]][columns[known]]) for i in equal]
    first = int(np.argmax(fits))
    chosen = equal[first]
    others = [
        fit
        for i, fit in zip(equal, fits, strict=True)
        if (names[shifts[i][0]] != names[shifts[chosen][0]]).any()
    ]
    unsure = bool(others) and fits[first] - max(others) < _CLEARER
    return Shift(*shifts[chosen], is_ambiguous=unsure)


def _shifts(
    places: FloatArray, vectors: FloatArray, limit: float
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All shifts that bring each column near to another: what each becomes, cells further on."""
    result = []
    for shift in places - places[0]:
        apart = places[:, None] + shift - places[None, :]
        steps = np.round(apart)
        off = (apart - steps) @ vectors
        distance = np.hypot(off[..., 0], off[..., 1])
        columns = distance.argmin(axis=1)
        rows = np.arange(len(places))
        if len(set(columns.tolist())) == len(places) and distance[rows, columns].max() < limit:
            result.append((columns.astype(np.int64), steps[rows, columns].astype(np.int64)))
    return result


def _rest(
    sites: FloatArray, points: FloatArray, bonds: NDArray[np.int64], atom: NDArray[np.intp]
) -> FloatArray:
    """What is left of each atom's bonds, squared, by the matrix that fits them best.

    Each bond is of the atom with that number.
    """
    own, seen = (x[bonds[:, 1]] - x[bonds[:, 0]] for x in (sites, points))

    def summed(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(atom, values))

    xx, xy, yy = (summed(own[:, i] * own[:, j]) for i, j in ((0, 0), (0, 1), (1, 1)))
    det = xx * yy - xy**2
    enough = det > 1e-6 * (xx + yy) ** 2
    left = summed((seen**2).sum(axis=1))
    for axis in (0, 1):
        x, y = (summed(seen[:, axis] * own[:, i]) for i in (0, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            left -= (x * x * yy - 2 * x * y * xy + y * y * xx) / det
    return np.where(enough, left, 0.0)


def _is_worse(rest: FloatArray, best: FloatArray) -> bool:
    more = rest - best
    error = _SHARED * np.sqrt((more**2).sum())
    # Rounding leaves this much of bonds that fit alike.
    rounding = 1e-9 * (rest.sum() + best.sum()) + 1e-12 * len(rest)
    return bool(more.sum() > _SURE * error + rounding)


def _is_clear(shares: list[float], first: int, kinds: list[NDArray[np.str_]]) -> bool:
    """Whether the first share is ahead of all whose kinds are others."""
    others = [
        share for share, labels in zip(shares, kinds, strict=True) if (labels != kinds[first]).any()
    ]
    return shares[first] - max(others) >= _AGREES


def weights_of(lattice: Lattice) -> FloatArray:
    """How bright each column is; of unknown elements the kinds are named from the brightest on."""

    def weight(column: int) -> float:
        known = lattice.columns[column]
        if known.weight is not None:
            return known.weight
        if known.species == "X":
            return -float(lattice.kinds.index(known.kind))
        return float(atomic_number(known.species) ** Z_EXPONENT)

    return np.array([weight(column) for column in range(len(lattice.columns))])


def correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / size) if size > 0 else 0.0
