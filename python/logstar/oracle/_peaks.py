"""From a map of probabilities to atoms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.feature import peak_local_max

from logstar._validation import FloatArray

#: Of two maxima nearer than this share of the spacing only the higher is an atom.
_LEAST_DISTANCE_SHARE = 0.35
#: Standard deviation, as a share of the spacing, of the Gaussian that the map is smoothed with: the
#: map is a plateau on an atom, and its rounding would decide where the maximum is.
_SMOOTHING_SHARE = 0.125
#: Company is what is within this many spacings, and that many of it.
_COMPANY_SPACINGS, _LEAST_COMPANY = 3.0, 6


class Company(NamedTuple):
    """When to believe maxima: in noise a network sees some by chance, and none of them clearly.

    Attributes
    ----------
    certain : float
        From this probability on a maximum is an atom wherever it is.
    likely : float
        A fainter one is an atom if six that are as likely as this are within three spacings,
        itself included: then there is a crystal.
    """

    certain: float
    likely: float

    def believes(self, found: FloatArray, spacing: float) -> NDArray[np.bool_]:
        """Tell which maxima are atoms, of rows and columns in pixels and probabilities."""
        likely = found[found[:, 2] >= self.likely, :2]
        certain = np.asarray(found[:, 2] >= self.certain)
        if len(likely) < _LEAST_COMPANY:
            return certain
        near = cKDTree(likely).query_ball_point(
            found[:, :2], _COMPANY_SPACINGS * spacing, return_length=True
        )
        return certain | (near >= _LEAST_COMPANY)


def peaks_of(
    probability: NDArray[np.floating[Any]],
    spacing: float,
    threshold: float,
    company: Company | None = None,
    *,
    scale: float = 1.0,
) -> FloatArray:
    """Find atoms in a map of probabilities.

    Parameters
    ----------
    probability : ndarray of shape (n_rows, n_cols)
        How likely each pixel is part of an atom.
    spacing : float
        Distance of nearest neighbours that the network was trained on, in pixels.
    threshold : float
        The least probability, after smoothing.
    company : Company, default=None
        What else an atom needs; None is nothing.
    scale : float, default=1.0
        Nearest neighbours in the map are this times `spacing` apart. What the network draws of an
        atom has the same size at any scale, and so has the smoothing.

    Returns
    -------
    peaks : ndarray of shape (n_peaks, 3)
        Row and column of the centre of mass around each maximum, in pixels of the map, and the
        probability there; likeliest first.
    """
    smooth = ndimage.gaussian_filter(probability, _SMOOTHING_SHARE * spacing, mode="nearest")
    distance = max(1, round(_LEAST_DISTANCE_SHARE * spacing * scale))
    corners = peak_local_max(
        smooth, min_distance=distance, threshold_abs=threshold, exclude_border=False
    )
    if not len(corners):
        return np.empty((0, 3))
    reach = max(1, distance - 1)
    padded = np.pad(smooth, reach)
    steps = np.arange(-reach, reach + 1)
    rows = corners[:, 0, None, None] + steps[:, None] + reach
    cols = corners[:, 1, None, None] + steps[None, :] + reach
    weights = padded[rows, cols].astype(np.float64)
    # A neighbour's flank within the window would pull at the centre.
    weights = np.maximum(weights - 0.5 * weights.max(axis=(1, 2), keepdims=True), 0)
    total = weights.sum(axis=(1, 2))
    shifts = [
        (weights * steps[:, None]).sum(axis=(1, 2)) / total,
        (weights * steps[None, :]).sum(axis=(1, 2)) / total,
    ]
    heights = smooth[tuple(corners.T)].astype(np.float64)
    found = np.column_stack([corners[:, 0] + shifts[0], corners[:, 1] + shifts[1], heights])
    if company is not None:
        found = found[company.believes(found, spacing * scale)]
        heights = found[:, 2]
    return found[np.lexsort((found[:, 1], found[:, 0], -heights))]
