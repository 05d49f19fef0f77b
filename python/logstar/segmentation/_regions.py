"""Regions of a mask, and their geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.units import PixelSize

from ._kind_names import AMORPHOUS, KINDS

Mask = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Region:
    """A connected region that is not the crystal.

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
    pixel_size : PixelSize, default=None
        Side of a pixel, if it is known.
    kind : str, default="amorphous"
        "amorphous" (atoms without order, or a film without atoms), "vacuum" (no atoms and no
        intensity), "contamination" (intensity that the crystal has not) or "other grain" (another
        orientation or crystal).
    confidence : float, default=nan
        How sure the kind is, from 0 to 1: the mean over the region of how far the evidence is
        beyond its limits, 0.5 at the limits. It is no frequency of being right.
    disorder : float, default=nan
        How far it is from the crystal; see `AmorphousGMMSegmenter.min_disorder`. NaN for what is
        told by other evidence.
    area_in_atoms : float, default=nan
        Area by that which an atom has; see `AmorphousGMMSegmenter.min_atoms`.
    rejected_for : str or None, default=None
        Why it was rejected, in words; None for what was kept.

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
    kind: str = KINDS[AMORPHOUS]
    confidence: float = math.nan
    disorder: float = math.nan
    area_in_atoms: float = math.nan
    rejected_for: str | None = None

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


def label_regions(kinds: Mask | NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]:
    """Number connected pixels of one kind (eight neighbours) from 1, the largest first; 0 is none.

    A mask has one kind.
    """
    from skimage import measure  # noqa: PLC0415 - heavy, and this module is imported by rewards

    labels, n_regions = measure.label(kinds, background=0, connectivity=2, return_num=True)
    sizes = np.bincount(labels.ravel(), minlength=n_regions + 1)[1:]
    ranks = np.zeros(n_regions + 1, dtype=np.int64)
    ranks[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, n_regions + 1)
    return ranks[labels], int(n_regions)


def boundary_length(mask: Mask) -> float:
    """Length of a mask's boundary in pixels, where it meets the image's frame included."""
    from skimage import measure  # noqa: PLC0415 - heavy, and this module is imported by rewards

    return float(measure.perimeter_crofton(mask, directions=4))


class OnGrid(NamedTuple):
    """What is known of regions on a grid of every `step`-th pixel.

    Attributes
    ----------
    step : int
        In pixels.
    confidence : ndarray of shape (n_coarse_rows, n_coarse_cols)
        Of the kind at each point.
    disorder, area_in_atoms : ndarray of shape (n_coarse_rows, n_coarse_cols)
        Of the region that a point is in; 0 where it is not known.
    """

    step: int
    confidence: FloatArray
    disorder: FloatArray
    area_in_atoms: FloatArray


def describe_regions(
    kinds: Mask | NDArray[np.uint8],
    atoms: FloatArray,
    pixel_size: PixelSize | None = None,
    known: OnGrid | None = None,
) -> list[Region]:
    """Measure the regions of a map of kinds.

    Parameters
    ----------
    kinds : ndarray of shape (n_rows, n_cols), uint8 or bool
        Places in `KINDS`; a mask is amorphous.
    atoms : ndarray of shape (n_atoms, 2)
        Row and column in pixels.
    pixel_size : PixelSize, default=None
        Side of a pixel, if it is known.
    known : OnGrid, default=None
        What else is known; None leaves it unknown.

    Returns
    -------
    regions : list of Region
        The largest first.
    """
    from skimage import measure  # noqa: PLC0415 - heavy, and this module is imported by rewards

    labels, n_regions = label_regions(kinds)
    counts = np.bincount(values_at(labels, atoms), minlength=n_regions + 1)
    measured = _measured(labels, n_regions, known)
    regions = []
    for found in measure.regionprops(labels):
        area, perimeter = float(found.area), boundary_length(found.image)
        row, col = found.coords[0]
        kind = AMORPHOUS if kinds.dtype == np.bool_ else int(kinds[row, col])
        regions.append(
            Region(
                label=int(found.label),
                area=area,
                perimeter=perimeter,
                compactness=area / perimeter**2,
                centroid=(float(found.centroid[0]), float(found.centroid[1])),
                n_atoms=int(counts[found.label]),
                pixel_size=pixel_size,
                kind=KINDS[kind],
                confidence=float(measured.confidence[found.label]),
                disorder=float(measured.disorder[found.label]) if kind == AMORPHOUS else math.nan,
                area_in_atoms=float(measured.area_in_atoms[found.label]),
            )
        )
    return regions


def _measured(labels: NDArray[np.int64], n_regions: int, known: OnGrid | None) -> OnGrid:
    """The same of regions, by label; NaN where nothing is known."""
    nothing = np.full(n_regions + 1, np.nan)
    if known is None or n_regions == 0:
        return OnGrid(1, nothing, nothing, nothing)
    coarse = labels[:: known.step, :: known.step]
    inside = np.flatnonzero(coarse)
    own = coarse.ravel()[inside]
    sizes = np.bincount(own, minlength=n_regions + 1)
    sums = np.bincount(own, known.confidence.ravel()[inside], minlength=n_regions + 1)
    confidence = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
    disorder, area = nothing.copy(), nothing.copy()
    for fields, values in ((disorder, known.disorder), (area, known.area_in_atoms)):
        at = values.ravel()[inside]
        fields[own[at > 0]] = at[at > 0]  # where it is known, all points of a region say the same
    return OnGrid(known.step, confidence, disorder, area)


def values_at(pixels: NDArray[Scalar], atoms: FloatArray) -> NDArray[Scalar]:
    """Values of the pixels that atoms are on; those of the edge for atoms beyond it."""
    last = np.array(pixels.shape) - 1
    row, col = np.clip(np.rint(atoms).astype(np.intp), 0, last).T
    values: NDArray[Scalar] = pixels[row, col]
    return values
