"""Lattices that parts of an image show, each of which may be a grain."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image

from ._bragg import BraggLattice, find_basis
from ._domains import shows_domains
from ._misorientation import difference
from ._peaks import find_peaks, flatten

#: Tiles are this share of the image's sides, and overlap by half: a grain that is a third of the
#: image across fills the smallest, or nearly so.
_TILE_SHARES = (1 / 2, 1 / 3, 1 / 4)
#: Smaller tiles, in pixels, show too few Bragg peaks, and so do those with less than this share of
#: their pixels inside the mask.
_LEAST_SIDE, _LEAST_INSIDE = 64, 0.5
#: A tile across a boundary shows two lattices; below this share of its peaks' power the stronger
#: one is not trusted.
_LEAST_SHARE = 0.6
#: Lattices of two tiles that differ by less are one: a tile of 64 px tells vectors to 2 %, and
#: 0.07 is a rotation by 2.8 degrees.
SAME_LATTICE = 0.07
#: A crystal that the scan has bent changes from tile to tile by little. Lattices up to the first
#: number apart are one if overlapping tiles lead from one to the other by steps below the second.
_BENT, _STEP = 0.15, 0.03
#: Where one lattice explains this share of a tile's peaks' power, the next smaller tiles inside are
#: not looked at: another grain would fill less than a sixth of the tile.
_PURE = 0.97
#: A single tile proves its lattice if peaks at random places fit as well in one of so many images.
_LEAST_ODDS = math.log(1000)


class Tile(NamedTuple):
    """A part of an image and the lattice that it shows.

    Attributes
    ----------
    window : tuple of two slice
        Its rows and columns.
    bragg : BraggLattice
        Its lattice.
    in_domains : bool
        Whether the lattice explains all of the tile, but parts of it show different peaks.
    """

    window: tuple[slice, slice]
    bragg: BraggLattice
    in_domains: bool

    def overlaps(self, other: Tile) -> bool:
        """Tell whether two tiles have pixels in common."""
        return all(
            one.start < two.stop and two.start < one.stop
            for one, two in zip(self.window, other.window, strict=True)
        )

    def holds(self, window: tuple[slice, slice]) -> bool:
        """Tell whether all of a window is inside this tile."""
        return all(
            outer.start <= inner.start and inner.stop <= outer.stop
            for outer, inner in zip(self.window, window, strict=True)
        )


def find_seeds(pixels: Image, mask: NDArray[np.bool_] | None = None) -> list[list[Tile]]:
    """Find the lattices of an image's parts.

    Parameters
    ----------
    pixels : ndarray of shape (n_rows, n_cols)
        A checked image, its columns bright.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where to look.

    Returns
    -------
    seeds : list of list of Tile
        For each lattice the tiles that show it, the most telling one first. That is proof: two
        tiles without a pixel in common agree, or one has so many peaks that chance is excluded.
    """
    tiles = _tiles(pixels, mask)
    # The lattice that twins have in common explains a tile across their boundary, and those of both
    # twins as well.
    tiles = [tile for tile in tiles if not tile.in_domains] or tiles
    # One lattice more from so many tiles is the likelier to be chance.
    least_odds = _LEAST_ODDS + math.log(max(len(tiles), 1))
    tiles.sort(key=lambda tile: -tile.bragg.worth)
    seeds: list[list[Tile]] = []
    for tile in tiles:
        apart = [difference(tile.bragg.vectors, seed[0].bragg.vectors) for seed in seeds]
        if apart and min(apart) < SAME_LATTICE:
            seeds[int(np.argmin(apart))].append(tile)
        else:
            seeds.append([tile])
    return [
        seed
        for seed in _joined(seeds)
        if max(tile.bragg.odds for tile in seed) > least_odds
        or any(not one.overlaps(two) for i, one in enumerate(seed) for two in seed[:i])
    ]


def _tiles(pixels: Image, mask: NDArray[np.bool_] | None) -> list[Tile]:
    """Tiles that show one lattice, from the largest to the smallest that are needed."""
    tiles: list[Tile] = []
    for share in _TILE_SHARES:
        side = round(share * min(pixels.shape))
        if side < _LEAST_SIDE:
            break
        pure = [tile for tile in tiles if tile.bragg.share >= _PURE and not tile.in_domains]
        for window in _windows(pixels.shape, side):
            if mask is not None and mask[window].mean() < _LEAST_INSIDE:
                continue
            if any(tile.holds(window) for tile in pure):
                continue
            tile = _tile(pixels, window)
            if tile is not None and tile.bragg.share >= _LEAST_SHARE:
                tiles.append(tile)
    return tiles


def _windows(shape: tuple[int, ...], side: int) -> list[tuple[slice, slice]]:
    """Squares that cover an image and overlap by half."""
    rows, cols = (
        np.linspace(0, size - side, max(1, math.ceil(2 * size / side) - 1)).round().astype(int)
        for size in shape
    )
    return [
        (slice(row, row + side), slice(col, col + side))
        for row in rows.tolist()
        for col in cols.tolist()
    ]


def _joined(seeds: list[list[Tile]]) -> list[list[Tile]]:
    """Join lattices that one bent crystal shows in different places."""
    joined: list[list[Tile]] = []
    for seed in seeds:
        for other in joined:
            if difference(seed[0].bragg.vectors, other[0].bragg.vectors) < _BENT and any(
                one.overlaps(two) and difference(one.bragg.vectors, two.bragg.vectors) < _STEP
                for one in seed
                for two in other
            ):
                other.extend(seed)
                break
        else:
            joined.append(list(seed))
    return joined


def _tile(pixels: Image, window: tuple[slice, slice]) -> Tile | None:
    part = pixels[window]
    if part.min() == part.max():
        return None
    flat = flatten(part)
    peaks = find_peaks(flat)
    bragg = find_basis(peaks, part.shape) if len(peaks.frequencies) > 2 else None
    if bragg is None:
        return None
    return Tile(window, bragg, bragg.share >= _PURE and shows_domains(flat, bragg))
