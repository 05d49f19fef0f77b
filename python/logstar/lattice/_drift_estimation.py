"""How an image is bent, by the local phases of its lattice."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import as_image
from logstar.exceptions import NotOneLatticeError

from ._bragg import index_peaks
from ._drift import DriftField
from ._image_lattice import ImageLattice
from ._peaks import find_peaks, flatten
from ._phases import local_phases
from ._straightening import N_ROUNDS, straightened_further


def estimate_drift(
    image: ArrayLike, lattice: ImageLattice, *, polarity: Literal["bright", "dark"] = "bright"
) -> DriftField:
    """Find how an image is bent, however little.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image.
    lattice : ImageLattice
        Its lattice. Where it knows its drift, that is the result.
    polarity : {"bright", "dark"}, default="bright"
        Whether columns are brighter or darker than their surroundings.

    Returns
    -------
    drift : DriftField
        Of an image that is not bent at all it has some 0.1 px rms, by noise and by columns that are
        displaced each on its own.

    Raises
    ------
    NotOneLatticeError
        If the image does not show the lattice.
    TypeError, ValueError
        For an image that cannot be.

    Examples
    --------
    >>> from logstar.datasets import make_typical_scene
    >>> from logstar.lattice import ImageLattice, estimate_drift
    >>> scene = make_typical_scene("stm", (256, 256))
    >>> print(estimate_drift(scene.image, ImageLattice.from_image(scene.image)))
    bent by 0.8 px (rms)
    """
    pixels = as_image(image)
    if lattice.drift is not None:
        return lattice.drift
    flat = flatten(pixels if polarity == "bright" else -pixels)
    bragg = index_peaks(find_peaks(flat), lattice.vectors, pixels.shape)
    if bragg is None:
        raise NotOneLatticeError("the image does not show the lattice.")
    bend, straight = np.zeros((2, *flat.shape), dtype=np.float32), flat
    for _ in range(N_ROUNDS):
        bend, straight = straightened_further(flat, bend, straight, bragg)
    # The bend is as smooth as the phases that tell of it.
    distortion = local_phases(straight, bragg)
    points = distortion.points()
    rows, cols = np.rint(points).astype(np.intp).T
    row, col = points[0].tolist()
    steps = bend[:, rows, cols].reshape(distortion.fractions.shape).astype(float)
    return DriftField(steps, distortion.spacing, (row, col))
