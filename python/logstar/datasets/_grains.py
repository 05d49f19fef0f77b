"""Grains: pieces of crystal that a scene is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, check_real
from logstar.lattice import Lattice
from logstar.lattice._elements import Z_EXPONENT, atomic_number

from ._plane import ON_THE_EDGE, Mirror, Region, as_point
from ._rendering import CUTOFF

#: Sigma of an atom by the nearest distance: in `load_ybco` 0.17 (Cu, Y) to 0.20 (Ba).
SIGMA_SHARE = 0.18
#: Displacements beyond this many rms are not expected in a million atoms.
FARTHEST = 6
#: Height of the columns at the very edge of a tapered grain.
_THINNEST = 0.3


class LaidAtoms(NamedTuple):
    """Atoms of a grain in and around the image, in coordinates of the sample.

    Attributes
    ----------
    sites : ndarray of shape (n, 2)
        Where they would be in a perfect crystal.
    points : ndarray of shape (n, 2)
        Where they are.
    kinds : ndarray of shape (n,)
        Names.
    heights : ndarray of shape (n,)
        Intensities of their centres.
    is_missing : ndarray of shape (n,), bool
        Which are vacancies.
    sigma : float
        Of all.
    spacing : float
        The nearest distance of two.
    reach : float
        How far from a site the field reaches.
    crystal : ndarray of shape (m, 2)
        The sites of the whole crystal, also where its region does not reach.
    """

    sites: FloatArray
    points: FloatArray
    kinds: NDArray[np.str_]
    heights: FloatArray
    is_missing: NDArray[np.bool_]
    sigma: float
    spacing: float
    reach: float
    crystal: FloatArray

    def select(self, kept: NDArray[np.bool_]) -> LaidAtoms:
        """Some of the atoms."""
        return self._replace(
            sites=self.sites[kept],
            points=self.points[kept],
            kinds=self.kinds[kept],
            heights=self.heights[kept],
            is_missing=self.is_missing[kept],
        )


@dataclass(frozen=True)
class Dopant:
    """Foreign atoms on sites of a crystal.

    Parameters
    ----------
    species : str
        The foreign element.
    kind : str
        The kind of columns that it replaces.
    fraction : float
        Which share of them, from 0 to 1. Each is drawn by itself.

    Examples
    --------
    >>> from logstar.datasets import Dopant
    >>> Dopant("W", "Mo", 0.02)
    Dopant(species='W', kind='Mo', fraction=0.02)
    """

    species: str
    kind: str
    fraction: float

    def __post_init__(self) -> None:
        atomic_number(self.species)
        check_real(self.fraction, name="fraction of a dopant", low=0, high=1)


@dataclass(frozen=True, eq=False)
class Grain:
    """A piece of a crystal: which, how it lies, and where it ends.

    Parameters
    ----------
    lattice : Lattice
        The crystal; a mask that it has is not regarded.
    region : Region, default=None
        Where the grain is. None is everywhere.
    rotation : float, default=0.0
        In degrees, counter-clockwise as displayed with row 0 at the top.
    origin : tuple of two float, default=None
        Row and column of a corner of a cell, in pixels. None draws it, evenly over a cell.
    sigma : float, default=None
        Standard deviation of an atom in pixels; None is 0.18 of the nearest distance.
    amplitudes : mapping of str to float, default=None
        Height of the atoms by kind. Kinds that are not in it have ``(Z / Z_max) ** 1.7``, of the
        atomic numbers of their species and of the lattice's heaviest species.
    brightness : float, default=1.0
        All heights are multiplied by this: one grain may be thicker or heavier than another.
    taper : float, default=0.0
        Columns less than this far inside the region's edge, in pixels, are lower, as particles are
        thinner there: at the edge itself by a factor of 0.3.
    jitter : float, default=0.0
        Displacement of the columns in pixels, rms along each axis. It is part of the truth.
    vacancy_fraction : float, default=0.0
        Which share of the columns is missing, from 0 to 1. Each is drawn by itself.
    dopants : tuple of Dopant, default=()
        Foreign atoms. Their kind is named like "W on Mo".
    mirrors : tuple of Mirror, default=()
        Lines at which the laid-out crystal is reflected, one after another; see `twin`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    Examples
    --------
    Two grains with a straight boundary:

    >>> from logstar.datasets import Grain, Region, compose_scene
    >>> from logstar.lattice import Lattice
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> left = Grain(crystal, Region.half_plane((64, 64), facing=0), rotation=10)
    >>> right = Grain(crystal, ~left.region, rotation=35)
    >>> scene = compose_scene((128, 128), [left, right], random_state=0)
    >>> [int((scene.grain_of_atoms == grain).sum()) for grain in (1, 2)]
    [41, 38]
    """

    lattice: Lattice
    region: Region | None = None
    _: KW_ONLY
    rotation: float = 0.0
    origin: tuple[float, float] | None = None
    sigma: float | None = None
    amplitudes: Mapping[str, float] | None = None
    brightness: float = 1.0
    taper: float = 0.0
    jitter: float = 0.0
    vacancy_fraction: float = 0.0
    dopants: tuple[Dopant, ...] = ()
    mirrors: tuple[Mirror, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.lattice, Lattice):
            raise TypeError(f"lattice must be a Lattice, got {self.lattice!r}.")
        if self.region is not None and not isinstance(self.region, Region):
            raise TypeError(f"region must be a Region or None, got {self.region!r}.")
        checked = {
            "rotation": check_real(self.rotation, name="rotation"),
            "origin": None if self.origin is None else as_point(self.origin, "origin"),
            "sigma": check_real(self._sigma, name="sigma", low=0, low_included=False),
            "amplitudes": kind_heights(self.lattice, self.amplitudes),
            "brightness": check_real(self.brightness, name="brightness", low=0, low_included=False),
            "taper": check_real(self.taper, name="taper", low=0),
            "jitter": check_real(self.jitter, name="jitter", low=0),
            "vacancy_fraction": check_real(
                self.vacancy_fraction, name="vacancy_fraction", low=0, high=1
            ),
        }
        for dopant in self.dopants:
            if dopant.kind not in self.lattice.kinds:
                raise ValueError(
                    f"dopants replace the kind {dopant.kind!r}; the lattice has "
                    f"{', '.join(self.lattice.kinds)}."
                )
        if self.taper and self.region is None:
            raise ValueError(f"taper={self.taper:g} needs a region, whose edge it is at.")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def twin(self, point: Sequence[float], angle: float) -> Grain:
        """The grain's twin across a boundary: all of it reflected, the region as well.

        Where a row of columns lies on the boundary, the twin is coherent: they belong to both.

        Parameters
        ----------
        point : tuple of two float
            Row and column of a point of the boundary, in pixels.
        angle : float
            Direction of the boundary in degrees.

        Returns
        -------
        twin : Grain
            The reflected grain.

        Raises
        ------
        ValueError
            If the grain has no origin: one that is drawn would be drawn anew for its twin.

        Examples
        --------
        >>> from logstar.datasets import Grain, Region
        >>> from logstar.lattice import Column, Lattice
        >>> oblique = Lattice(3, 4, 70, columns=[Column("A", "Au", 0, 0)], pixel_size=0.2)
        >>> below = Grain(oblique, Region.half_plane((50, 50), facing=90), origin=(50, 50))
        >>> above = below.twin((50, 50), angle=0)
        >>> above.region.contains([(20, 50), (80, 50)])
        array([ True, False])
        """
        if self.origin is None:
            raise ValueError("a twin needs a grain whose origin is given, got origin=None.")
        mirror = Mirror(as_point(point, "point"), check_real(angle, name="angle"))
        region = None if self.region is None else self.region.mirrored(mirror)
        return dataclasses.replace(self, region=region, mirrors=(*self.mirrors, mirror))

    @property
    def _sigma(self) -> float:
        return SIGMA_SHARE * self.lattice.nearest_distance if self.sigma is None else self.sigma

    def with_origin(self, rng: np.random.Generator) -> Grain:
        """Draw the origin if it is not given.

        Parameters
        ----------
        rng : Generator
            Draws it.

        Returns
        -------
        grain : Grain
            The same, with an origin.
        """
        drawn = draw_origin(self.lattice, rng)
        return self if self.origin is not None else dataclasses.replace(self, origin=drawn)

    def contains(self, points: FloatArray) -> NDArray[np.bool_]:
        """Tell which points lie in the region or on its edge.

        Parameters
        ----------
        points : ndarray of shape (n, 2)
            Row and column.

        Returns
        -------
        inside : ndarray of shape (n,), bool
            True inside.
        """
        if self.region is None:
            return np.ones(len(points), dtype=np.bool_)
        return self.region.contains(points)

    def has_inside(self, points: FloatArray) -> NDArray[np.bool_]:
        """Tell which points lie inside the region and not on its edge, which neighbours may share.

        Parameters
        ----------
        points : ndarray of shape (n, 2)
            Row and column.

        Returns
        -------
        inside : ndarray of shape (n,), bool
            True inside.
        """
        if self.region is None:
            return np.ones(len(points), dtype=np.bool_)
        return np.asarray(self.region.depth(points) > ON_THE_EDGE)

    def lay(self, low: FloatArray, high: FloatArray, rng: np.random.Generator) -> LaidAtoms:
        """Lay out what the grain has in a rectangle and what reaches into it, with its defects.

        Parameters
        ----------
        low, high : ndarray of shape (2,)
            Corners of the rectangle, which belong to it.
        rng : Generator
            Draws the defects.

        Returns
        -------
        atoms : LaidAtoms
            Those inside the region.
        """
        moving, dropping, doping = rng.spawn(3)
        sigma = self._sigma
        reach = max(CUTOFF * sigma, self.lattice.covering_radius) + FARTHEST * self.jitter
        sites, kinds = self._sites(low - reach, high + reach)
        points = sites + self.jitter * moving.normal(size=sites.shape)
        is_missing = dropping.random(len(sites)) < self.vacancy_fraction
        heights, kinds = self._heights(kinds, doping)
        depth = np.full(len(sites), np.inf) if self.region is None else self.region.depth(sites)
        if self.taper:
            thickness = _THINNEST + (1 - _THINNEST) * depth / self.taper
            heights = heights * np.clip(thickness, _THINNEST, 1)
        inside = self.contains(sites)
        # A place that is as far from a column as the crystal allows is within reach.
        radius = self.lattice.covering_radius + ON_THE_EDGE
        everything = LaidAtoms(
            sites,
            points,
            kinds,
            heights,
            is_missing,
            sigma,
            self.lattice.nearest_distance,
            radius,
            sites,
        )
        return everything.select(inside)

    def _sites(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, NDArray[np.str_]]:
        """Lattice points in a rectangle, after the mirrors."""
        corners = np.array([[r, c] for r in (low[0], high[0]) for c in (low[1], high[1])])
        for mirror in reversed(self.mirrors):
            corners = mirror.reflect(corners)
        start = np.floor(corners.min(axis=0))
        n_rows, n_cols = (np.ceil(corners.max(axis=0)) - start + 1).astype(int)
        corner = np.zeros(2) if self.origin is None else np.array(self.origin)
        points, kinds = self.lattice.positions(
            (int(n_rows), int(n_cols)), origin=tuple(corner - start), rotation=self.rotation
        )
        points = points + start
        for mirror in self.mirrors:
            points = mirror.reflect(points)
        inside = ((points >= low) & (points <= high)).all(axis=1)
        return points[inside], kinds[inside]

    def _heights(
        self, kinds: NDArray[np.str_], rng: np.random.Generator
    ) -> tuple[FloatArray, NDArray[np.str_]]:
        """Heights and kinds after doping."""
        known = kind_heights(self.lattice, self.amplitudes)
        heights = np.array([known[str(kind)] for kind in kinds])
        heaviest = max(atomic_number(column.species) for column in self.lattice.columns)
        named = kinds.astype(object)
        for dopant in self.dopants:
            replaced = (kinds == dopant.kind) & (rng.random(len(kinds)) < dopant.fraction)
            heights[replaced] = (atomic_number(dopant.species) / heaviest) ** Z_EXPONENT
            named[replaced] = f"{dopant.species} on {dopant.kind}"
        return self.brightness * heights, named.astype(np.str_)


def kind_heights(lattice: Lattice, amplitudes: Mapping[str, float] | None) -> dict[str, float]:
    """Heights of all kinds of columns; `make_scene` documents the parameters."""
    numbers = {column.kind: atomic_number(column.species) for column in lattice.columns}
    heaviest = max(numbers.values())
    heights = {kind: (number / heaviest) ** Z_EXPONENT for kind, number in numbers.items()}
    for kind, height in (amplitudes or {}).items():
        if kind not in heights:
            raise ValueError(
                f"amplitudes has the kind {kind!r}; the lattice has {', '.join(lattice.kinds)}."
            )
        name = f"amplitudes[{kind!r}]"
        heights[kind] = check_real(height, name=name, low=0, low_included=False)
    return heights


def draw_origin(lattice: Lattice, rng: np.random.Generator) -> tuple[float, float]:
    """Draw the corner of a cell."""
    # In a square of a thousand cells' edge: evenly over the cell, whatever its shape.
    edge = max(lattice.a, lattice.b)
    if lattice.pixel_size is not None:
        edge /= lattice.pixel_size.value
    row, col = rng.uniform(0, 1000 * edge, size=2)
    return row, col
