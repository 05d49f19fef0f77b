"""A threshold for each place: windows that follow their own plateaus, smoothed as one field.

One threshold for a whole image has to suit its noisiest and its thinnest part. Ladder and overlap
are the image's, each window only says over which thresholds its own number of atoms is right, and
candidates are pruned once for the whole image. How many atoms there are the whole image knows
better than any window does, so that the level of the field is the image's as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from logstar._validation import FloatArray
from logstar.detection import ScaleSpaceCandidates

from ._choice import N_NEIGHBORS, THRESHOLDS
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
#: Levels that are tried where a field finds too few atoms, or too many: factors of all thresholds.
_LEVELS = np.exp(np.linspace(-0.5, 0.5, 51))
#: Share of the uncertainty of the expected number by which a field may be further from that number
#: than the one threshold is. Each window may lose a few atoms to be rid of a false one, within what
#: its own number is uncertain; all together would lose more than they gain, as on YBa2Cu3O7 under
#: contamination: 12 true atoms for 4 false ones, 0.003 of F1.
_FURTHER = 0.5


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
    table = finder.detector_.find_candidates(finder.image_, THRESHOLDS[0]).table
    middles, weights = _middles(finder, told, table)
    smooth = smoothed(middles, weights)
    smooth += math.log(level_of(finder, table, np.exp(told.windows.spread(smooth))))
    field = np.exp(told.windows.spread(smooth))
    low, high = (
        np.full(smooth.shape, float(finder.params_[name])) for name in ("min_sigma", "max_sigma")
    )
    detector = with_detector(finder.detector_, threshold=field)
    return WindowSettings(told, np.exp(smooth), low, high, detector)


def _middles(
    finder: AtomFinder, told: WindowsOfFinder, table: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Logarithm of the threshold that suits each window, and how much that says."""
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


def level_of(finder: AtomFinder, table: FloatArray, field: FloatArray) -> float:
    """Find the factor of a threshold field with which the whole image has its number of atoms.

    Parameters
    ----------
    finder : AtomFinder
        With the tuned detector and its parameters.
    table : ndarray of shape (n_candidates, >=4)
        Candidates of the image: row, column, sigma and response, the strongest first.
    field : ndarray of shape (n_rows, n_cols)
        Threshold at each pixel.

    Returns
    -------
    level : float
        1, unless the field's number is further from the expected one than that of the one threshold
        by more than half its uncertainty and one atom for each that is no longer too close to
        others; then the factor nearest to 1 with which it is not, or with which it is nearest.
    """
    rows, cols = table[:, :2].astype(np.intp).T
    relative = table.copy()
    relative[:, 3] /= field[rows, cols]
    relative = relative[np.argsort(-relative[:, 3], kind="stable")]
    threshold = float(finder.params_["threshold"])
    (qc_of_one,), (er_of_one,) = _rewards(finder, table, np.array([threshold]))
    (qc,), (er,) = _rewards(finder, relative, np.ones(1))
    limit = abs(qc_of_one) + _FURTHER * finder.expectation_.uncertainty + max(er_of_one - er, 0.0)
    if abs(qc) <= limit:
        return 1.0
    beyond = np.maximum(np.abs(_rewards(finder, relative, _LEVELS)[0]) - limit, 0.0)
    best = _LEVELS[beyond == beyond.min()]
    return float(best[np.abs(np.log(best)).argmin()])


def _rewards(
    finder: AtomFinder, table: FloatArray, thresholds: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """QC with its sign, and ER, of candidates at each of rising thresholds."""
    expected = finder.expectation_
    candidates = ScaleSpaceCandidates(
        table[table[:, 3] > thresholds[0]], threshold=float(thresholds[0])
    )
    qc, er = candidates.objective_grid(
        thresholds,
        [float(finder.params_["overlap"])],
        n_expected=expected.n_expected,
        distance_sum=expected.distance_sum,
        n_neighbors=N_NEIGHBORS,
    )
    return qc[:, 0], er[:, 0]


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
