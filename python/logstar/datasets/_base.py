"""What a data set gives: an image and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.lattice import Lattice
from logstar.units import PixelSize


@dataclass(frozen=True, eq=False, repr=False)
class Scene:
    """An image and the truth about it.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols), float32
        The micrograph.
    positions : ndarray of shape (n, 2), float64
        Row and column of every visible column of atoms in the field, in pixels; pixel centres are
        at integers.
    kinds : ndarray of shape (n,), str
        The kind of each, as in the lattice.
    lattice : Lattice
        The crystal, with the pixel size.
    description : str
        What the image is and how it was made.
    amorphous_mask : ndarray of shape (n_rows, n_cols), bool, or None
        Where the crystal is amorphous; None if it is nowhere.
    vacancies : ndarray of shape (m, 2), float64, or None
        Row and column where an atom is missing; None if none is.

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
    lattice: Lattice
    description: str
    amorphous_mask: NDArray[np.bool_] | None = None
    vacancies: FloatArray | None = None

    @property
    def pixel_size(self) -> PixelSize | None:  # numpydoc ignore=RT01
        """Size of a pixel; None if the lattice has lengths in pixels."""
        return self.lattice.pixel_size

    def __repr__(self) -> str:
        n_rows, n_cols = self.image.shape
        size = "" if self.pixel_size is None else f", {self.pixel_size}"
        return (
            f"Scene({n_rows} x {n_cols} px{size}, {len(self.positions)} atoms: {self.description})"
        )
