"""Regions of a mask, and their geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.units import PixelSize

Mask = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Region:
    """A connected amorphous region.

    Lengths and areas are in pixels; in units of length they are known where the pixel size is.

    Parameters
    ----------
    label : int
        From 1, the largest.
    area : float
        In square pixels.
    perimeter : float
        In pixels (Crofton's formula with four directions); the image's frame bounds a region too.
    compactness : float
        ``area / perimeter ** 2`` (eq. 3 of Barakati et al.); a disc has ``1 / (4 pi)``, 0.080.
    centroid : tuple of two float
        Row and column in pixels.
    n_atoms : int
        Atoms found inside.
    pixel_size : PixelSize or None
        Side of a pixel, if it is known.

    Examples
    --------
    >>> from logstar.segmentation import Region
    >>> from logstar.units import PixelSize
    >>> region = Region(1, 400.0, 74.0, 0.073, (20.0, 31.5), 9, PixelSize(0.5, "nm"))
    >>> region.area_in_units, region.perimeter_in_units, region.unit
    (100.0, 37.0, 'nm')
    """

    label: int
    area: float
    perimeter: float
    compactness: float
    centroid: tuple[float, float]
    n_atoms: int
    pixel_size: PixelSize | None = None

    @property
    def unit(self) -> str | None:
        """Unit of length of `area_in_units` (its square) and `perimeter_in_units`.

        Returns
        -------
        unit : {"A", "nm", "pm"} or None
            None if the pixel size is not known.
        """
        return None if self.pixel_size is None else self.pixel_size.unit

    @property
    def area_in_units(self) -> float | None:
        """Area in the square of `unit`.

        Returns
        -------
        area : float or None
            None if the pixel size is not known.
        """
        return None if self.pixel_size is None else self.area * self.pixel_size.value**2

    @property
    def perimeter_in_units(self) -> float | None:
        """Length of the boundary in `unit`.

        Returns
        -------
        perimeter : float or None
            None if the pixel size is not known.
        """
        return None if self.pixel_size is None else self.perimeter * self.pixel_size.value


def label_regions(mask: Mask) -> tuple[NDArray[np.int64], int]:
    """Number the connected regions of a mask (eight neighbours) from 1, the largest first."""
    from skimage import measure  # noqa: PLC0415 - heavy, and this module is imported by rewards

    labels, n_regions = measure.label(mask, connectivity=2, return_num=True)
    sizes = np.bincount(labels.ravel(), minlength=n_regions + 1)[1:]
    ranks = np.zeros(n_regions + 1, dtype=np.int64)
    ranks[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, n_regions + 1)
    return ranks[labels], int(n_regions)


def boundary_length(mask: Mask) -> float:
    """Length of a mask's boundary in pixels, where it meets the image's frame included."""
    from skimage import measure  # noqa: PLC0415 - heavy, and this module is imported by rewards

    return float(measure.perimeter_crofton(mask, directions=4))


def describe_regions(
    mask: Mask, atoms: FloatArray, pixel_size: PixelSize | None = None
) -> list[Region]:
    """Measure the regions of a mask.

    Parameters
    ----------
    mask : ndarray of shape (n_rows, n_cols), bool
        Where it is amorphous.
    atoms : ndarray of shape (n_atoms, 2)
        Row and column in pixels.
    pixel_size : PixelSize, default=None
        Side of a pixel, if it is known.

    Returns
    -------
    regions : list of Region
        The largest first.
    """
    from skimage import measure  # noqa: PLC0415 - heavy, and this module is imported by rewards

    labels, n_regions = label_regions(mask)
    counts = np.bincount(values_at(labels, atoms), minlength=n_regions + 1)
    regions = []
    for found in measure.regionprops(labels):
        area, perimeter = float(found.area), boundary_length(found.image)
        regions.append(
            Region(
                label=int(found.label),
                area=area,
                perimeter=perimeter,
                compactness=area / perimeter**2,
                centroid=(float(found.centroid[0]), float(found.centroid[1])),
                n_atoms=int(counts[found.label]),
                pixel_size=pixel_size,
            )
        )
    return regions


def values_at(pixels: NDArray[Scalar], atoms: FloatArray) -> NDArray[Scalar]:
    """Values of the pixels that atoms are on; those of the edge for atoms beyond it."""
    last = np.array(pixels.shape) - 1
    row, col = np.clip(np.rint(atoms).astype(np.intp), 0, last).T
    values: NDArray[Scalar] = pixels[row, col]
    return values
