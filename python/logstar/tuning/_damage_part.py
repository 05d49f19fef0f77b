"""Which part of a large image shows both its crystal and what is none, by its atoms alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar._validation import FloatArray

from ._large_images import TILE
from ._looked_at import Place
from ._tiled import tiles_of
from ._tiles_with_atoms import atoms_in, lies_in

#: Side of a part in pixels, and in distances of nearest atoms: some 1,600 atoms at least.
_SIDE, _SIDE_IN_SPACINGS = 1024, 40.0
#: An atom's surroundings are told by its distances to so many others.
_NEIGHBORS = 4
#: Halo of the tiles that these distances are measured in, in pixels: in a crystal the fourth of
#: them is far nearer.
_HALO = 64
#: Distances to the nearest, and sums of those to four, are counted in bins of this share of their
#: median. An atom is irregular if the bin of either and the two beside it hold less than the second
#: number of all atoms.
_BIN, _USUAL = 0.05, 0.05
#: Side of squares that are damaged or not, in distances of nearest atoms. One is empty if it holds
#: less than half as many atoms as squares do, and damaged if half of its atoms are irregular.
_SQUARE = 6.0
_HALF = 0.5
#: Share of damaged squares that a part should have, and of empty ones that it may have: enough to
#: tell what damage is like, and crystal enough to tell it from.
_WANTED, _MOST_EMPTY = 0.25, 0.25


def part_with_damage(table: FloatArray, shape: tuple[int, int]) -> Place:
    """Choose the part of an image that shows best what is crystal and what is none.

    Parameters
    ----------
    table : ndarray of shape (n_atoms, >=2)
        Row and column of all atoms, in pixels.
    shape : tuple of two int
        Rows and columns of the image.

    Returns
    -------
    part : tuple of two slice
        Of the whole image, where that is small. Without damage it is the first that is as regular
        as any.
    """
    nearest, sums = _distances(table[:, :2], shape)
    known = np.isfinite(sums)
    spacing = float(np.median(nearest[known])) if known.any() else 1.0
    side = max(_SIDE, math.ceil(_SIDE_IN_SPACINGS * spacing))
    if all(n <= side for n in shape) or not known.any():
        return slice(0, min(side, shape[0])), slice(0, min(side, shape[1]))
    square = max(1, round(_SQUARE * spacing))
    n_squares = tuple(max(1, n // square) for n in shape)
    at = np.minimum((table[:, :2] // square).astype(np.int64), np.array(n_squares) - 1)
    flat = np.ravel_multi_index(tuple(np.maximum(at, 0).T), n_squares)
    counts = np.bincount(flat, minlength=math.prod(n_squares))
    irregular = _is_rare(nearest) | _is_rare(sums)
    odd = np.bincount(flat, irregular, minlength=math.prod(n_squares))
    is_empty = counts < _HALF * float(np.median(counts[counts > 0]))
    is_odd = odd > _HALF * np.maximum(counts, 1)
    in_part = [min(max(1, side // square), n) for n in n_squares]
    empty, damaged = (
        np.lib.stride_tricks.sliding_window_view(one.reshape(n_squares), in_part).mean(axis=(2, 3))
        for one in (is_empty, is_odd & ~is_empty)
    )
    loss = np.abs(damaged - _WANTED) + np.maximum(empty - _MOST_EMPTY, 0.0)
    row, col = np.unravel_index(int(loss.argmin()), loss.shape)
    rows, cols = (
        _span(int(place) * square, side, n) for place, n in zip((row, col), shape, strict=True)
    )
    return rows, cols


def _span(start: int, side: int, size: int) -> slice:
    """Rows or columns of a part, within the image."""
    first = max(0, min(start, size - side))
    return slice(first, min(first + side, size))


def _distances(places: FloatArray, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Distance of each atom to the nearest, and the sum of those to four; infinite for a few."""
    nearest, sums = np.full((2, len(places)), np.inf)
    by_row = np.argsort(places[:, 0], kind="stable")
    for tile in tiles_of(shape, TILE, _HALO):
        near = atoms_in(places, by_row, tile.whole)
        own = lies_in(places[near], tile.core)
        if len(near) <= _NEIGHBORS or not own.any():
            continue
        found = np.asarray(KDTree(places[near]).query(places[near[own]], k=_NEIGHBORS + 1)[0])
        nearest[near[own]], sums[near[own]] = found[:, 1], found[:, 1:].sum(axis=1)
    return nearest, sums


def _is_rare(distances: FloatArray) -> NDArray[np.bool_]:
    """Which distances few atoms have: a crystal has as many as kinds of columns."""
    known = np.isfinite(distances)
    width = _BIN * float(np.median(distances[known]))
    # What is far beyond is alike far.
    bins = np.minimum(np.where(known, distances, 0.0) / width, 4 / _BIN).astype(np.int64)
    counts = np.convolve(np.bincount(bins[known]), np.ones(3), mode="same")
    rare = counts[np.minimum(bins, len(counts) - 1)] < _USUAL * known.sum()
    return np.asarray(~known | rare)
