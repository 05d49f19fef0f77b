"""Which atoms lie under contamination: where an image is brighter than its crystal makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray, Image
from logstar.segmentation._brightness import measure_brightness, noise_squares

if TYPE_CHECKING:
    from ._expectation import Expectation

#: Points of the grid between two atoms, at least.
_PIXELS_BETWEEN = 4
#: Brightness beyond the crystal's, in contrasts of the crystal, of contamination. The crystal
#: itself has 0.5 at the most.
_BRIGHT = 1.0
#: Contamination is wider than this many spacings; what is narrower is a bright atom or two.
_WIDE = 1.5
#: Fewer atoms than this tell nothing of what the crystal is like.
_LEAST_ATOMS = 20


def contamination_of(
    image: Image,
    positions: FloatArray,
    expected: Expectation,
    polarity: Literal["bright", "dark"],
) -> NDArray[np.bool_] | None:
    """Find the contamination of an image of whose lattice something is known.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    positions : ndarray of shape (n_atoms, 2)
        Row and column of the atoms, in pixels.
    expected : Expectation
        What is expected of it.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.

    Returns
    -------
    area : ndarray of shape (n_rows, n_cols), bool, or None
        None where there is none, or no lattice to tell.
    """
    lattice = expected.image_lattice if expected.lattice is None else expected.lattice
    if lattice is None:
        return None
    grains = expected.grains
    return contaminated_area(
        image,
        positions,
        lattice.nearest_distance,
        polarity=polarity,
        other_grains=None if grains is None else grains.labels > 1,
    )


def contaminated_area(
    image: Image,
    positions: FloatArray,
    spacing: float,
    *,
    polarity: Literal["bright", "dark"] = "bright",
    other_grains: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_] | None:
    """Find where an image is brighter than its crystal makes it.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    positions : ndarray of shape (n_atoms, 2)
        Row and column of the atoms, in pixels.
    spacing : float
        Distance of neighbouring atoms, in pixels.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings. Contamination is as the atoms are.
    other_grains : ndarray of shape (n_rows, n_cols), bool, default=None
        Where grains other than the largest are, which may all be brighter or darker.

    Returns
    -------
    area : ndarray of shape (n_rows, n_cols), bool, or None
        None where there is no contamination, or nothing tells.
    """
    if len(positions) < _LEAST_ATOMS:
        return None
    step = max(1, int(spacing // _PIXELS_BETWEEN))
    pixels = np.asarray(image if polarity == "bright" else -image, dtype=np.float64)
    # Averages of squares of the grid: between its points nothing is left out.
    smooth = _averages_of_squares(pixels, step)
    atoms = np.zeros(smooth.shape, dtype=bool)
    last = np.array(smooth.shape) - 1
    atoms[tuple(np.clip(np.round(positions / step).astype(int), 0, last).T)] = True
    is_crystal = ndimage.distance_transform_edt(~atoms) <= spacing / step
    noise = noise_squares(pixels, step) / step**2
    other = None if other_grains is None else other_grains[::step, ::step]
    brightness = measure_brightness(smooth, noise, spacing / step, is_crystal, other)
    if brightness is None:
        return None
    is_bright = brightness.excess > _BRIGHT
    side = 2 * int(_WIDE * spacing / step / 2) + 1
    # Mostly there is none, and less than one square of that side is none.
    if np.count_nonzero(is_bright) < side**2:
        return None
    is_bright = ndimage.binary_opening(is_bright, np.ones((side, side), dtype=bool))
    if not is_bright.any():
        return None
    rows, cols = (
        np.minimum((np.arange(n) + step // 2) // step, m - 1)
        for n, m in zip(image.shape, smooth.shape, strict=True)
    )
    return np.asarray(is_bright[np.ix_(rows, cols)])


def _averages_of_squares(pixels: FloatArray, side: int) -> FloatArray:
    """Averages of squares about every so many rows and columns, mirrored at the edges."""
    before = side // 2
    # The last square is about the last multiple of its side.
    after = [-(-size // side) * side - before - size for size in pixels.shape]
    inner = pixels[tuple(slice(None, end if end < 0 else None) for end in after)]
    more = [(before, max(end, 0)) for end in after]
    whole = np.pad(inner, more, mode="symmetric")
    n_rows, n_cols = (size // side for size in whole.shape)
    rows = whole.reshape(n_rows, side, -1).sum(axis=1)
    return np.asarray(rows.reshape(n_rows, n_cols, side).sum(axis=2) / side**2)
