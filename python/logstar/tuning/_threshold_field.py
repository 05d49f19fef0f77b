"""A threshold for each place: windows that follow their own plateaus, smoothed as one field.

One threshold for a whole image has to suit its noisiest and its thinnest part. Ladder and overlap
are the image's, each window only says over which thresholds its own number of atoms is right, and
candidates are pruned once for the whole image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from logstar._validation import FloatArray

from ._choice import THRESHOLDS
from ._window_maps import WindowSettings, with_detector
from ._windows import ABOVE_ALL, WindowsOfFinder, within

if TYPE_CHECKING:
    from ._finder import AtomFinder

#: Added to half the logarithmic width of a plateau: how far its middle is uncertain at best.
_SPREAD = 0.15
#: How much neighbouring windows draw on each other, by the median weight of windows.
_STIFFNESS = 1.0
#: Weight of a window that says nothing.
_NOTHING = 1e-6


def threshold_field(finder: AtomFinder, window: int | Literal["auto"]) -> WindowSettings:
    """Find the threshold field of an image whose one threshold is tuned.

    Parameters
    ----------
    finder : AtomFinder
        With the tuned detector and its parameters.
    window : int or "auto"
        Side of a window, in pixels.

    Returns
    -------
    settings : WindowSettings
        Whose detector has the field for its threshold.
    """
    told = WindowsOfFinder.of(finder, window)
    middles, weights = _middles(finder, told)
    smooth = smoothed(middles, weights)
    field = np.exp(told.windows.spread(smooth))
    low, high = (
        np.full(smooth.shape, float(finder.params_[name])) for name in ("min_sigma", "max_sigma")
    )
    detector = with_detector(finder.detector_, threshold=field)
    return WindowSettings(told, np.exp(smooth), low, high, detector)


def _middles(finder: AtomFinder, told: WindowsOfFinder) -> tuple[FloatArray, FloatArray]:
    """Logarithm of the threshold that suits each window, and how much that says."""
    table = finder.detector_.find_candidates(finder.image_, THRESHOLDS[0]).table
    middles = np.full(told.windows.grid, math.log(float(finder.params_["threshold"])))
    weights = np.full(told.windows.grid, _NOTHING)
    for place, box in told.windows:
        inside = table[within(table, box)]
        if len(inside) == 0:
            continue
        if told.is_empty(place):
            middles[place] = math.log(min(ABOVE_ALL * inside[0, 3], THRESHOLDS[1]))
            weights[place] = _SPREAD**-2
            continue
        plateau = told.plateau(inside, place)
        middles[place] = plateau.middle
        weights[place] = (plateau.half_width + _SPREAD) ** -2
    return middles, weights


def smoothed(middles: FloatArray, weights: FloatArray) -> FloatArray:
    """Minimise the weighted squares from the middles, and those between neighbours."""
    n_rows, n_cols = middles.shape
    steps = [
        sparse.kron(_differences(n_rows), sparse.identity(n_cols)),
        sparse.kron(sparse.identity(n_rows), _differences(n_cols)),
    ]
    known = weights[weights > weights.max() * 1e-3]
    stiffness = _STIFFNESS * float(np.median(known))
    matrix = sparse.diags(weights.ravel()) + stiffness * sum(step.T @ step for step in steps)
    smooth = spsolve(sparse.csc_matrix(matrix), (weights * middles).ravel())
    return np.asarray(smooth).reshape(middles.shape)


def _differences(n: int) -> Any:
    identity = sparse.identity(n, format="csr")
    return identity[1:] - identity[:-1]
