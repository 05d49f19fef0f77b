"""A crystal against the lattice of an image: calibration, drift and shear."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np

from logstar._validation import FloatArray
from logstar.units import PixelSize

from ._columns import Column
from ._periodic import reduced_cell

#: The image's cell may be up to 4 times larger or smaller than the crystal's: larger where columns
#: of one element look different, smaller where columns of different elements look alike.
_LARGEST_RATIO = 4
#: A cell as large as the crystal's is preferred to one that is r times larger or smaller, unless
#: that one needs less strain by 0.1 ln(r); strain is the logarithm of a ratio of lengths.
_RATIO_COST = 0.1
#: A crystal that must be stretched or sheared more than this, or scaled more, is another one.
_LARGEST_STRETCH, _LARGEST_SCALE = 0.25, 0.25
#: Least share of the crystal's columns that the image must show. Weak columns may be hidden, at
#: worst Cu and Y of YBa2Cu3O7, whose two Ba columns are a third of all.
_LEAST_SEEN = 0.3
#: Share of the columns that counts as all of them; it allows for rounding.
_ALL_SEEN = 0.99
#: Smaller distortions and errors of the pixel size are not spoken of.
_NOTICED = 0.003


@dataclass(frozen=True)
class LatticeComparison:
    """How the lattice of an image differs from that of a crystal.

    Parameters
    ----------
    agrees : bool
        Whether the image can show the crystal. For that a cell of the crystal must become the
        image's cell by at most 25 % of stretch and shear, and 25 % of scale; and the image must
        show at least 0.3 of the crystal's columns, and not more than all of them. A cell that is
        larger than the crystal's must show all: such a cell tells that columns of one element look
        different, and columns that hide in one place of it hide in all.
    pixel_size : PixelSize
        That of the crystal.
    corrected_pixel_size : PixelSize
        The pixel size at which the crystal has the image's area of the cell.
    pixel_size_error : float
        ``pixel_size / corrected_pixel_size - 1``: above 0 the calibration is too large.
    error : float
        Relative standard deviation of the edges of the image's cell, which is that of the
        corrected pixel size.
    distortion : ndarray of shape (2, 2)
        What the scan did to (row, col) vectors beside scaling and turning: symmetric, with
        determinant 1. Its inverse takes the drift out.
    stretch : float
        Relative distance of rows over that of columns of pixels, less 1: drift along the slow
        direction of the scan causes it.
    shear : float
        Angle in degrees by which rows and columns are not at right angles: drift along the fast
        direction of the scan causes it.
    cell_ratio : float
        Area of the image's primitive cell over that of the crystal's.
    seen_share : float
        Share of the crystal's columns that the image shows.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.lattice import ImageLattice, Lattice
    >>> true = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(true, shape=(200, 200), random_state=0)
    >>> typed = Lattice.perovskite(4.0, pixel_size=0.21)
    >>> comparison = typed.compare(ImageLattice.from_image(scene.image))
    >>> comparison.agrees, round(comparison.pixel_size_error, 2)
    (True, 0.05)
    """

    agrees: bool
    pixel_size: PixelSize
    corrected_pixel_size: PixelSize
    pixel_size_error: float
    error: float
    distortion: FloatArray
    stretch: float
    shear: float
    cell_ratio: float
    seen_share: float

    def __str__(self) -> str:
        if not self.agrees:
            return (
                "the image's lattice is not that of the crystal: the best match is off by "
                f"{self.pixel_size_error:+.0%} in scale and distorted by {self.stretch:+.0%}, "
                f"{self.shear:.0f} degrees, and shows {self.seen_share:.0%} of the columns"
            )
        words = [self._calibration()]
        if abs(self.stretch) > max(_NOTICED, 2 * self.error):
            further = "further apart" if self.stretch > 0 else "closer"
            words.append(f"rows are {abs(self.stretch):.1%} {further} than columns (drift)")
        if abs(math.radians(self.shear)) > max(_NOTICED, 2 * self.error):
            words.append(f"sheared by {abs(self.shear):.1f} degrees (drift)")
        return "; ".join(words)

    @property
    def is_calibrated(self) -> bool:  # numpydoc ignore=RT01
        """Whether the pixel size is right, as far as the image can tell."""
        return self.agrees and abs(self.pixel_size_error) <= max(_NOTICED, 2 * self.error)

    def _calibration(self) -> str:
        if self.is_calibrated:
            size = self.pixel_size
            return f"calibration is right within {max(_NOTICED, 2 * self.error):.1%}: {size}"
        size = self.corrected_pixel_size
        larger = "large" if self.pixel_size_error > 0 else "small"
        return f"calibration is {abs(self.pixel_size_error):.1%} too {larger}: {size} fits"


@runtime_checkable
class SeenLattice(Protocol):
    """What a comparison asks of the lattice of an image; an `ImageLattice` has it."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of one cell that the image shows."""

    @property
    def vectors(self) -> FloatArray:
        """Edges of the cell as rows (row, col), in pixels."""

    @property
    def vector_error(self) -> float:
        """Relative standard deviation of the edges."""


def compare_cells(
    crystal: FloatArray,
    seen: FloatArray,
    *,
    n_columns: tuple[int, int],
    pixel_size: PixelSize,
    vector_error: float,
) -> LatticeComparison:
    """Compare the cell of a crystal with the cell that an image shows.

    Parameters
    ----------
    crystal, seen : ndarray of shape (2, 2)
        Edges of both cells as rows (row, col), in pixels; the crystal's at `pixel_size`.
    n_columns : tuple of two int
        How many columns the crystal's cell has, and how many the image's.
    pixel_size : PixelSize
        What the pixel size is said to be.
    vector_error : float
        Relative standard deviation of the image's edges; NaN where it is unknown.

    Returns
    -------
    comparison : LatticeComparison
    """
    deformation, ratio = _deformation(reduced_cell(crystal), seen)
    # The crystal is turned by Q and then stretched in the image by a symmetric P:
    # v_seen = v_crystal Q P. So P is the square root of the deformation's square.
    squared, axes = np.linalg.eigh(deformation.T @ deformation)
    stretch = axes @ np.diag(np.sqrt(squared)) @ axes.T
    scale = math.sqrt(abs(float(np.linalg.det(deformation))))
    stretch /= scale
    limits = np.sqrt(squared) / scale
    seen_share = n_columns[1] / (ratio * n_columns[0])
    # Half of the columns of a cell twice as large: that would be any crystal at a pixel size that
    # is too large by the root of 2.
    least_seen = _LEAST_SEEN if ratio <= 1 else _ALL_SEEN
    return LatticeComparison(
        agrees=bool(
            limits.max() / limits.min() - 1 < _LARGEST_STRETCH
            and abs(math.log(scale)) < math.log(1 + _LARGEST_SCALE)
            and least_seen <= seen_share < 1.01
        ),
        pixel_size=pixel_size,
        corrected_pixel_size=PixelSize(pixel_size.value / scale, pixel_size.unit),
        pixel_size_error=scale - 1,
        error=0.0 if math.isnan(vector_error) else vector_error,
        distortion=stretch,
        stretch=float(stretch[0, 0] / stretch[1, 1] - 1),
        shear=math.degrees(2 * math.atan(float(stretch[0, 1]))),
        cell_ratio=ratio,
        seen_share=seen_share,
    )


def _deformation(known: FloatArray, seen: FloatArray) -> tuple[FloatArray, float]:
    """The matrix that takes the crystal's lattice to the image's with least strain.

    Also the area of the image's cell over that of the crystal's: a whole number, or one over a
    whole number.
    """
    cells, ratios = _common_cells()
    deformations = np.linalg.inv(cells @ known) @ seen
    large, small = np.linalg.svd(deformations, compute_uv=False).T
    turns = np.arctan2(
        deformations[:, 0, 1] - deformations[:, 1, 0], np.trace(deformations, axis1=1, axis2=2)
    )
    costs = np.log(large / small) + np.abs(np.log(large * small)) / 2
    costs += _RATIO_COST * np.abs(np.log(ratios))
    # Several matrices may be alike by symmetry: the one that turns least is taken.
    best = int(np.argmin(costs + 1e-9 * np.abs(turns)))
    return deformations[best], float(ratios[best])


@cache
def _common_cells() -> tuple[FloatArray, FloatArray]:
    """Cells of one lattice in edges of another's, and their areas by that of the other's cell."""
    cells, ratios = [], []
    for entries in itertools.product(range(-2, 3), repeat=4):
        matrix = np.array(entries, dtype=float).reshape(2, 2)
        ratio = abs(round(float(np.linalg.det(matrix))))
        if 1 <= ratio <= _LARGEST_RATIO:
            cells.append(matrix)
            ratios.append(float(ratio))
        if 1 < ratio <= _LARGEST_RATIO:
            cells.append(np.linalg.inv(matrix))
            ratios.append(1 / ratio)
    return np.array(cells), np.array(ratios)
