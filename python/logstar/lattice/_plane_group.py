"""The symmetry of a projected crystal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._columns import Column
from ._periodic import reduced_cell, same_place

#: Edges and angles that agree to this share are equal by symmetry.
_METRIC = 1e-3


class PlaneGroup(NamedTuple):
    """Which symmetry the visible columns have.

    Parameters
    ----------
    symbol : str
        Hermann-Mauguin symbol of one of the 17 plane groups, such as "p4mm".
    rotation_order : int
        Highest order of rotation: 1, 2, 3, 4 or 6.
    mirrors, glides : int
        How many directions of mirror lines there are, and how many with glide lines only.
    multiplicity : int
        How many columns the symmetry makes of one in a primitive cell.

    Examples
    --------
    >>> from logstar.lattice import Lattice
    >>> Lattice.perovskite(4.0, pixel_size=0.2).plane_group().symbol
    'p4mm'
    """

    symbol: str
    rotation_order: int
    mirrors: int
    glides: int
    multiplicity: int


#: By order of rotation, directions with mirrors, and directions with glides only. Those that share
#: a line differ by centring, or by whether mirrors run along or across the shortest translation.
_SYMBOLS = {
    (1, 0, 0): "p1",
    (1, 1, 0): "pm",
    (1, 0, 1): "pg",
    (2, 0, 0): "p2",
    (2, 2, 0): "p2mm",
    (2, 1, 1): "p2mg",
    (2, 0, 2): "p2gg",
    (3, 0, 0): "p3",
    (4, 0, 0): "p4",
    (4, 4, 0): "p4mm",
    (4, 2, 2): "p4gm",
    (6, 0, 0): "p6",
    (6, 6, 0): "p6mm",
}


def plane_group(cell: FloatArray, columns: Sequence[Column]) -> PlaneGroup:
    """Find the plane group of columns, of which those of one kind are alike.

    Parameters
    ----------
    cell : ndarray of shape (2, 2)
        Edges of a primitive cell, as rows.
    columns : sequence of Column
        The columns of that cell.

    Returns
    -------
    group : PlaneGroup
    """
    edges = reduced_cell(cell)
    turn = cell @ np.linalg.inv(edges)
    places = np.array([[column.u, column.v] for column in columns]) @ turn
    kinds = np.array([column.kind for column in columns])
    operations = [
        (matrix, shifts)
        for matrix in _isometries(edges)
        if (shifts := _shifts(matrix, places, kinds))
    ]
    proper = [matrix for matrix, _ in operations if np.linalg.det(matrix) > 0]
    order = len(proper)
    reflections = [
        (matrix, any(_is_mirror(matrix, shift) for shift in shifts))
        for matrix, shifts in operations
        if np.linalg.det(matrix) < 0
    ]
    mirrors = sum(is_mirror for _, is_mirror in reflections)
    glides = len(reflections) - mirrors
    symbol = _symbol(order, mirrors, glides, [matrix for matrix, _ in reflections], edges)
    return PlaneGroup(symbol, order, mirrors, glides, len(operations))


def _isometries(edges: FloatArray) -> list[NDArray[np.int_]]:
    """Integer matrices that turn or mirror the lattice onto itself; rows are images of edges."""
    metric = edges @ edges.T
    scale = metric[0, 0]
    # Images of the shortest edges are among the shortest vectors.
    return [
        matrix
        for entries in itertools.product((-1, 0, 1), repeat=4)
        if abs(round(np.linalg.det(matrix := np.array(entries).reshape(2, 2)))) == 1
        and np.abs(matrix @ metric @ matrix.T - metric).max() < 2 * _METRIC * scale
    ]


def _shifts(
    matrix: NDArray[np.int_], places: FloatArray, kinds: NDArray[np.str_]
) -> list[FloatArray]:
    """Translations that, after the matrix, map the columns onto columns of their kind."""
    turned = places @ matrix
    names, counts = np.unique(kinds, return_counts=True)
    rarest = np.flatnonzero(kinds == names[counts.argmin()])
    return [
        shift
        for shift in places[rarest] - turned[rarest[0]]
        if all(
            any(same_place(place + shift, other) for other in places[kinds == kind])
            for place, kind in zip(turned, kinds, strict=True)
        )
    ]


def _is_mirror(matrix: NDArray[np.int_], shift: FloatArray) -> bool:
    """Whether a reflection with a shift leaves lines in place, by some lattice translation."""
    # Twice applied, it is a translation along its line: twice the glide, plus that of the lattice.
    along = shift @ matrix + shift
    options = [np.array(step) for step in itertools.product((-1, 0, 1), repeat=2)]
    return any(_is_zero(along + step @ matrix + step) for step in options)


def _is_zero(vector: FloatArray) -> bool:
    """Whether a fractional vector is zero."""
    return bool(np.abs(vector).max() < 2e-3)


def _symbol(
    order: int,
    mirrors: int,
    glides: int,
    reflections: list[NDArray[np.int_]],
    edges: FloatArray,
) -> str:
    if order == 3 and mirrors:
        # Along the shortest translations lie the mirrors of p31m, across them those of p3m1.
        third = min(((1, 1), (1, -1)), key=lambda v: float(np.linalg.norm(np.array(v) @ edges)))
        fixes_a_short_one = any(
            (np.array(v) @ matrix == v).all()
            for matrix in reflections
            for v in ((1, 0), (0, 1), third)
        )
        return "p31m" if fixes_a_short_one else "p3m1"
    # In a primitive cell of a centred lattice a reflection exchanges the edges: no matrix with
    # entries on one diagonal only.
    if mirrors and order <= 2 and all(_is_centred(matrix) for matrix in reflections):
        return "cm" if order == 1 else "c2mm"
    return _SYMBOLS.get((order, mirrors, glides), f"p{order}")


def _is_centred(matrix: NDArray[np.int_]) -> bool:
    """Whether a reflection is one of a centred lattice: it has no basis of eigenvectors."""
    eigen = []
    for sign in (1, -1):
        # Shortest integer vector that the matrix multiplies by the sign.
        found = next(
            np.array(v)
            for v in sorted(
                itertools.product(range(-2, 3), repeat=2), key=lambda v: (abs(v[0]) + abs(v[1]), v)
            )
            if any(v) and (np.array(v) @ matrix == sign * np.array(v)).all()
        )
        eigen.append(found)
    return abs(round(float(np.linalg.det(np.array(eigen))))) != 1
