"""Heights of peaks at given places of an image, where no atom may be."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from logstar._numerics import MAD_TO_SIGMA
from logstar._validation import FloatArray

#: Half width of the window that a peak is looked for in, in sigmas: a window that holds all of a
#: peak and as much of its surroundings.
_WINDOW = 5.0
#: Other peaks count if they are within this many of their sigmas of the window.
_REACH = 3.0
#: A place is not measured if its window has fewer pixels in the image for each number that is
#: fitted.
_LEAST_PIXELS = 2
#: Pixels within this many sigmas of the frame may show columns that are not listed, at it or beyond
#: it, unless a listed peak is within the second number of nearest distances.
_FRAME, _NEAR = 2.5, 0.5
#: With fewer windows nothing is learnt of how the background differs between them.
_LEAST_WINDOWS = 8


class Heights(NamedTuple):
    """Heights of peaks and their standard deviations; NaN where not measured."""

    values: FloatArray
    errors: FloatArray


class _Fit(NamedTuple):
    """Normal equations of a window: of the peak, the background, then other peaks."""

    site: int
    normal: FloatArray
    right: FloatArray
    square: float
    n_pixels: int

    def solved(self, penalty: float, middle: float) -> tuple[FloatArray, FloatArray]:
        """Numbers that fit best, and their covariance in that of a pixel's noise."""
        normal, right = self.normal.copy(), self.right.copy()
        normal[1, 1] += penalty
        right[1] += penalty * middle
        inverse = np.linalg.pinv(normal, hermitian=True)
        return np.asarray(inverse @ right), np.asarray(inverse, dtype=np.float64)


def heights_at(
    rest: FloatArray, places: FloatArray, sigmas: FloatArray, trusted: NDArray[np.bool_]
) -> Heights:
    """Measure peaks that may be at some places, all that reach into a window together.

    Least squares, in white noise the matched filter. The background of each window is a constant
    that differs from one window to the next by as much as all windows show: where it is the same
    everywhere, it is as good as known. A free constant in every window would make errors larger by
    a fifth, as a peak in a small window is not unlike it.

    Parameters
    ----------
    rest : ndarray of shape (n_rows, n_cols)
        The image less atoms that are at none of the places.
    places : ndarray of shape (n, 2)
        Row and column of the peaks.
    sigmas : ndarray of shape (n,)
        Their sizes in pixels; those that are NaN are not measured.
    trusted : ndarray of shape (n_rows, n_cols), bool
        Pixels that show nothing else; others are left out.

    Returns
    -------
    heights : Heights
        One for each place.
    """
    values, errors = np.full(len(places), np.nan), np.full(len(places), np.nan)
    fits = _fits(rest, places, sigmas, trusted)
    if not fits:
        return Heights(values, errors)
    free = [fit.solved(0.0, 0.0) for fit in fits]
    noise = _noise(fits, free)
    penalty, middle = _shrinkage(free, noise)
    for fit in fits:
        fitted, inverse = fit.solved(penalty, middle)
        values[fit.site], errors[fit.site] = fitted[0], noise * math.sqrt(inverse[0, 0])
    return Heights(values, errors)


def _fits(
    rest: FloatArray, places: FloatArray, sigmas: FloatArray, trusted: NDArray[np.bool_]
) -> list[_Fit]:
    known = np.flatnonzero(np.isfinite(sigmas))
    if not len(known):
        return []
    tree = KDTree(places[known])
    widest = float(sigmas[known].max())
    fits = []
    for site in known:
        half = _WINDOW * sigmas[site]
        low = np.maximum(np.ceil(places[site] - half), 0).astype(int)
        high = np.minimum(np.floor(places[site] + half) + 1, rest.shape).astype(int)
        if (high <= low).any():
            continue
        rows, cols = (np.arange(low[axis], high[axis], dtype=float) for axis in (0, 1))
        near = known[tree.query_ball_point(places[site], half * math.sqrt(2) + _REACH * widest)]
        near = near[near != site]
        edges = np.maximum(low - places[near], places[near] - (high - 1)).max(axis=1)
        near = np.concatenate([[site], near[edges <= _REACH * sigmas[near]]])
        part = np.s_[low[0] : high[0], low[1] : high[1]]
        counted = trusted[part].ravel()
        if counted.sum() < _LEAST_PIXELS * (len(near) + 1):
            continue
        along, across = (
            np.exp(-((axis - places[near, i, None]) ** 2) / (2 * sigmas[near, None] ** 2))
            for i, axis in enumerate((rows, cols))
        )
        peaks = (along[:, :, None] * across[:, None, :]).reshape(len(near), -1)
        design = np.insert(peaks[:, counted], 1, 1.0, axis=0)
        window = rest[part].ravel()[counted]
        square = float(window @ window)
        fits.append(_Fit(int(site), design @ design.T, design @ window, square, len(window)))
    return fits


def _noise(fits: list[_Fit], free: list[tuple[FloatArray, FloatArray]]) -> float:
    """Standard deviation of a pixel: the median of what windows say."""
    variances = [
        max(fit.square - float(fitted @ fit.right), 0.0) / max(fit.n_pixels - len(fitted), 1)
        for fit, (fitted, _) in zip(fits, free, strict=True)
    ]
    return math.sqrt(float(np.median(variances)))


def _shrinkage(free: list[tuple[FloatArray, FloatArray]], noise: float) -> tuple[float, float]:
    """What backgrounds are drawn to by their usual value, and that value.

    The first number is the variance of the noise by that of backgrounds beyond their errors.
    """
    if len(free) < _LEAST_WINDOWS:
        return 0.0, 0.0
    constants = np.array([fitted[1] for fitted, _ in free])
    weights = 1 / np.array([inverse[1, 1] for _, inverse in free])
    middle = float(constants @ weights / weights.sum())
    spread = np.abs(constants - middle) * MAD_TO_SIGMA
    beyond = float(np.median(spread**2 - noise**2 / weights))
    least = 1e-6 * noise**2
    return noise**2 / max(beyond, least, np.finfo(float).tiny), middle


def away_from_the_frame(
    shape: tuple[int, ...], peaks: FloatArray, sigma: float, nearest: float
) -> NDArray[np.bool_]:
    """Tell which pixels show no column that is cut by the frame, and in no list.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the image.
    peaks : ndarray of shape (n, 2)
        Row and column of all peaks that are listed.
    sigma : float
        Their usual size in pixels.
    nearest : float
        Nearest distance of columns in pixels.

    Returns
    -------
    trusted : ndarray of shape (n_rows, n_cols), bool
    """
    trusted = np.ones(shape, dtype=bool)
    frame = math.ceil(_FRAME * sigma) if math.isfinite(sigma) else 0
    if frame and len(peaks):
        trusted[:frame] = trusted[:, :frame] = trusted[-frame:] = trusted[:, -frame:] = False
        outer = np.argwhere(~trusted)
        near = np.asarray(KDTree(peaks).query(outer, distance_upper_bound=_NEAR * nearest)[0])
        trusted[tuple(outer[np.isfinite(near)].T)] = True
    return trusted
