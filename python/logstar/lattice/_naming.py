"""Which column of a crystal each column of an image's lattice is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._image_lattice import ImageLattice, _edges
from ._lattice import Lattice
from ._motif import correlation, weights_of

#: Edges of the crystal are vectors of the image's lattice to this share of their length: less than
#: a calibration is wrong by, before it is corrected.
_SAME_EDGE = 0.06
#: Columns are where the crystal has them to this share of the nearest distance.
_SAME_PLACE = 0.3
#: A naming is sure if brightness agrees with the crystal's weights better by this, in correlation,
#: than with any naming that gives other kinds.
_CLEARER = 0.05
#: Cells of the image's lattice along an edge of the crystal's, at most.
_MOST_CELLS = 4


class _Naming(NamedTuple):
    """A way to lay the crystal over the image's lattice."""

    fit: float
    misfit: float
    #: Edges of the crystal's cell as the image has them, and its corner, (row, col).
    vectors: FloatArray
    corner: FloatArray
    #: Places of the crystal's columns as the image has them, fractional.
    places: FloatArray
    #: Kinds of the image's columns, cell by cell.
    kinds: tuple[str, ...]


def named_after(crystal: Lattice, seen: ImageLattice) -> ImageLattice | None:
    """Give an image's lattice the cell and the kinds of its crystal.

    Parameters
    ----------
    crystal : Lattice
        With as many columns for an area as `seen` has.
    seen : ImageLattice
        The image's own lattice, whose kinds are named by their brightness alone.

    Returns
    -------
    named : ImageLattice or None
        The crystal, where the image shows it. None if it cannot be laid over the image's lattice,
        or if brightness does not tell which kind is which.
    """
    namings = sorted(_namings(crystal, seen), key=lambda naming: (-naming.fit, naming.misfit))
    if not namings:
        return None
    best = namings[0]
    # Of ways that give the same kinds the nearest to the crystal's places, by turn as well.
    alike = [naming for naming in namings if naming.kinds == best.kinds]
    others = [naming for naming in namings if naming.kinds != best.kinds]
    if others and best.fit - others[0].fit < _CLEARER:
        return None
    best = min(alike, key=lambda naming: (round(naming.misfit, 6), *naming.corner))
    columns = tuple(
        dataclasses.replace(column, u=float(u), v=float(v))
        for column, (u, v) in zip(crystal.columns, best.places, strict=True)
    )
    pixel = 1.0 if seen.pixel_size is None else seen.pixel_size.value
    return dataclasses.replace(
        seen,
        **_edges(best.vectors, pixel),
        columns=columns,
        origin=(float(best.corner[0]), float(best.corner[1])),
    )


def _namings(crystal: Lattice, seen: ImageLattice) -> Iterator[_Naming]:
    nearest = seen.nearest_distance
    own = np.array([[column.u, column.v] for column in crystal.columns])
    theirs = np.array([[column.u, column.v] for column in seen.columns])
    bright, expected = weights_of(seen), weights_of(crystal)
    names = np.array([column.kind for column in crystal.columns])
    for steps in _cells(crystal.vectors, seen.vectors):
        vectors = steps @ seen.vectors
        which, places = _inside(theirs, steps)
        if len(places) != len(own):
            continue
        for shift in places - own[0]:
            apart = places[None] - shift - own[:, None]
            apart -= np.round(apart)
            off = np.hypot(*np.moveaxis(apart @ vectors, -1, 0))
            chosen = off.argmin(axis=1)
            rows = np.arange(len(own))
            worst = off[rows, chosen].max()
            if len(set(chosen.tolist())) < len(own) or worst > _SAME_PLACE * nearest:
                continue
            kinds = np.empty(len(own), dtype=names.dtype)
            kinds[chosen] = names
            yield _Naming(
                correlation(bright[which[chosen]], expected) if len(set(names)) > 1 else 1.0,
                float(np.sqrt((off[rows, chosen] ** 2).mean())) / nearest,
                vectors,
                np.array(seen.origin) + shift @ vectors,
                own + apart[rows, chosen],
                _listed(kinds, places, theirs, steps),
            )


def _cells(own: FloatArray, seen: FloatArray) -> Iterator[NDArray[np.int64]]:
    """Edges of the crystal in cells of the image's lattice, in every orientation that fits."""
    span = np.arange(-_MOST_CELLS, _MOST_CELLS + 1)
    steps = np.stack(np.meshgrid(span, span, indexing="ij"), axis=-1).reshape(-1, 2)
    ends = steps @ seen
    length = np.hypot(*own[0])
    for first, end in zip(steps, ends, strict=True):
        if abs(np.hypot(*end) - length) > _SAME_EDGE * length:
            continue
        # The crystal turned so that its edge a lies along this vector.
        turn = np.arctan2(*end) - np.arctan2(*own[0])
        c, s = np.cos(turn), np.sin(turn)
        other = own[1] @ np.array([[c, -s], [s, c]])
        off = np.hypot(*(ends - other).T)
        nearest = int(off.argmin())
        if off[nearest] <= _SAME_EDGE * np.hypot(*other):
            yield np.array([first, steps[nearest]])


def _inside(places: FloatArray, steps: NDArray[np.int64]) -> tuple[NDArray[np.intp], FloatArray]:
    """Columns of a small lattice in one cell of a large one: number and fractional place there."""
    reach = np.arange(-2 * _MOST_CELLS, 2 * _MOST_CELLS + 1)
    small = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    at = (small + places[:, None]) @ np.linalg.inv(steps)
    # What lies at an edge belongs to one side, whichever way it was rounded.
    cells = np.floor(at + 1e-9)
    # The small cell it comes from, in whole numbers: one place has one such cell.
    sources = small - cells.astype(np.int64) @ steps
    numbers = np.broadcast_to(np.arange(len(places))[:, None, None], (*sources.shape[:2], 1))
    keys = np.concatenate([numbers, sources], axis=2).reshape(-1, 3)
    first = np.sort(np.unique(keys, axis=0, return_index=True)[1])
    return keys[first, 0], (at - cells).reshape(-1, 2)[first]


def _listed(
    kinds: NDArray[np.str_], places: FloatArray, theirs: FloatArray, steps: NDArray[np.int64]
) -> tuple[str, ...]:
    """Kinds of the image's columns in some of its cells, to compare namings by."""
    cells = np.array(list(np.ndindex(_MOST_CELLS, _MOST_CELLS)))
    apart = (cells[:, None] + theirs).reshape(-1, 1, 2) @ np.linalg.inv(steps) - places
    apart -= np.round(apart)
    return tuple(kinds[np.abs(apart).max(axis=2).argmin(axis=1)].tolist())
