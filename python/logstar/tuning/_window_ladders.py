"""A ladder and a threshold of its own for each window, pruned together.

This is the sliding window of Barakati et al., Digital Discovery 2024, 3, 2061. A window has a few
dozen atoms to tune on, so that it finds no better settings than the whole image has, and often
worse ones. Maxima do not depend on windows, each of which takes those of its ladder in the pixels
that are nearest to its centre; where windows meet, pruning them all together leaves no doubles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.detection import LoGStarDetector
from logstar.detection._mosaic import MosaicDetector, mosaic_of, tables_of_ladders

from ._choice import THRESHOLDS
from ._space import ladders_of
from ._window_maps import WindowSettings, with_detector
from ._windows import ABOVE_ALL, SAME_LOSS, Windows, WindowsOfFinder, within

if TYPE_CHECKING:
    from ._finder import AtomFinder


def window_ladders(finder: AtomFinder, window: int | Literal["auto"]) -> WindowSettings:
    """Choose a ladder and a threshold for each window of an image that is tuned as a whole.

    Parameters
    ----------
    finder : AtomFinder
        With the tuned detector and its parameters, and the search, whose ladders are tried.
    window : int or "auto"
        Side of a window, in pixels.

    Returns
    -------
    settings : WindowSettings
        The overlap is that of the image, since all are pruned together.
    """
    told = WindowsOfFinder.of(finder, window)
    ladders = ladders_of(finder.search_)
    mosaic = mosaic_of(finder.detector_, ladders)
    tables = tables_of_ladders(mosaic, finder.image_, THRESHOLDS[0])
    of_image = ladders.index(
        (float(finder.params_["min_sigma"]), float(finder.params_["max_sigma"]))
    )
    which = np.full(told.windows.grid, of_image)
    threshold = np.full(told.windows.grid, float(finder.params_["threshold"]))
    for place, box in told.windows:
        inside = [table[within(table, box)] for table in tables]
        if told.is_empty(place):
            if len(inside[of_image]):
                strongest = inside[of_image][0, 3]
                threshold[place] = min(ABOVE_ALL * strongest, THRESHOLDS[1])
        elif any(map(len, inside)):
            which[place], threshold[place] = _best_of(inside, told, place)
    at_pixels = nearest_window(told.windows)
    detector = with_detector(mosaic, which=which[at_pixels], threshold=threshold[at_pixels])
    ends = np.array(ladders)[which]
    return WindowSettings(told, threshold, ends[..., 0], ends[..., 1], detector)


def _best_of(
    tables: list[FloatArray], told: WindowsOfFinder, place: tuple[int, int]
) -> tuple[int, float]:
    """The ladder that meets what is expected, over the widest range of thresholds if several do."""
    plateaus = {
        index: told.plateau(table, place) for index, table in enumerate(tables) if len(table)
    }
    least = min(plateau.loss for plateau in plateaus.values())
    as_good = [i for i, plateau in plateaus.items() if plateau.loss <= least + SAME_LOSS]
    best = max(as_good, key=lambda i: plateaus[i].half_width)
    return best, float(np.exp(plateaus[best].middle))


def nearest_window(windows: Windows) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index the grid by the window whose centre is nearest to each pixel."""
    nearest = [
        np.searchsorted((centres[1:] + centres[:-1]) / 2, np.arange(length))
        for centres, length in zip(windows.centres, windows.shape, strict=True)
    ]
    rows, cols = np.ix_(*nearest)
    return rows, cols


def without_windows(finder: AtomFinder) -> Any:
    """Give a finder's detector as it is for the whole image, for frames of another shape."""
    detector = finder.detector_
    last = detector.steps[-1][1] if hasattr(detector, "steps") else detector
    threshold = float(finder.params_["threshold"])
    if not isinstance(last, MosaicDetector):
        return with_detector(detector, threshold=threshold)
    parameters = LoGStarDetector().get_params()
    parameters = {name: getattr(last, name) for name in parameters} | {
        "min_sigma": float(finder.params_["min_sigma"]),
        "max_sigma": float(finder.params_["max_sigma"]),
        "threshold": threshold,
    }
    plain = LoGStarDetector(**parameters).fit(finder.image_)
    if last is detector:
        return plain
    other = with_detector(detector)
    other.steps = [*detector.steps[:-1], (detector.steps[-1][0], plain)]
    return other
