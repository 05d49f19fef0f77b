"""A crystal against the lattice of an image: calibration, drift and shear."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from logstar._validation import FloatArray

from ._image_lattice import ImageLattice
from ._lattice import Lattice
from ._periodic import reduced_cell

#: Cells of the image that are so many times larger or smaller than the crystal's are tried: where
#: columns of different elements look alike, or alike ones different.
_LARGEST_RATIO = 4
#: What a cell of another size costs, by the logarithm of the ratio, in logarithms of strain.
_RATIO_COST = 0.1
#: A crystal that must be stretched or sheared more than this, or scaled more, is another one.
_LARGEST_STRETCH, _LARGEST_SCALE = 0.25, 0.25
#: An image may hide columns, but rarely more than Cu and Y of YBa2Cu3O7, where a third is left.
_LEAST_SEEN = 0.3
#: Below this nothing is said of a distortion.
_NOTICED = 0.003


@dataclass(frozen=True)
class LatticeComparison:
    """How the lattice of an image differs from that of a crystal.

    Attributes
    ----------
    agrees : bool
        Whether the image can show the crystal: a cell of it, stretched and sheared by at most 25 %
        and at most 25 % larger or smaller, is the image's; and the image shows no more columns
        than it has, and at least 0.3 of them.
    pixel_size, unit : float and str
        The crystal's.
    corrected_pixel_size : float
        The pixel size at which the crystal has the image's area of the cell, in `unit`.
    pixel_size_error : float
        ``pixel_size / corrected_pixel_size - 1``: above 0 the calibration is too large.
    error : float
        Standard deviation of that, by the image's lattice.
    distortion : ndarray of shape (2, 2)
        What the scan did to (row, col) vectors beside scaling and turning: symmetric, with
        determinant 1. A matrix that takes drift out is its inverse.
    stretch : float
        By how much rows are further apart than columns, relatively: drift along the slow
        direction makes it.
    shear : float
        Angle in degrees by which right angles of the rows and columns are off: drift along the
        fast direction makes it.
    cell_ratio : float
        Area of the image's primitive cell by the crystal's.
    seen_share : float
        Columns that the image shows by those that the crystal has.
    """

    agrees: bool
    pixel_size: float
    unit: str
    corrected_pixel_size: float
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

    def _calibration(self) -> str:
        size = f"{self.corrected_pixel_size:.5g} {self.unit}/px"
        if abs(self.pixel_size_error) <= max(_NOTICED, 2 * self.error):
            return f"calibration is right within {max(_NOTICED, 2 * self.error):.1%}: {size}"
        larger = "large" if self.pixel_size_error > 0 else "small"
        return f"calibration is {abs(self.pixel_size_error):.1%} too {larger}: {size} fits"


def compare(crystal: Lattice, image_lattice: ImageLattice) -> LatticeComparison:
    """Compare lattices; `Lattice.compare` documents it."""
    if not isinstance(image_lattice, ImageLattice):
        raise TypeError(f"image_lattice must be an ImageLattice, got {image_lattice!r}.")
    seen, known = image_lattice.vectors, reduced_cell(crystal._cell())  # noqa: SLF001 - of its class
    deformation, ratio = _deformation(known, seen)
    # Turned first, then stretched in the image: v_seen = v_known Q P, with P symmetric.
    squared, axes = np.linalg.eigh(deformation.T @ deformation)
    stretch = axes @ np.diag(np.sqrt(squared)) @ axes.T
    scale = math.sqrt(abs(float(np.linalg.det(deformation))))
    stretch /= scale
    limits = np.sqrt(squared) / scale
    seen_share = len(image_lattice.columns) / (ratio * len(crystal.columns))
    error = 0.0 if math.isnan(image_lattice.vector_error) else image_lattice.vector_error
    return LatticeComparison(
        agrees=bool(
            limits.max() / limits.min() - 1 < _LARGEST_STRETCH
            and abs(math.log(scale)) < math.log(1 + _LARGEST_SCALE)
            and _LEAST_SEEN <= seen_share < 1.01
        ),
        pixel_size=crystal.pixel_size,
        unit=crystal.unit,
        corrected_pixel_size=crystal.pixel_size / scale,
        pixel_size_error=scale - 1,
        error=error,
        distortion=stretch,
        stretch=float(stretch[0, 0] / stretch[1, 1] - 1),
        shear=math.degrees(2 * math.atan(float(stretch[0, 1]))),
        cell_ratio=ratio,
        seen_share=seen_share,
    )


def _deformation(known: FloatArray, seen: FloatArray) -> tuple[FloatArray, float]:
    """The matrix that takes the crystal's lattice to the image's with least strain.

    Also the area of the image's cell by the crystal's, where the former is a multiple or a part
    of the latter.
    """
    best: tuple[float, FloatArray, float] | None = None
    for entries in itertools.product(range(-2, 3), repeat=4):
        matrix = np.array(entries, dtype=float).reshape(2, 2)
        ratio = abs(round(float(np.linalg.det(matrix))))
        if not 1 <= ratio <= _LARGEST_RATIO:
            continue
        for cell, area in ((matrix, float(ratio)), (np.linalg.inv(matrix), 1 / ratio)):
            deformation = np.linalg.inv(cell @ known) @ seen
            large, small = np.linalg.svd(deformation, compute_uv=False)
            turn = abs(math.atan2(deformation[0, 1] - deformation[1, 0], np.trace(deformation)))
            cost = (
                math.log(large / small)
                + abs(math.log(large * small)) / 2
                + _RATIO_COST * math.log(ratio)
                # Of matrices that are alike by symmetry, the one that turns least.
                + 1e-9 * turn
            )
            if best is None or cost < best[0]:
                best = cost, deformation, area
            if ratio == 1:
                break
    if best is None:
        raise AssertionError("unit matrices are among those tried")
    return best[1], best[2]
