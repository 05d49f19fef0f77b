"""How many columns a field of view holds, and how well that can be known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

#: Origins that the spread of counts is measured over.
_N_ORIGINS = 64
#: Steps of the evenest sequence of points in a square (by powers of the plastic number).
_STEPS = np.array([0.7548776662466927, 0.5698402909980532])


@dataclass(frozen=True)
class Count:
    """An expected number of columns with what it is uncertain by.

    Attributes
    ----------
    n : float
        The expected number.
    edges : float
        Standard deviation by what the edges cut off or let in.
    calibration : float
        Standard deviation by the pixel size.
    """

    n: float
    edges: float
    calibration: float

    @property
    def uncertainty(self) -> float:  # numpydoc ignore=RT01
        """Standard deviation by both."""
        return math.hypot(self.edges, self.calibration)

    def __str__(self) -> str:
        return f"{self.n:.1f} +- {self.uncertainty:.1f}"


def in_field(
    points: FloatArray,
    shape: tuple[int, int],
    border: float = 0.0,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Tell which points lie in a field of view.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Row and column in pixels.
    shape : tuple of two int
        Rows and columns of the image, whose outermost pixels end half a pixel beyond their centres.
    border : float, default=0.0
        Width in pixels of the frame that does not belong to the field.
    mask : ndarray of shape `shape`, bool, default=None
        Pixels that belong to the field.

    Returns
    -------
    inside : ndarray of shape (n,), bool
        So the number inside is on average the field's area by the area of a point.
    """
    low, high = border - 0.5, np.array(shape) - 0.5 - border
    inside = np.asarray(((points >= low) & (points < high)).all(axis=1))
    if mask is not None:
        rows, cols = np.round(points[inside]).astype(int).T
        inside[inside] = mask[np.clip(rows, 0, shape[0] - 1), np.clip(cols, 0, shape[1] - 1)]
    return inside


def edge_spread(count: Callable[[FloatArray], int]) -> float:
    """Measure the standard deviation of a count over where the lattice lies.

    Parameters
    ----------
    count : callable
        Counts the columns in the field for the fractional coordinates of an origin.

    Returns
    -------
    spread : float
    """
    origins = (np.arange(1, _N_ORIGINS + 1)[:, None] * _STEPS) % 1.0
    return float(np.std([count(origin) for origin in origins]))
