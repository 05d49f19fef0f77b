"""Rewards of detections that need no expected count."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from logstar._numerics import MAD_TO_SIGMA
from logstar._validation import FloatArray, as_positions, check_real
from logstar.lattice import ImageLattice, Lattice
from logstar.neighbors import distance_sums

from ._base import DetectionReward
from ._gaps import covered

#: Share of a lattice's nearest distance below which two columns cannot be. True columns may be
#: nearer than that distance: rounding to whole pixels takes away up to 1 px (0.11 of the distance
#: in BaTiO3 at 0.3 angstrom per pixel), thermal spread and drift 0.1 of it.
SHORTEST = 0.7
#: A place is in a gap if it is farther from every atom than this many covering radii of the
#: lattice; in a perfect lattice no place is farther than one.
_GAP = 1.25


class _PlausibilityReward(DetectionReward):
    """A reward of detections that needs no expected number of atoms."""

    def _measure_each(self, tables: list[ArrayLike], X: Any, y: Any) -> list[float]:  # noqa: ARG002
        images = [None] * len(tables) if X is None else X
        if len(images) != len(tables):
            raise ValueError(f"{len(tables)} tables of atoms for {len(images)} images.")
        name = "detections" if len(tables) == 1 else "detections[{}]"
        return [
            self._measure(as_positions(table, name=name.format(i)), image)
            for i, (table, image) in enumerate(zip(tables, images, strict=True))
        ]

    @abstractmethod
    def _measure(self, atoms: FloatArray, image: Any) -> float:
        """Measure one image."""


class ShortPairs(_PlausibilityReward):
    """Pairs of atoms that are closer than physically possible, by the number of atoms.

    0 is ideal. Sees atoms invented beside true ones. Does not see missing atoms, nor atoms invented
    where there is room: in vacuum, on a vacant place.

    Parameters
    ----------
    min_distance : float or Lattice
        The shortest possible distance in pixels; of a lattice, 0.7 of its nearest distance.

    Examples
    --------
    >>> from logstar.rewards import ShortPairs
    >>> ShortPairs(min_distance=5).measure([[0, 0], [0, 10], [10, 0], [10, 1]])
    0.25
    """

    def __init__(self, min_distance: float | Lattice) -> None:
        self.min_distance = min_distance

    def limit(self) -> float:
        """Give the shortest possible distance.

        Returns
        -------
        limit : float
            In pixels.
        """
        if isinstance(self.min_distance, Lattice):
            return SHORTEST * self.min_distance.nearest_distance
        return check_real(self.min_distance, name="min_distance", low=0, low_included=False)

    def pairs(self, atoms: ArrayLike) -> list[tuple[int, int]]:
        """Find the pairs that are too short.

        Parameters
        ----------
        atoms : array-like of shape (n_atoms, >=2)
            Row and column in pixels.

        Returns
        -------
        pairs : list of tuple of two int
            Indices of the atoms, the lower first.
        """
        table = as_positions(atoms, name="atoms")
        if len(table) < 2:
            return []
        # The limit itself is possible.
        reach = float(np.nextafter(self.limit(), 0))
        return sorted(KDTree(table).query_pairs(reach))

    def _measure(self, atoms: FloatArray, image: Any) -> float:  # noqa: ARG002
        return len(self.pairs(atoms)) / max(len(atoms), 1)


class GapShare(_PlausibilityReward):
    """Share of the field without an atom within reach.

    0 is ideal, 1 is nothing found. Sees missing atoms, alone and in crowds. Does not see atoms too
    many, and takes vacuum for a gap unless a mask leaves it out.

    Parameters
    ----------
    reach : float or Lattice
        How far in pixels any place may be from an atom; of a lattice, 1.25 times its covering
        radius, so that a perfect lattice has no gap and a missing column leaves one.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        The field; None is that of the lattice, or everything. A frame of `reach` along the edges
        does not count, since atoms beyond may be within reach.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import GapShare
    >>> atoms = np.argwhere(np.ones((10, 10))) * 10
    >>> GapShare(reach=8).measure(atoms, np.zeros((91, 91)))
    0.0
    >>> GapShare(reach=8).measure(np.delete(atoms, 55, axis=0), np.zeros((91, 91))) > 0
    True
    """

    def __init__(self, reach: float | Lattice, mask: ArrayLike | None = None) -> None:
        self.reach = reach
        self.mask = mask

    def limit(self) -> float:
        """Give how far a place may be from an atom.

        Returns
        -------
        limit : float
            In pixels.
        """
        if isinstance(self.reach, Lattice):
            return _GAP * self.reach.covering_radius
        return check_real(self.reach, name="reach", low=0, low_included=False)

    def field(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Tell which pixels count.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns of the image.

        Returns
        -------
        field : ndarray of shape `shape`, bool
            The mask without the frame along the edges.

        Raises
        ------
        ValueError
            If the mask has another shape.
        """
        frame = min(math.ceil(self.limit()), (min(shape) - 1) // 2)
        field = np.zeros(shape, dtype=np.bool_)
        field[frame : shape[0] - frame, frame : shape[1] - frame] = True
        mask = (
            self.reach.mask if self.mask is None and isinstance(self.reach, Lattice) else self.mask
        )
        if mask is not None:
            given = np.asarray(mask, dtype=bool)
            if given.shape != shape:
                raise ValueError(f"mask has shape {given.shape}, the image {shape}.")
            field &= given
        return field

    def gaps(self, atoms: ArrayLike, field: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Find the places without an atom within reach.

        Parameters
        ----------
        atoms : array-like of shape (n_atoms, >=2)
            Row and column in pixels; taken at whole pixels.
        field : ndarray of shape (n_rows, n_cols), bool
            Which pixels count.

        Returns
        -------
        gaps : ndarray of shape (n_rows, n_cols), bool
            Where all atoms are farther than the limit.
        """
        table = np.round(as_positions(atoms, name="atoms")).astype(int)
        return field & ~covered(table, self.limit(), field.shape)

    def _measure(self, atoms: FloatArray, image: Any) -> float:
        if np.ndim(image) != 2:
            raise ValueError("GapShare looks at the field: give the image or its stack as X.")
        n_rows, n_cols = np.shape(image)
        field = self.field((n_rows, n_cols))
        return float(self.gaps(atoms, field).sum() / max(field.sum(), 1))


class SpacingSpread(_PlausibilityReward):
    """Relative spread of the distances to the nearest atom.

    The standard deviation, by the median absolute deviation, over the median. 0 is a perfect
    lattice; fewer than two atoms count as 1. Sees disorder, and false atoms mixed with true ones
    once they are many. Does not see a wrong lattice that is regular, missing atoms, or less than a
    quarter of false atoms; whole pixels alone give 0.03 at a distance of 12 px.

    Parameters
    ----------
    lattice : Lattice, default=None
        Its kinds of columns may have nearest distances of their own (in YBa2Cu3O7 they differ by
        12 %); each measured distance is then divided by whichever of those is closest to it. None
        divides by the median of all measured distances.

    Examples
    --------
    >>> from logstar.rewards import SpacingSpread
    >>> SpacingSpread().measure([[0, 0], [0, 10], [10, 0], [10, 10]])
    0.0
    """

    def __init__(self, lattice: Lattice | None = None) -> None:
        self.lattice = lattice

    def _measure(self, atoms: FloatArray, image: Any) -> float:  # noqa: ARG002
        if len(atoms) < 2:
            return 1.0
        nearest = distance_sums(atoms, n_neighbors=1)
        if self.lattice is not None:
            expected = np.unique(list(self.lattice.distance_sums(1).values()))
            nearest = (
                nearest
                / expected[
                    np.abs(np.log(np.maximum(nearest, 1e-9)[:, None] / expected)).argmin(axis=1)
                ]
            )
        middle = float(np.median(nearest))
        if middle == 0:
            return 1.0
        return float(MAD_TO_SIGMA * np.median(np.abs(nearest - middle)) / middle)


class OnLattice(_PlausibilityReward):
    """Share of the atoms that are on the image's lattice.

    1 is ideal; nothing found counts as 0. Sees atoms invented anywhere but on lattice points. Does
    not see missing atoms, and takes true atoms that are not on the lattice (interstitials,
    amorphous regions, another grain) for false ones.

    Parameters
    ----------
    lattice : ImageLattice
        The lattice of the image, from `ImageLattice.from_image`; it is fitted to the atoms first.
    reach : float, default=0.25
        How far from its point an atom may be, as a share of the nearest distance.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.rewards import OnLattice
    >>> from logstar.lattice import ImageLattice, Lattice
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(crystal, shape=(200, 200), random_state=0)
    >>> OnLattice(ImageLattice.from_image(scene.image)).measure(scene.positions)
    1.0
    """

    greater_is_better = True
    ideal = 1.0

    def __init__(self, lattice: ImageLattice, reach: float = 0.25) -> None:
        self.lattice = lattice
        self.reach = reach

    def _measure(self, atoms: FloatArray, image: Any) -> float:  # noqa: ARG002
        if not isinstance(self.lattice, ImageLattice):
            raise TypeError(f"lattice must be an ImageLattice, got {self.lattice!r}.")
        if len(atoms) == 0:
            return 0.0
        return float(self.lattice.refined(atoms).on_lattice(atoms, self.reach).mean())
