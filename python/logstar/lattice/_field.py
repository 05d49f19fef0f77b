"""Where in an image there is crystal."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from logstar._validation import as_image, check_real

from ._bragg import index_peaks
from ._image_lattice import ImageLattice
from ._peaks import Flattened
from ._phases import local_phases

#: A region with less than this share of the crystal's contrast is vacuum or a hole.
_EVEN = 0.5


def estimate_field(
    image: ArrayLike,
    lattice: ImageLattice,
    *,
    level: float = 0.5,
    polarity: Literal["bright", "dark"] = "bright",
    keep_disorder: bool = False,
) -> NDArray[np.bool_]:
    """Find where an image shows its lattice: not in vacuum, holes, amorphous or other grains.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image.
    lattice : ImageLattice
        Its lattice.
    level : float, default=0.5
        Least amplitude of the Bragg peaks, relative to its 90th percentile in the image. At a
        straight edge of the crystal the amplitude is half of that inside.
    polarity : {"bright", "dark"}, default="bright"
        Whether columns are brighter or darker than their surroundings.
    keep_disorder : bool, default=False
        Whether to keep regions that show no lattice but have contrast: amorphous ones, whose atoms
        are seen as well. Then only regions without contrast are left out: vacuum and holes.

    Returns
    -------
    field : ndarray of shape (n_rows, n_cols), bool
        True where there is crystal; `Lattice.with_mask` takes it. Its edge is accurate to about
        half the longer edge of the cell, and a hole smaller than a cell is not found.

    Raises
    ------
    TypeError, ValueError
        For an image or a level that cannot be.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.datasets import make_scene
    >>> from logstar.lattice import ImageLattice, Lattice, estimate_field
    >>> half = np.zeros((200, 200), dtype=bool)
    >>> half[:, :100] = True
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2, mask=half)
    >>> image = make_scene(crystal, shape=(200, 200), noise=0.1, random_state=0).image
    >>> field = estimate_field(image, ImageLattice.from_image(image))
    >>> float((field == half).mean())
    0.9...
    """
    pixels = as_image(image)
    level = check_real(level, name="level", low=0, high=1, low_included=False)
    flattened = Flattened(pixels if polarity == "bright" else -pixels)
    return field_of(flattened, lattice, level=level, keep_disorder=keep_disorder)


def field_of(
    image: Flattened, lattice: ImageLattice, *, level: float = 0.5, keep_disorder: bool = False
) -> NDArray[np.bool_]:
    """Find where an image shows its lattice; as `estimate_field`, of what is flattened already.

    Parameters
    ----------
    image : Flattened
        The whole image, its columns bright.
    lattice, level, keep_disorder : optional
        As of `estimate_field`.

    Returns
    -------
    field : ndarray of shape (n_rows, n_cols), bool
    """
    shape = image.image.shape
    bragg = index_peaks(image.peaks, lattice.vectors, shape)
    if bragg is None:
        return np.zeros(shape, dtype=bool)
    distortion = local_phases(image.flat, bragg)
    # What is interpolated between points is nowhere below the least of them.
    if distortion.amplitude.min() >= level:
        return np.ones(shape, dtype=bool)
    field = np.asarray(distortion.at_pixels(distortion.amplitude, shape) >= level)
    if not keep_disorder or field.all() or not field.any():
        return field
    contrast = _local_contrast(image.flat, lattice.nearest_distance)
    return field | (contrast >= _EVEN * np.median(contrast[field]))


def _local_contrast(flat: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Standard deviation over the surroundings of each pixel."""
    mean, square = (ndimage.gaussian_filter(values, width / 2) for values in (flat, flat**2))
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0.0)))
