"""What is to be said of the atoms of a large image beside where they are, tile by tile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, Image, as_image
from logstar.detection._atom_significance import share_left, strengths_among_neighbors
from logstar.detection._block_statistics import evenly_placed
from logstar.detection._noise_tail import NoiseMaxima, significance_of
from logstar.detection._significance import (
    gain_of_few_electrons,
    reach_of_surroundings,
    strengths_within,
)
from logstar.lattice import Lattice
from logstar.rewards import GapShare, ShortPairs, SpacingSpread
from logstar.rewards._gaps import covered
from logstar.rewards._quality import concerns_of_distances

from ._array_parts import part_of, travelling
from ._cluster import results_in_order
from ._contamination import contaminated_area
from ._crystal_in_tiles import ShowsCrystal
from ._large_images import TILE
from ._long_run import Stage, TellsProgress
from ._looked_at import LookedAt
from ._tiled import Tile, tiles_of
from ._tiles_with_atoms import TilesWithAtoms, TileWithAtoms

#: Side in pixels of the tiles that are compared with noise, of which a dozen copies are needed.
_SIDE = 1024
#: Halo of the tiles in which contamination and gaps are looked for, in distances of nearest atoms.
_HALO = 8.0
#: Squares of the sample that tells whether noise is that of few electrons: so many by so many, of
#: this side in pixels.
_SAMPLES, _SAMPLE_SIDE = 6, 192


class Diagnosis(NamedTuple):
    """What the tiles say together.

    Attributes
    ----------
    significance : ndarray of shape (n_atoms,)
        As of `atom_significance`.
    contaminated : ndarray of shape (n_atoms,), bool
        Whether each atom lies under contamination.
    contaminated_share : float
        Share of the image, or of what was looked at, that does.
    concerns : list of str
        What distances between atoms, and gaps without any, give reason to doubt.
    """

    significance: FloatArray
    contaminated: NDArray[np.bool_]
    contaminated_share: float
    concerns: list[str]

    def without_atoms(self) -> Diagnosis:
        """The same without what is told of each atom, which takes memory."""
        return self._replace(significance=np.empty(0), contaminated=np.empty(0, dtype=bool))


def diagnosed_by_tiles(
    array: Any,
    table: FloatArray,
    lattice: Lattice,
    *,
    polarity: Literal["bright", "dark"],
    looked_at: LookedAt,
    shows: ShowsCrystal | None,
    n_threads: int = 1,
    client: Any = None,
    progress: TellsProgress | None = None,
) -> Diagnosis:
    """Look at the atoms of an image that need not fit into memory as at those of a smaller one.

    Parameters
    ----------
    array : array-like of shape (n_rows, n_cols)
        The image.
    table : ndarray of shape (n_atoms, 4)
        Row, column, sigma and response, as detected.
    lattice : Lattice
        The crystal.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    looked_at : LookedAt
        Where they were looked for.
    shows : ShowsCrystal or None
        Tells where there is crystal; None is everywhere.
    n_threads : int, default=1
        Tiles at a time.
    client : dask.distributed.Client, default=None
        Whose workers do it.
    progress : callable, default=None
        Is told of each tile of either pass.

    Returns
    -------
    diagnosis : Diagnosis
        Gaps, short pairs and marks are those of the whole image, contamination as long as most of
        each tile of 2048 pixels is clean. Strengths of noise are those of the whole but for what
        lies beyond three widths of the Gaussian that they are averaged over.
    """
    shape = (int(array.shape[0]), int(array.shape[1]))
    source = travelling(array) if client is not None else array
    work = _Where(source, looked_at, shows, polarity, shape)
    size = float(np.median(table[:, 2])) if len(table) else 1.0
    compares = ComparesWithNoise(work, size, _gain(array, shape))
    reach = max(reach_of_surroundings(size), 0 if shows is None else shows.reach)
    tiles = tiles_of(shape, _SIDE, reach, looked_at.place)
    with_atoms = TilesWithAtoms(array, table, sends=source is None)
    stage = Stage("comparing with noise", len(tiles), progress)
    strengths = np.zeros(len(table))
    noise: list[list[NoiseMaxima]] = []
    for i, (own, maxima) in enumerate(
        results_in_order(compares, with_atoms.over(tiles), n_threads=n_threads, client=client)
    ):
        strengths[with_atoms.places[i]] = own
        noise.append(maxima)
        stage.step()
    strengths *= share_left(len(table), size, math.prod(looked_at.shape))
    tails = [joined(parts).tail() for parts in zip(*noise, strict=True)]

    spacing = lattice.nearest_distance
    looks = LooksAround(work, spacing, GapShare(lattice).limit())
    reach = math.ceil(max(_HALO * spacing, 0 if shows is None else shows.reach))
    tiles = tiles_of(shape, TILE, reach, looked_at.place)
    with_atoms = TilesWithAtoms(array, table, sends=source is None)
    stage = Stage("looking around", len(tiles), progress)
    contaminated = np.zeros(len(table), dtype=bool)
    total = np.zeros(3)
    for i, (marks, areas) in enumerate(
        results_in_order(looks, with_atoms.over(tiles), n_threads=n_threads, client=client)
    ):
        contaminated[with_atoms.places[i]] = marks
        total += areas
        stage.step()
    below, gaps, field = total.tolist()
    return Diagnosis(
        significance_of(strengths, tails) if len(table) else np.empty(0),
        contaminated,
        below / math.prod(looked_at.shape),
        concerns_of_distances(
            short_pairs=len(ShortPairs(lattice).pairs(table[:, :2])) / max(len(table), 1),
            gaps=gaps / max(field, 1.0),
            spread=float(SpacingSpread(lattice).measure(table[:, :2])),
        ),
    )


def joined(parts: tuple[NoiseMaxima, ...]) -> NoiseMaxima:
    """The maxima of all parts of an image, whose tail is that of the whole."""
    skewness = float(np.mean([part.skewness for part in parts]))
    return NoiseMaxima(np.concatenate([part.strengths for part in parts]), skewness)


def _gain(array: Any, shape: tuple[int, int]) -> float | None:
    """What an electron adds to a pixel, if there are few, by a sample of the image."""
    parts = [
        np.asarray(as_image(part_of(array, place)), dtype=np.float64)
        for place in evenly_placed(shape, _SAMPLES, _SAMPLE_SIDE)
    ]
    # They may differ by a pixel; what is beside a seam is a small part of all differences.
    n_cols = min(part.shape[1] for part in parts)
    return gain_of_few_electrons(np.concatenate([part[:, :n_cols] for part in parts]))


class _Where(NamedTuple):
    """What a tile is read from, and where in it atoms can be."""

    source: Any
    looked_at: LookedAt
    shows: ShowsCrystal | None
    polarity: Literal["bright", "dark"]
    shape: tuple[int, int]

    def field(self, tile: Tile, pixels: Image, inner: tuple[slice, slice]) -> NDArray[np.bool_]:
        """Where in a tile's core atoms can be; nowhere in its halo."""
        field = np.zeros(pixels.shape, dtype=bool)
        field[inner] = True
        if self.shows is not None:
            field &= self.shows.in_tile(pixels)
        within = self.looked_at.field_in(tile.core)
        if within is not None:
            field[inner] &= within
        return field


@dataclass(frozen=True)
class ComparesWithNoise:
    """Measures how far the atoms of a tile stand out of noise.

    Parameters
    ----------
    where : _Where
        The image.
    size : float
        Sigma of atoms in pixels.
    gain : float or None
        Of the image, where it is that of few electrons.
    """

    where: _Where
    size: float
    gain: float | None

    def __call__(self, item: TileWithAtoms) -> tuple[FloatArray, list[NoiseMaxima]]:
        """Strengths of the tile's own atoms, and maxima of its noise."""
        pixels = as_image(item.read(self.where.source))
        core = self.where.field(item.tile, pixels, item.inner)
        if len(item.atoms) == 0:
            *_, noise = strengths_within(
                pixels,
                size=self.size,
                polarity=self.where.polarity,
                core=core,
                counts=pixels,
                gain=self.gain,
                seed=item.tile.number,
                places=np.empty((0, 2), dtype=np.intp),
            )
            return np.empty(0), noise
        found = strengths_among_neighbors(
            pixels,
            item.places,
            self.size,
            self.where.polarity,
            core,
            gain=self.gain,
            seed=item.tile.number,
        )
        return found.strengths[item.own], found.noise


@dataclass(frozen=True)
class LooksAround:
    """Looks for contamination, and for gaps between atoms, in a tile.

    Parameters
    ----------
    where : _Where
        The image.
    spacing : float
        Distance of nearest atoms in pixels.
    limit : float
        How far a place may be from an atom, in pixels.
    """

    where: _Where
    spacing: float
    limit: float

    def __call__(self, item: TileWithAtoms) -> tuple[NDArray[np.bool_], FloatArray]:
        """Which of the tile's own atoms are contaminated; areas: of that, of gaps, of the field."""
        pixels = as_image(item.read(self.where.source))
        places = item.places
        marks = np.zeros(int(item.own.sum()), dtype=bool)
        area = contaminated_area(pixels, places, self.spacing, polarity=self.where.polarity)
        n_below = 0
        if area is not None:
            marks = area[tuple(np.rint(places[item.own]).astype(int).T)]
            within = self.where.looked_at.field_in(item.tile.core)
            n_below = int((area[item.inner] & (True if within is None else within)).sum())
        field = self.where.field(item.tile, pixels, item.inner)
        # As everywhere, places near the frame do not count: their atom may be beyond it.
        frame = math.ceil(self.limit)
        for axis, (whole, n) in enumerate(zip(item.tile.whole, self.where.shape, strict=True)):
            at = np.arange(whole.start, whole.stop)
            inside = (at >= frame) & (at < n - frame)
            field &= np.expand_dims(inside, 1 - axis)
        gaps = field & ~covered(np.rint(places).astype(int), self.limit, pixels.shape)
        areas = [n_below, np.count_nonzero(gaps), np.count_nonzero(field)]
        return marks, np.array(areas, dtype=np.float64)
