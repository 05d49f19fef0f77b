"""Directions, mirrors and parts of the image plane.

Angles are in degrees, counter-clockwise as displayed with row 0 at the top; 0 points to the right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, as_positions, check_real

#: A point counts as inside up to this many pixels beyond the edge, so that columns on a common
#: edge of two regions belong to both whatever the rounding.
ON_THE_EDGE = 1e-6


def direction(angle: float) -> FloatArray:
    """Unit vector (row, col) at an angle."""
    radians = math.radians(angle)
    return np.array([-math.sin(radians), math.cos(radians)])


def as_point(point: Sequence[float], name: str) -> tuple[float, float]:
    """Check a place (row, col).

    Raises
    ------
    TypeError, ValueError
        If it is not two finite numbers.
    """
    values = tuple(point)
    if len(values) != 2:
        raise ValueError(f"{name} must be (row, col), got {point!r}.")
    return check_real(values[0], name=f"{name} row"), check_real(values[1], name=f"{name} col")


@dataclass(frozen=True)
class Mirror:
    """A line at which the plane is reflected.

    Parameters
    ----------
    point : tuple of two float
        Row and column of a point of the line, in pixels.
    angle : float
        Direction of the line in degrees.
    """

    point: tuple[float, float]
    angle: float

    def reflect(self, points: FloatArray) -> FloatArray:
        """Where points (n, 2) come to lie."""
        normal = direction(self.angle + 90)
        beyond = (points - np.array(self.point)) @ normal
        return np.asarray(points - 2 * beyond[:, None] * normal)


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the plane with exact edges: where a grain, a film or a hole is.

    Regions combine: ``a & b`` is what both have, ``a | b`` what either has, ``~a`` the rest of the
    plane.

    Parameters
    ----------
    depth : callable
        Takes points (n, 2), row and column in pixels, and gives for each how far it lies inside
        the edge, in pixels; below 0 outside.
    description : str, default="a region"
        What it is.

    Examples
    --------
    >>> from logstar.datasets import Region
    >>> ring = Region.disc((50, 50), 30) & ~Region.disc((50, 50), 10)
    >>> ring.contains([(50, 70), (50, 55)])
    array([ True, False])
    """

    depth: Callable[[FloatArray], FloatArray]
    description: str = "a region"

    @classmethod
    def half_plane(cls, point: Sequence[float], facing: float) -> Self:
        """All on one side of a straight edge.

        Parameters
        ----------
        point : tuple of two float
            Row and column of a point of the edge.
        facing : float
            Direction in degrees, at right angles to the edge, that points out of the region.

        Returns
        -------
        region : Region
            The half plane.
        """
        start = np.array(as_point(point, "point"))
        outwards = direction(check_real(facing, name="facing"))
        return cls(
            lambda points: -((points - start) @ outwards), f"half plane facing {facing:g} degrees"
        )

    @classmethod
    def disc(cls, center: Sequence[float], radius: float) -> Self:
        """A disc.

        Parameters
        ----------
        center : tuple of two float
            Row and column.
        radius : float
            In pixels.

        Returns
        -------
        region : Region
            The disc.
        """
        middle = np.array(as_point(center, "center"))
        radius = check_real(radius, name="radius", low=0, low_included=False)
        return cls(lambda points: radius - np.hypot(*(points - middle).T), f"disc of {radius:g} px")

    @classmethod
    def facetted(
        cls, center: Sequence[float], distances: ArrayLike, facing: ArrayLike | None = None
    ) -> Self:
        """A convex polygon, given by its facets as in Wulff's construction.

        Parameters
        ----------
        center : tuple of two float
            Row and column.
        distances : array-like of shape (n_facets,)
            How far each facet is from the center, in pixels.
        facing : array-like of shape (n_facets,), default=None
            The direction that each facet faces, in degrees. None spreads them evenly, the first
            facing to the right.

        Returns
        -------
        region : Region
            The polygon.
        """
        middle = np.array(as_point(center, "center"))
        lengths = np.atleast_1d(np.asarray(distances, dtype=np.float64))
        for length in lengths:
            check_real(float(length), name="each of distances", low=0, low_included=False)
        if facing is None:
            angles = 360 / len(lengths) * np.arange(len(lengths))
        else:
            angles = np.atleast_1d(np.asarray(facing, dtype=np.float64))
        if len(angles) != len(lengths):
            raise ValueError(f"{len(lengths)} distances need as many in facing, got {len(angles)}.")
        outwards = np.array([direction(float(angle)) for angle in angles])

        def depth(points: FloatArray) -> FloatArray:
            return np.asarray((lengths - (points - middle) @ outwards.T).min(axis=1))

        return cls(depth, f"polygon of {len(lengths)} facets")

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points lie inside.

        Parameters
        ----------
        points : array-like of shape (n, 2)
            Row and column.

        Returns
        -------
        inside : ndarray of shape (n,), bool
            Points on the edge are inside.
        """
        return np.asarray(self.depth(as_positions(points, name="points")) >= -ON_THE_EDGE)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Tell which pixels of an image have their centre inside.

        Parameters
        ----------
        shape : tuple of two int
            Rows and columns.

        Returns
        -------
        mask : ndarray of shape (n_rows, n_cols), bool
            True inside.
        """
        return self.contains(np.indices(shape).reshape(2, -1).T).reshape(shape)

    def mirrored(self, mirror: Mirror) -> Region:
        """Reflect the region.

        Parameters
        ----------
        mirror : Mirror
            The line.

        Returns
        -------
        region : Region
            Its image in the mirror.
        """
        return Region(
            lambda points: self.depth(mirror.reflect(points)), f"mirrored {self.description}"
        )

    def __and__(self, other: Region) -> Region:
        return Region(
            lambda points: np.minimum(self.depth(points), other.depth(points)),
            f"({self.description} and {other.description})",
        )

    def __or__(self, other: Region) -> Region:
        return Region(
            lambda points: np.maximum(self.depth(points), other.depth(points)),
            f"({self.description} or {other.description})",
        )

    def __invert__(self) -> Region:
        return Region(lambda points: -self.depth(points), f"not {self.description}")

    def __repr__(self) -> str:
        return f"Region({self.description})"
