"""Which places of an image show the crystal, and which another grain, by their power spectra.

The power spectrum of a window does not change when the crystal in it is shifted, but does when it
is turned or is another one. Windows all over the image are compared by their spectra: the spectrum
that most of them share is the crystal's, and what is unlike it but shared by many others is that of
another grain.

=================  =================================================================
here               meaning
=================  =================================================================
``window``         square of six spacings under a Hann window, which sees about three
``likeness``       cosine of the angle between two spectra as vectors
=================  =================================================================
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from logstar._validation import FloatArray

#: Side of a window and distance of windows, in spacings of atoms.
_WINDOW, _APART = 6.0, 1.5
#: Frequencies that count, in units of one by the spacing: below, intensity that changes slowly,
#: above, noise.
_LOWEST, _HIGHEST = 0.55, 2.2
#: The lowest frequencies along the rows, those that a window's width blurs into one: errors of scan
#: lines and streaks have no others, and are no grain.
_SCAN_LINES = 2
#: Windows of one grain are more alike than `_SAME`, those of two grains less than `_OTHER`. Without
#: noise, windows of one grain of gold are alike by 0.95 and more, of YBa2Cu3O7, whose cell is half
#: as large as a window, by 0.83; windows of gold and its twin by 0.42 to 0.57.
_SAME, _OTHER = 0.85, 0.72
_SHARPNESS = 16
#: A grain shows in this many windows at least. Neighbouring windows overlap, so that in amorphous
#: regions up to four are alike.
_LEAST_WINDOWS = 9
#: Most grains that are told apart, and most windows that may be the pattern of a grain.
_MOST_GRAINS, _MOST_PATTERNS = 8, 1024
#: A window is of another grain if it is more like that than like the crystal by this at least;
#: half of it is the width of the transition.
_MARGIN = 0.1
#: Two patterns are one bent crystal's if windows `_LAG` steps apart, of one pattern each, are alike
#: by this share of what the least alike ones of one pattern are (`_RARE` of them are less so): 0.94
#: and 0.97 in crystals that the scan bends by 5 and 3 px, 0.2 to 0.8 at twins and other boundaries,
#: 0.87 at the most in five-fold particles, whose grains are hardly larger than windows.
_LAG, _BENT, _RARE = 2, 0.9, 0.05
#: Windows with less than this share of the spectral power of the strongest ones show no atoms.
_LEAST_POWER = 0.05


class Orders(NamedTuple):
    """Likeness of the surroundings of each point of the grid to grains.

    Attributes
    ----------
    main : ndarray of shape (n_coarse_rows, n_coarse_cols)
        To the crystal, 0 to 1.
    other : ndarray of shape (n_coarse_rows, n_coarse_cols)
        To the most alike of the other grains; 0 if there is none.
    """

    main: FloatArray
    other: FloatArray

    @property
    def is_main(self) -> NDArray[np.bool_]:
        """Where it is the crystal, if there are atoms at all."""
        return np.asarray((self.main >= _OTHER) & (self.main >= self.other))

    @property
    def other_grain(self) -> FloatArray:
        """How sure it is that a place with atoms belongs to another grain, 0 to 1."""
        lead = (self.other - self.main - _MARGIN) / (_MARGIN / 2)
        sure: FloatArray = np.where(self.other >= _OTHER, 1 / (1 + np.exp(-lead.clip(-30, 30))), 0)
        return sure


def find_orders(smooth: FloatArray, spacing: float) -> Orders | None:
    """Find the crystal and other grains.

    Parameters
    ----------
    smooth : ndarray of shape (n_coarse_rows, n_coarse_cols)
        The smoothed image on the grid.
    spacing : float
        Of atoms, in points of the grid.

    Returns
    -------
    orders : Orders or None
        None where no spectrum is shared by enough windows.
    """
    spectra, places = _spectra(smooth, spacing)
    power = np.linalg.norm(spectra, axis=1)
    strong = np.flatnonzero(power > _LEAST_POWER * np.quantile(power, 0.95))
    if len(strong) < _LEAST_WINDOWS:
        return None
    units = spectra / np.where(power > 0, power, np.float32(1))[:, None]
    patterns = _patterns(units[strong])
    if not patterns:
        return None
    table = units.reshape(len(places[0]), len(places[1]), -1)
    likeness = np.stack([table @ pattern for pattern in patterns])
    likeness = _joined(likeness, table)
    spread = [_spread_out(values, places, smooth.shape) for values in likeness]
    other = np.max(spread[1:], axis=0) if len(spread) > 1 else np.zeros_like(spread[0])
    return Orders(spread[0], other)


def _joined(likeness: NDArray[Any], table: NDArray[Any]) -> NDArray[Any]:
    """Take patterns of one crystal together that a drifting scan has bent; the largest is first.

    Across the boundary of two grains windows are less alike than anywhere inside of them. Where a
    crystal is bent, they change from window to window everywhere.

    Parameters
    ----------
    likeness : ndarray of shape (n_patterns, n_window_rows, n_window_cols)
        Of the windows to patterns.
    table : ndarray of shape (n_window_rows, n_window_cols, n_frequencies)
        Spectra of unit length.

    Returns
    -------
    likeness : ndarray of shape (n_grains, n_window_rows, n_window_cols)
        To the most alike of the patterns of each grain.
    """
    owners = np.where(likeness.max(axis=0) >= _OTHER, likeness.argmax(axis=0), -1)
    grains = np.arange(len(likeness))
    for i in range(len(likeness)):
        for j in range(i + 1, len(likeness)):
            if _are_one(i, j, owners, table):
                grains[grains == grains[j]] = grains[i]
    sizes = np.bincount(grains[owners[owners >= 0]], minlength=len(grains))
    order = [grain for grain in np.argsort(-sizes, kind="stable") if sizes[grain]]
    return np.stack([likeness[grains == grain].max(axis=0) for grain in order])


def _are_one(i: int, j: int, owners: NDArray[np.intp], table: NDArray[Any]) -> bool:
    """Whether the crystal of two patterns is one, by the axis along which they meet most often."""
    most, result = 0, False
    for one, two in ((np.s_[:-_LAG], np.s_[_LAG:]), (np.s_[:, :-_LAG], np.s_[:, _LAG:])):
        low, high = np.sort([owners[one], owners[two]], axis=0)
        across = (low == i) & (high == j)
        inside = (low == high) & ((low == i) | (low == j))
        if across.sum() > most and inside.any():
            most = int(across.sum())
            alike = np.einsum("ijk,ijk->ij", table[one], table[two])
            least = np.quantile(alike[inside], _RARE)
            result = bool(np.median(alike[across]) > _BENT * least)
    return result


def _spectra(
    smooth: FloatArray, spacing: float
) -> tuple[NDArray[np.float32], tuple[FloatArray, FloatArray]]:
    """Power spectra of windows, (n_windows, n_frequencies), and rows and columns of these."""
    size = min(2 * round(_WINDOW * spacing / 2), *smooth.shape)
    starts = [_starts(n, size, _APART * spacing) for n in smooth.shape]
    weights = np.hanning(size + 2)[1:-1]
    weights = np.outer(weights, weights).astype(np.float32)
    weights /= weights.sum()
    views = np.lib.stride_tricks.sliding_window_view(smooth.astype(np.float32), (size, size))
    frequencies = np.hypot(fft.fftfreq(size)[:, None], fft.rfftfreq(size)) * spacing
    counted = (frequencies > _LOWEST) & (frequencies < _HIGHEST)
    counted[:, :_SCAN_LINES] = False
    rising = (frequencies[counted] ** 2).astype(np.float32)
    spectra = []
    for row in starts[0]:
        windows = views[row, starts[1]]
        means = np.einsum("nij,ij->n", windows, weights)
        waves = fft.rfft2((windows - means[:, None, None]) * weights)[:, counted]
        spectra.append((waves.real**2 + waves.imag**2) * rising)
    middles = tuple(start + (size - 1) / 2 for start in starts)
    return np.concatenate(spectra), (middles[0], middles[1])


def _starts(n: int, size: int, apart: float) -> NDArray[np.intp]:
    """First points of windows along an axis, evenly from edge to edge."""
    count = 1 + math.ceil((n - size) / apart)
    return np.rint(np.linspace(0, n - size, count)).astype(np.intp)


def _patterns(units: NDArray[Any]) -> list[NDArray[Any]]:
    """Spectra of the grains, that of the most windows first."""
    candidates = units
    if len(units) > _MOST_PATTERNS:
        drawn = np.random.default_rng(0).choice(len(units), _MOST_PATTERNS, replace=False)
        candidates = units[np.sort(drawn)]
    likeness = candidates @ units.T
    alike = likeness > _SAME
    # High powers, since a window on a boundary is rather like the windows on both of its sides.
    weights = likeness**_SHARPNESS
    left = np.ones(len(units), dtype=np.bool_)
    patterns: list[NDArray[Any]] = []
    while len(patterns) < _MOST_GRAINS:
        best = int((weights * left).sum(axis=1).argmax())
        if (alike[best] & left).sum() < _LEAST_WINDOWS:
            break
        pattern = units[alike[best] & left].mean(axis=0)
        pattern /= np.linalg.norm(pattern)
        patterns.append(pattern)
        left &= units @ pattern < _OTHER
        left &= ~alike[best]
    return patterns


def _spread_out(
    values: FloatArray, places: tuple[FloatArray, FloatArray], shape: tuple[int, ...]
) -> FloatArray:
    """From windows to all points of the grid, linearly; beyond the outermost as these."""
    for axis, (middles, n) in enumerate(zip(places, shape, strict=True)):
        at = np.interp(np.arange(n), middles, np.arange(len(middles)))
        values = linearly(values, at, axis)
    return values


def linearly(values: FloatArray, at: FloatArray, axis: int) -> FloatArray:
    """Values between the points along an axis, at fractional indices within it."""
    before = at.astype(np.intp)
    after = np.minimum(before + 1, values.shape[axis] - 1)
    share = np.expand_dims(at - before, 1 - axis)
    between: FloatArray = (1 - share) * values.take(before, axis)
    between += share * values.take(after, axis)
    return between
