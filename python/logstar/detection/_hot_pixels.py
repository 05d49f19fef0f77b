"""Single hot pixels, which are no atoms: each is replaced by the median around it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from logstar import _core
from logstar._numerics import MAD_TO_SIGMA
from logstar._validation import FloatArray

from ._responses import bands

#: A pixel is hot that stands out by this many standard deviations, and whose neighbours all stand
#: out by less than this share of it; of a Gaussian with a sigma above 0.6 px they do by more.
_HOT, _HOT_NEIGHBORS = 6.0, 0.25
#: About how many pixels make a sample, and the share of it that is below a bound, which the median
#: of all pixels is likely to be above.
_SAMPLE, _SHARE = 2**16, 0.47


def despiked(pixels: FloatArray) -> FloatArray:
    """The image without single hot pixels: each becomes the median around it."""
    if min(pixels.shape) < 3:
        # No pixel has neighbours on all sides.
        return pixels
    steps = np.empty((pixels.shape[0], pixels.shape[1] - 1), dtype=np.float32)
    unit = float(np.ptp(pixels)) or 1.0
    for band in bands(pixels.shape):
        steps[band] = np.abs(np.diff(pixels[band], axis=1)) / unit
    least = unit * MAD_TO_SIGMA / math.sqrt(2) * _below_median(steps)
    if least > 0 and not _find(pixels, least):
        # However much the spread is above that, no pixel is hot.
        return pixels
    # A median is the mean of the two middle ones; of an odd number both are the same.
    middle = _core.order_statistics(steps, [(steps.size - 1) // 2, steps.size // 2])
    spread = unit * MAD_TO_SIGMA * sum(middle) / 2 / math.sqrt(2)
    if spread == 0:
        # More than half of the pixels are equal to their neighbours, as with few electrons:
        # nothing says then what is unusual.
        return pixels
    found = _find(pixels, spread)
    if not found:
        return pixels
    result = pixels.copy()
    for place, median in found.items():
        result[place] = median
    return result


def _below_median(steps: NDArray[np.float32]) -> float:
    """A number that is surely not above the median, and in most images not far below; or 0."""
    some = steps[:: max(1, steps.size // _SAMPLE), :].ravel()
    bound = np.partition(some, int(_SHARE * len(some)))[int(_SHARE * len(some))]
    n_below = sum(int(np.count_nonzero(steps[band] < bound)) for band in bands(steps.shape))
    # A little less, so that rounding in what is made of it does no harm.
    return float(bound) * (1 - 1e-6) if n_below <= (steps.size - 1) // 2 else 0.0


def _find(pixels: FloatArray, spread: float) -> dict[tuple[int, int], float]:
    """Hot pixels if neighbouring pixels differ by this standard deviation, and medians around.

    The lower that is, the more: all that are hot at a higher one are found at a lower one as well.
    """
    # Hot pixels stand out of those beside them, and few others do so. At the very edge there is no
    # telling.
    least = (1 - _HOT_NEIGHBORS) * _HOT * spread
    rows, cols = _above_those_beside(pixels, least)
    if len(rows) == 0:
        return {}
    neighbors = np.max(
        [pixels[rows + i, cols + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j], axis=0
    )
    is_high = pixels[rows, cols] - neighbors > least
    found = {}
    for row, col, highest in zip(
        rows[is_high].tolist(), cols[is_high].tolist(), neighbors[is_high], strict=True
    ):
        window = pixels[max(row - 2, 0) : row + 3, max(col - 2, 0) : col + 3]
        median = float(np.median(window))
        above = pixels[row, col] - median
        if above > _HOT * spread and highest - median < _HOT_NEIGHBORS * above:
            found[row, col] = median
    return found


def _above_those_beside(
    pixels: FloatArray, least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of pixels that exceed those to the left and right; not of those at edges."""
    found = []
    for rows in bands((pixels.shape[0] - 2, pixels.shape[1])):
        part = pixels[1 + rows.start : 1 + rows.stop]
        above = part[:, 1:-1] - np.maximum(part[:, :-2], part[:, 2:])
        found.append(np.argwhere(above > least) + np.array([1 + rows.start, 1]))
    places = np.concatenate(found)
    return places[:, 0], places[:, 1]
