"""How many columns of a lattice an image can show, and what that number is uncertain by."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar.lattice import Count, ImageLattice, Lattice

from ._slips import check_nearest

#: Of the outermost columns in a mask, the share that may be noise, or be missing.
_RIM_SHARE = 0.1
#: Width of the frame along the image's edges in which no atom is expected, as a share of the
#: nearest distance of two columns: an atom nearer to the edge than its sigma shows a flank only. On
#: the shipped micrograph and real ones of BaTiO3 and SrTiO3 all columns that are missed lie within
#: 0.14 to 0.27 of that distance from the edge.
_FRAME = 0.2


def count_columns(lattice: Lattice, shape: tuple[int, ...], calibration: float) -> Count:
    """Count the columns that can be found: those at the edge show a flank only.

    Parameters
    ----------
    lattice : Lattice
        The crystal, or an image's own lattice.
    shape : tuple of two int
        Rows and columns of the image.
    calibration : float
        Relative standard deviation of the crystal's pixel size.

    Returns
    -------
    count : Count

    Raises
    ------
    ValueError
        For columns closer than three pixels.
    """
    check_nearest(lattice)
    frame = frame_of(lattice.nearest_distance, shape)
    if isinstance(lattice, ImageLattice):
        count = lattice.expected_count(shape, border=frame, edge_error=frame / 2)
        return count if lattice.mask is None else _with_uncertain_mask(count, lattice, shape, frame)
    count = lattice.expected_count(shape, border=frame, calibration=calibration)
    # The frame's width is uncertain by half of it, on all sides.
    n_rows, n_cols = (size - 2 * frame for size in shape)
    edges = math.hypot(count.edges, count.n * frame * (1 / n_rows + 1 / n_cols))
    return Count(count.n, edges, count.calibration)


def frame_of(nearest: float, shape: tuple[int, ...]) -> float:
    """Width in pixels of the frame along an image's edges in which no atom is expected."""
    return min(max(1.0, _FRAME * nearest), min(shape) / 4)


def _with_uncertain_mask(
    count: Count, lattice: ImageLattice, shape: tuple[int, ...], frame: float
) -> Count:
    """Add what a mask's edge leaves open.

    Atoms may be taken to be on the other side of it, a pixel away. And where columns tell the mask,
    the outermost of them, which are the weakest, may be noise, or more may follow.
    """
    field = np.asarray(lattice.mask)

    def n_within(mask: NDArray[np.bool_]) -> float:
        return lattice.with_mask(mask).expected_count(shape, border=frame).n if mask.any() else 0.0

    inner, outer = (
        n_within(change(field)) for change in (ndimage.binary_erosion, ndimage.binary_dilation)
    )
    # The image's own edges are no rim.
    padded = np.pad(field, 1, mode="edge")
    away = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
    rim = count.n - n_within(away > lattice.nearest_distance)
    edge = math.hypot((outer - inner) / 2, math.sqrt(_RIM_SHARE * max(rim, 0.0)))
    return Count(count.n, math.hypot(count.edges, edge), count.calibration)
