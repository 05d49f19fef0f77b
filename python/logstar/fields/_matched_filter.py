"""Heights of peaks at given places of an image, where no atom may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

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
#: Side in pixels of the parts of an image that are looked at one after the other.
_PART = 2048
#: With fewer windows nothing is learnt of how the background differs between them.
_LEAST_WINDOWS = 8


Place: TypeAlias = tuple[slice, slice]
#: Gives for rows and columns the image less atoms that are at none of the places, and which pixels
#: show nothing else.
Seen: TypeAlias = Callable[[Place], tuple[FloatArray, NDArray[np.bool_]]]


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
    seen: Seen, shape: tuple[int, int], places: FloatArray, sigmas: FloatArray
) -> Heights:
    """Measure peaks that may be at some places, all that reach into a window together.

    Least squares, in white noise the matched filter. The background of each window is a constant
    that differs from one window to the next by as much as all windows show: where it is the same
    everywhere, it is as good as known. A free constant in every window would make errors larger by
    a fifth, as a peak in a small window is not unlike it.

    Parameters
    ----------
    seen : callable
        Gives for rows and columns the image less atoms that are at none of the places, and which
        pixels show nothing else; others are left out. It is asked for parts of at most some 2048
        pixels a side.
    shape : tuple of two int
        Rows and columns of the image.
    places : ndarray of shape (n, 2)
        Row and column of the peaks.
    sigmas : ndarray of shape (n,)
        Their sizes in pixels; those that are NaN are not measured.

    Returns
    -------
    heights : Heights
        One for each place.
    """
    values, errors = np.full(len(places), np.nan), np.full(len(places), np.nan)
    fits = _fits(seen, shape, places, sigmas)
    if not fits:
        return Heights(values, errors)
    free = [fit.solved(0.0, 0.0) for fit in fits]
    noise = _noise(fits, free)
    penalty, middle = _shrinkage(free, noise)
    for fit in fits:
        fitted, inverse = fit.solved(penalty, middle)
        values[fit.site], errors[fit.site] = fitted[0], noise * math.sqrt(inverse[0, 0])
    return Heights(values, errors)


def _fits(seen: Seen, shape: tuple[int, int], places: FloatArray, sigmas: FloatArray) -> list[_Fit]:
    known = np.flatnonzero(np.isfinite(sigmas))
    if not len(known):
        return []
    tree = KDTree(places[known])
    widest = float(sigmas[known].max())
    fits = []
    for sites, part in _parts(places, known, shape, math.ceil(_WINDOW * widest) + 1):
        rest, trusted = seen(part)
        first = np.array([axis.start for axis in part])
        for site in sites:
            half = _WINDOW * sigmas[site]
            near = known[tree.query_ball_point(places[site], half * math.sqrt(2) + _REACH * widest)]
            near = np.concatenate([[site], near[near != site]])
            fit = _fit(rest, trusted, places[near] - first, sigmas[near])
            if fit is not None:
                fits.append(fit._replace(site=int(site)))
    return sorted(fits, key=lambda fit: fit.site)


def _parts(
    places: FloatArray, known: NDArray[np.intp], shape: tuple[int, int], reach: int
) -> Iterator[tuple[NDArray[np.intp], Place]]:
    """Yield parts of the image with the places in each, and with what their windows reach."""
    last = np.array(shape) - 1
    owner = np.clip(np.rint(places[known]), 0, last).astype(np.int64) // _PART
    for part in np.unique(owner, axis=0):
        rows, cols = (
            slice(max(i * _PART - reach, 0), min((i + 1) * _PART + reach, n))
            for i, n in zip(part.tolist(), shape, strict=True)
        )
        yield known[(owner == part).all(axis=1)], (rows, cols)


def _fit(
    rest: FloatArray, trusted: NDArray[np.bool_], places: FloatArray, sigmas: FloatArray
) -> _Fit | None:
    """Normal equations of the window of the first place, with others that reach into it."""
    half = _WINDOW * sigmas[0]
    low = np.maximum(np.ceil(places[0] - half), 0).astype(int)
    high = np.minimum(np.floor(places[0] + half) + 1, rest.shape).astype(int)
    if (high <= low).any():
        return None
    edges = np.maximum(low - places, places - (high - 1)).max(axis=1)
    reaching = edges <= _REACH * sigmas
    reaching[0] = True
    places, sigmas = places[reaching], sigmas[reaching]
    part = np.s_[low[0] : high[0], low[1] : high[1]]
    counted = trusted[part].ravel()
    if counted.sum() < _LEAST_PIXELS * (len(places) + 1):
        return None
    along, across = (
        np.exp(
            -((np.arange(low[axis], high[axis], dtype=float) - places[:, axis, None]) ** 2)
            / (2 * sigmas[:, None] ** 2)
        )
        for axis in (0, 1)
    )
    peaks = (along[:, :, None] * across[:, None, :]).reshape(len(places), -1)
    design = np.insert(peaks[:, counted], 1, 1.0, axis=0)
    window = rest[part].ravel()[counted]
    return _Fit(0, design @ design.T, design @ window, float(window @ window), len(window))


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
    shape: tuple[int, int], peaks: FloatArray, sigma: float, nearest: float, part: Place
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
    part : tuple of two slice
        Which rows and columns are asked about.

    Returns
    -------
    trusted : ndarray of the part's shape, bool
    """
    frame = math.ceil(_FRAME * sigma) if math.isfinite(sigma) else 0
    axes = [np.arange(axis.start, axis.stop) for axis in part]
    if not frame or not len(peaks):
        return np.ones([len(axis) for axis in axes], dtype=bool)
    row, col = ((axis >= frame) & (axis < n - frame) for axis, n in zip(axes, shape, strict=True))
    trusted = np.logical_and.outer(row, col)
    outer = np.argwhere(~trusted)
    starts, stops = (np.array([getattr(axis, end) for axis in part]) for end in ("start", "stop"))
    beside = peaks[((peaks > starts - nearest) & (peaks < stops + nearest)).all(axis=1)]
    if len(outer) and len(beside):
        far = np.asarray(
            KDTree(beside).query(outer + starts, distance_upper_bound=_NEAR * nearest)[0]
        )
        trusted[tuple(outer[np.isfinite(far)].T)] = True
    return trusted
