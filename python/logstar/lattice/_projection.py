"""From the atoms of a crystal to the columns that a detector shows along a zone axis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, check_real

from ._columns import Column
from ._elements import Z_EXPONENT, atomic_number
from ._expansion import Site
from ._merging import Crowd, merge
from ._periodic import reduced_cell, same_place
from ._zone_axis import ZoneAxis

#: Columns that scatter less than 0.1 of the strongest one are not seen in HAADF. The weakest that
#: are seen, Ti in PbTiO3 along [110], have 0.107. Columns of elements up to Ne alone are seen from
#: 0.5 on: O has 0.13 in SrTiO3 along [110] and 0.36 in TiO2 and is not seen, B in BN has 0.56.
_VISIBLE_SHARE, _LIGHT_SHARE, _HEAVIEST_LIGHT = 0.1, 0.5, 10
#: The name of a column leaves out atoms that contribute less than this share of its intensity.
_NAMED_SHARE = 0.2
#: Columns of one element whose weights differ by less than this share are alike.
_SAME_WEIGHT = 1e-3


class Projection(NamedTuple):
    """A crystal seen along a direction.

    Attributes
    ----------
    cell : ndarray of shape (2, 2)
        Edges of the primitive cell in the image plane, as rows (x, y), in angstrom.
    columns : tuple of Column
        The visible columns of that cell; weights relative to the strongest one.
    """

    cell: FloatArray
    columns: tuple[Column, ...]


class _Group(NamedTuple):
    """Atoms that are seen as one."""

    kind: str
    species: str
    symbols: frozenset[str]
    weight: float
    place: FloatArray


def project(
    cell: FloatArray,
    sites: Sequence[Site],
    zone_axis: ZoneAxis,
    visible: float | Iterable[str] | None = None,
    exponent: float = Z_EXPONENT,
) -> Projection:
    """Project a crystal, merge atoms into columns and keep those that are seen.

    Parameters
    ----------
    cell : ndarray of shape (3, 3)
        Edges of the unit cell as rows (x, y, z), in angstrom.
    sites : sequence of Site
        All atoms of that cell.
    zone_axis : tuple of three int
        The direction of view, without a common factor.
    visible : float, iterable of str or None, default=None
        Columns below this share of the strongest one's intensity are left out; or the chemical
        symbols or labels of the atoms whose columns are seen. None is 0.1, and 0.5 for columns of
        elements up to Ne.
    exponent : float, default=1.7
        Intensity goes with this power of the atomic number.

    Returns
    -------
    projection : Projection

    Raises
    ------
    TypeError, ValueError
        If there is no atom, no column is seen, or `visible` names an atom that there is not.
    """
    if not sites:
        raise ValueError("the crystal has no atoms.")
    edges, plane = _plane_cell(cell, zone_axis)
    weights = np.array([s.occupancy * atomic_number(s.species) ** exponent for s in sites])
    places = np.array([site.place for site in sites]) @ cell @ plane @ np.linalg.inv(edges)
    heaviness = [atomic_number(site.species) for site in sites]
    crowds = merge(edges, places % 1.0, weights, heaviness)
    groups = [_as_group(crowd, sites, places, weights) for crowd in crowds]
    groups = _seen(groups, sites, visible)
    edges, groups = _primitive(edges, groups)
    strongest = max(group.weight for group in groups)
    columns = tuple(
        Column(g.kind, g.species, *map(_tidy, g.place), weight=g.weight / strongest)
        for g in sorted(groups, key=lambda g: (-g.weight, g.kind, *np.round(g.place, 6)))
    )
    return Projection(edges, columns)


def _plane_cell(cell: FloatArray, zone_axis: ZoneAxis) -> tuple[FloatArray, FloatArray]:
    """Reduced cell (2, 2) of the projected lattice, and the matrix (3, 2) that projects."""
    direction = np.array(zone_axis) @ cell
    direction /= np.linalg.norm(direction)
    # Any two axes across the direction; which is of no matter, the image is turned anyhow.
    helper = np.eye(3)[np.abs(direction).argmin()]
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x)
    plane = np.column_stack([x, np.cross(direction, x)])
    first, second = _complement(zone_axis)
    return reduced_cell(np.array([first, second]) @ cell @ plane), plane


def _complement(axis: ZoneAxis) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Two lattice vectors that, with the axis, span all of the lattice."""
    u, v, w = axis
    divisor, p, q = _extended_gcd(u, v)
    if divisor == 0:
        return np.array([1, 0, 0]), np.array([0, 1, 0])
    # With p u + q v = divisor and x divisor + y w = 1, the determinant of (axis, first, second)
    # is 1.
    _, x, y = _extended_gcd(divisor, w)
    first = np.array([-q, p, 0])
    return first, np.array([-y * u // divisor, -y * v // divisor, x])


def _extended_gcd(a: int, b: int) -> tuple[int, int, int]:
    """The divisor d >= 0 of two integers, and x, y with ``x a + y b = d``."""
    x, y, next_x, next_y = 1, 0, 0, 1
    while b:
        quotient, rest = divmod(a, b)
        a, b = b, rest
        x, next_x = next_x, x - quotient * next_x
        y, next_y = next_y, y - quotient * next_y
    return (a, x, y) if a >= 0 else (-a, -x, -y)


def _as_group(
    crowd: Crowd, sites: Sequence[Site], places: FloatArray, weights: FloatArray
) -> _Group:
    by_label: dict[str, float] = {}
    by_species: dict[str, float] = {}
    for i, share in sorted(crowd.members.items()):
        weight = share * weights[i]
        by_label[sites[i].label] = by_label.get(sites[i].label, 0.0) + weight
        by_species[sites[i].species] = by_species.get(sites[i].species, 0.0) + weight
    total = float(sum(by_label.values()))
    labels = sorted(by_label, key=lambda label: (-round(by_label[label] / total, 9), label))
    kind = "/".join(x for i, x in enumerate(labels) if i == 0 or by_label[x] > _NAMED_SHARE * total)
    species = max(by_species, key=lambda symbol: (round(by_species[symbol] / total, 9), symbol))
    # A column is seen where its strongest element is; oxygen beside it moves it by 0.03 angstrom.
    strong = [i for i in crowd.members if sites[i].species == species]
    apart = places[strong] - crowd.place
    shares = [crowd.members[i] * weights[i] for i in strong]
    place = crowd.place + np.average(apart - np.round(apart), axis=0, weights=shares)
    return _Group(kind, species, frozenset((*by_label, *by_species)), total, place % 1.0)


def _seen(
    groups: list[_Group], sites: Sequence[Site], visible: float | Iterable[str] | None
) -> list[_Group]:
    if isinstance(visible, str):
        visible = [visible]
    if isinstance(visible, Iterable):
        names = set(visible)
        known = {name for group in groups for name in group.symbols}
        if not names or names - known:
            raise ValueError(
                f"visible must name atoms of the crystal, {sorted(known)}, or be a share of the "
                f"strongest intensity, got {sorted(names)}."
            )
        # An atom that hides in a stronger column does not make two of it.
        labels = {site.label: site.species for site in sites}
        wanted = {labels.get(name, name) for name in names}
        return [g for g in groups if g.species in wanted and names & {*g.symbols}]
    strongest = max(group.weight for group in groups)
    if visible is not None:
        share = check_real(visible, name="visible", low=0, high=1)
        return [group for group in groups if group.weight >= share * strongest]
    return [
        group
        for group in groups
        if group.weight
        >= strongest
        * (_LIGHT_SHARE if atomic_number(group.species) <= _HEAVIEST_LIGHT else _VISIBLE_SHARE)
    ]


def _primitive(edges: FloatArray, groups: list[_Group]) -> tuple[FloatArray, list[_Group]]:
    """Find the smallest cell that repeats the columns that are seen, alike in kind."""
    places = np.array([group.place for group in groups])
    alike = np.array([[_alike(g, other) for other in groups] for g in groups])
    rarest = alike[alike.sum(axis=1).argmin()]
    shifts = [
        shift
        for shift in places[rarest] - places[rarest][0]
        if _is_translation(shift, places, alike)
    ]
    if len(shifts) == 1:
        return edges, groups
    # The shifts and the edges span the lattice; its shortest two vectors make its cell.
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=2)))
    spanned = (np.array(shifts)[:, None, :] + steps).reshape(-1, 2)
    vectors = spanned @ edges
    lengths = np.linalg.norm(vectors, axis=1)
    vectors = vectors[np.argsort(lengths, kind="stable")]
    vectors = vectors[np.linalg.norm(vectors, axis=1) > 1e-6]
    area = abs(np.linalg.det(edges)) / len(shifts)
    across = [abs(np.linalg.det(np.array([vectors[0], v]))) for v in vectors]
    second = next(v for v, size in zip(vectors, across, strict=True) if abs(size / area - 1) < 1e-3)
    small = reduced_cell(np.array([vectors[0], second]))
    kept: list[_Group] = []
    for group in groups:
        place = (group.place @ edges @ np.linalg.inv(small)) % 1.0
        if not any(same_place(place, other.place) and _alike(group, other) for other in kept):
            kept.append(group._replace(place=place))
    return small, kept


def _is_translation(shift: FloatArray, places: FloatArray, alike: NDArray[np.bool_]) -> bool:
    return all(
        any(same_place(place + shift, other) for other in places[like])
        for place, like in zip(places, alike, strict=True)
    )


def _alike(one: _Group, other: _Group) -> bool:
    return one.species == other.species and math.isclose(
        one.weight, other.weight, rel_tol=_SAME_WEIGHT
    )


def _tidy(coordinate: float) -> float:
    """Undo the rounding of projecting: 0.4999999999 is 0.5."""
    tidy = round(float(coordinate) % 1.0, 9)
    return 0.0 if tidy == 1.0 else tidy
