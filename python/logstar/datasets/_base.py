"""What a data set gives: an image and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.lattice import Lattice
from logstar.units import PixelSize

if TYPE_CHECKING:
    from ._grains import Grain

#: What a place of an image can be, in the order of the numbers in `Scene.regions`.
REGIONS = ("crystal", "other grain", "amorphous", "vacuum", "contamination")


@dataclass(frozen=True, eq=False, repr=False)
class Scene:
    """An image and the truth about it.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols), float32
        The micrograph.
    positions : ndarray of shape (n, 2), float64
        Row and column of every visible column of atoms in the field, in pixels; pixel centres are
        at integers. Where the scan is distorted, these are the places in the image.
    kinds : ndarray of shape (n,), str
        The kind of each, as in the lattice.
    lattice : Lattice or None
        The crystal, with the pixel size; of several grains that of the first. None where there
        are single atoms only.
    description : str
        What the image is and how it was made.
    amorphous_mask : ndarray of shape (n_rows, n_cols), bool, or None
        Where there are atoms without order; None if nowhere.
    vacancies : ndarray of shape (m, 2), float64, or None
        Row and column where an atom is missing; None if none is.
    field_mask : ndarray of shape (n_rows, n_cols), bool, or None
        Where visible columns can be: as far from a column's ideal place as one can get in its
        crystal without leaving it (`Lattice.covering_radius`), and not where the detector is
        saturated. None is everywhere.
    grains : tuple of Grain
        The grains as they were laid out, with their origins; empty where it was not made of them.
    grain_labels : ndarray of shape (n_rows, n_cols), uint8, or None
        1 where the first grain is, and so on; 0 where none is. None where there are no grains.
    grain_of_atoms : ndarray of shape (n,), uint8, or None
        The number of each atom's grain, likewise.
    displacement : ndarray of shape (n_rows, n_cols, 2), float64, or None
        What the scan does: the pixel at a place shows the sample at that place plus this. None
        where the scan is perfect.
    sample_positions : ndarray of shape (n, 2), float64, or None
        Where the atoms are in the sample, which a corrected image would show. None where the scan
        is perfect.
    contamination_mask : ndarray of shape (n_rows, n_cols), bool, or None
        Where contamination or a streak adds more than a tenth of the height of the brightest
        columns; None if nowhere.
    hidden : ndarray of shape (m, 2), float64, or None
        Columns that cannot be seen as the detector is saturated there; None if there are none.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter or darker than what is around them.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> scene = make_scene(shape=(64, 64), random_state=0)
    >>> scene.image.shape, len(scene.positions) == len(scene.kinds)
    ((64, 64), True)
    """

    image: NDArray[np.float32]
    positions: FloatArray
    kinds: NDArray[np.str_]
    lattice: Lattice | None
    description: str
    amorphous_mask: NDArray[np.bool_] | None = None
    vacancies: FloatArray | None = None
    field_mask: NDArray[np.bool_] | None = None
    grains: tuple[Grain, ...] = ()
    grain_labels: NDArray[np.uint8] | None = None
    grain_of_atoms: NDArray[np.uint8] | None = None
    displacement: FloatArray | None = None
    sample_positions: FloatArray | None = None
    contamination_mask: NDArray[np.bool_] | None = None
    hidden: FloatArray | None = None
    polarity: Literal["bright", "dark"] = "bright"

    @property
    def pixel_size(self) -> PixelSize | None:  # numpydoc ignore=RT01
        """Size of a pixel; None if the lattice has lengths in pixels, or there is none."""
        return None if self.lattice is None else self.lattice.pixel_size

    @property
    def regions(self) -> NDArray[np.uint8]:  # numpydoc ignore=RT01
        """What each pixel shows, (n_rows, n_cols): the place of its name in `REGIONS`.

        "other grain" is every grain but the largest. Where several hold, contamination comes
        before amorphous, that before vacuum (outside the field), and that before the grains.
        """
        regions = np.zeros(self.image.shape, dtype=np.uint8)
        if self.grain_labels is not None and self.grain_labels.any():
            sizes = np.bincount(self.grain_labels.ravel())[1:]
            other = (self.grain_labels > 0) & (self.grain_labels != 1 + sizes.argmax())
            regions[other] = REGIONS.index("other grain")
        if self.field_mask is not None:
            regions[~self.field_mask] = REGIONS.index("vacuum")
        for name, mask in (
            ("amorphous", self.amorphous_mask),
            ("contamination", self.contamination_mask),
        ):
            if mask is not None:
                regions[mask] = REGIONS.index(name)
        return regions

    def __repr__(self) -> str:
        n_rows, n_cols = self.image.shape
        size = "" if self.pixel_size is None else f", {self.pixel_size}"
        return (
            f"Scene({n_rows} x {n_cols} px{size}, {len(self.positions)} atoms: {self.description})"
        )
