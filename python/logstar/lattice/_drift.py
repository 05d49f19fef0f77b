"""How far places of an image are from where they were if the scan had not bent the crystal."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from logstar._validation import FloatArray, as_positions

#: Inverting stops when no point moves by more than this many pixels, and after this many steps at
#: the latest: with a strain of 0.3, the greatest of a bent crystal, 20 steps leave 1e-10.
_CONVERGED, _MOST_STEPS = 1e-9, 60


@dataclass(frozen=True, eq=False, repr=False)
class DriftField:
    """A smooth bending of a scan: what must be added to places of the image to straighten them.

    What is the same all over the image, a shift, a stretch and a shear, is not in it: an image
    alone does not tell it from another crystal. Nor does it tell drift from strain of the sample
    that changes as slowly.

    Parameters
    ----------
    steps : ndarray of shape (2, n_grid_rows, n_grid_cols)
        To be added to row and column, in pixels, at points of a grid; linear between them, and
        beyond the outermost points as at these.
    spacing : tuple of two float
        Distance of the points along rows and columns, in pixels.
    first : tuple of two float
        Row and column of the first point.

    Examples
    --------
    >>> from logstar.datasets import make_typical_scene
    >>> from logstar.lattice import ImageLattice
    >>> scene = make_typical_scene("bent_drift", (256, 256), random_state=1)
    >>> drift = ImageLattice.from_image(scene.image).drift
    >>> print(drift)
    bent by 1.7 px (rms)
    >>> straight = drift.straightened([[100.0, 50.0]])
    >>> drift.bent(straight).round(6)
    array([[100.,  50.]])
    """

    steps: FloatArray
    spacing: tuple[float, float]
    first: tuple[float, float]

    def __str__(self) -> str:
        return f"bent by {self.rms:.1f} px (rms)"

    def __repr__(self) -> str:
        n_rows, n_cols = self.steps.shape[1:]
        return f"DriftField({self}, {n_rows} x {n_cols} points)"

    @property
    def rms(self) -> float:  # numpydoc ignore=RT01
        """Root mean square in pixels, along the direction in which it is larger."""
        return math.sqrt(float((self.steps**2).mean(axis=(1, 2)).max()))

    @property
    def largest(self) -> float:  # numpydoc ignore=RT01
        """Greatest distance in pixels between a place and where it belongs."""
        return float(np.hypot(*self.steps).max())

    def at(self, points: ArrayLike) -> FloatArray:
        """Tell what must be added to points of the image.

        Parameters
        ----------
        points : array-like of shape (n, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        steps : ndarray of shape (n, 2)
            Along rows and columns, in pixels.
        """
        places = as_positions(points, name="points")
        grid = ((places - self.first) / self.spacing).T
        found = [
            ndimage.map_coordinates(axis, grid, order=1, mode="nearest") for axis in self.steps
        ]
        return np.column_stack(found)

    def straightened(self, points: ArrayLike) -> FloatArray:
        """Bring points of the image to where they were if the image was not bent.

        Parameters
        ----------
        points : array-like of shape (n, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        straight : ndarray of shape (n, 2)
            Row and column of each.
        """
        places = as_positions(points, name="points")
        return np.asarray(places + self.at(places))

    def bent(self, points: ArrayLike) -> FloatArray:
        """Find where the image shows points of the straight crystal; undoes `straightened`.

        Parameters
        ----------
        points : array-like of shape (n, >=2)
            Row and column in pixels; further columns are ignored.

        Returns
        -------
        shown : ndarray of shape (n, 2)
            Row and column of each.
        """
        places = as_positions(points, name="points")
        shown = places - self.at(places)
        for _ in range(_MOST_STEPS):
            better = places - self.at(shown)
            step = float(np.abs(better - shown).max(initial=0.0))
            shown = better
            if step < _CONVERGED:
                break
        return np.asarray(shown)

    def moved(self, rows: float, cols: float) -> Self:
        """Give the same field where row and column are counted from another pixel.

        Parameters
        ----------
        rows, cols : float
            What is added to row and column of each point.

        Returns
        -------
        drift : DriftField
            The moved one.
        """
        row, col = self.first
        return replace(self, first=(row + rows, col + cols))
