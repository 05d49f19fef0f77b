"""How many columns a field of view holds, and how well that can be known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, check_real

from ._field_of_view import area_of_field, in_field
from ._periodic import columns_within

#: Origins of the lattice at which columns are counted to measure the spread of the counts. The
#: standard deviation of 64 numbers is known to 9 %.
_N_ORIGINS = 64
#: Multiples of these two numbers, modulo 1, fill a square more evenly than random points do (they
#: are powers of the inverse of the plastic number 1.3247).
_STEPS = np.array([0.7548776662466927, 0.5698402909980532])


@dataclass(frozen=True)
class Count:
    """An expected number of columns with its uncertainty.

    Parameters
    ----------
    n : float
        The expected number.
    edges : float
        Standard deviation due to what the edges cut off or let in.
    calibration : float
        Standard deviation due to the pixel size.

    Examples
    --------
    >>> from logstar.lattice import Count
    >>> count = Count(100.0, edges=3.0, calibration=4.0)
    >>> count.uncertainty
    5.0
    >>> print(count)
    100.0 +- 5.0
    """

    n: float
    edges: float
    calibration: float

    @property
    def uncertainty(self) -> float:  # numpydoc ignore=RT01
        """Standard deviation due to edges and pixel size together."""
        return math.hypot(self.edges, self.calibration)

    def __str__(self) -> str:
        return f"{self.n:.1f} +- {self.uncertainty:.1f}"


def count_columns(
    cell: FloatArray,
    places: FloatArray,
    shape: tuple[int, int],
    *,
    border: float = 0.0,
    calibration: float = 0.0,
    mask: NDArray[np.bool_] | None = None,
) -> Count:
    """Count the columns of a lattice that may lie anywhere in a field of view.

    Parameters
    ----------
    cell : ndarray of shape (2, 2)
        Edges of the cell as rows (row, col), in pixels.
    places : ndarray of shape (n_columns, 2)
        Fractional coordinates of its columns.
    shape : tuple of two int
        Rows and columns of the image.
    border : float, default=0.0
        Width in pixels of the frame that does not belong to the field.
    calibration : float, default=0.0
        Relative standard deviation of the pixel size. A count goes with its square, so it is
        uncertain by twice that.
    mask : ndarray of shape `shape`, bool, default=None
        Pixels that belong to the field.

    Returns
    -------
    count : Count
        The number is the field's area times the columns per pixel. Its uncertainty due to the
        edges is measured: columns are counted with the lattice at 64 places.

    Raises
    ------
    ValueError
        For a border that leaves nothing, or a mask of another shape.
    """
    border = check_real(border, name="border", low=0)
    calibration = check_real(calibration, name="calibration", low=0)
    if 2 * border >= min(shape):
        raise ValueError(f"border={border:g} leaves nothing of {shape[0]} x {shape[1]} px.")
    density = len(places) / abs(float(np.linalg.det(cell)))
    n = area_of_field(shape, border, mask) * density
    low, high = np.full(2, -0.5), np.array(shape) - 0.5
    counts = []
    for origin in (np.arange(1, _N_ORIGINS + 1)[:, None] * _STEPS) % 1.0:
        points, _ = columns_within(cell, places, origin @ cell, low, high)
        counts.append(int(in_field(points, shape, border, mask).sum()))
    return Count(n, float(np.std(counts)), 2 * calibration * n)
