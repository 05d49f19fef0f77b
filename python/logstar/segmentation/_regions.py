"""Regions of a mask, and their geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage import measure

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Region:
    """A connected amorphous region.

    Attributes
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
    area_in_units, perimeter_in_units : float or None
        In square units and units of length, if the pixel size is known.
    """

    label: int
    area: float
    perimeter: float
    compactness: float
    centroid: tuple[float, float]
    n_atoms: int
    area_in_units: float | None = None
    perimeter_in_units: float | None = None


def label_regions(mask: Mask) -> tuple[NDArray[np.int64], int]:
    """Number the connected regions of a mask (eight neighbours), the largest first."""
    labels, n_regions = measure.label(mask, connectivity=2, return_num=True)
    sizes = np.bincount(labels.ravel(), minlength=n_regions + 1)[1:]
    ranks = np.zeros(n_regions + 1, dtype=np.int64)
    ranks[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, n_regions + 1)
    return ranks[labels], int(n_regions)


def boundary_length(mask: Mask) -> float:
    """Length of a mask's boundary in pixels, where it meets the image's frame included."""
    # Padded, since Crofton's formula counts crossings between pixels of the array only.
    return float(measure.perimeter_crofton(np.pad(mask, 1).astype(np.uint8), directions=4))


def describe_regions(
    mask: Mask, atoms: NDArray[np.float64], pixel_size: float | None = None
) -> list[Region]:
    """Measure the regions of a mask.

    Parameters
    ----------
    mask : ndarray of shape (n_rows, n_cols), bool
        Where it is amorphous.
    atoms : ndarray of shape (n_atoms, 2)
        Row and column in pixels.
    pixel_size : float, default=None
        Side of a pixel in a unit of length.

    Returns
    -------
    regions : list of Region
        The largest first.
    """
    labels, _ = label_regions(mask)
    row, col = np.clip(np.rint(atoms).astype(np.intp), 0, np.array(mask.shape) - 1).T
    counts = np.bincount(labels[row, col], minlength=labels.max() + 1)
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
                area_in_units=None if pixel_size is None else area * pixel_size**2,
                perimeter_in_units=None if pixel_size is None else perimeter * pixel_size,
            )
        )
    return regions
