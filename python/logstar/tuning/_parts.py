"""Parts of a large image that represent it: where they are, and what tuning on them gives."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.base import clone

from logstar._validation import Image, as_image
from logstar.detection import LoGStarDetector
from logstar.detection._block_statistics import evenly_placed
from logstar.detection._parameters import scaling_of
from logstar.detection._scaling import limits_of
from logstar.exceptions import CalibrationError, NoAtomsWarning, NotOneLatticeError
from logstar.io import Micrograph
from logstar.units import PixelSize

from ._array_parts import part_of
from ._finder import AtomFinder
from ._long_run import Stage, TellsProgress
from ._looked_at import LookedAt, Place
from ._overlap import overlapping_lattice
from ._tiled import LEAST_TILE, find_between

#: Windows whose statistics tell which parts represent the field: so many by so many, of this side
#: in pixels.
_WINDOWS, _WINDOW_SIDE = 8, 128
#: Sigma in pixels of the Gaussian that noise is told from atoms by.
_NOISE = 1.0
#: A window that a mask leaves less of says nothing.
_LEAST_LEFT = 0.5


class TunedPart(NamedTuple):
    """A part that was tuned on.

    Attributes
    ----------
    place : tuple of two slice
        Where it is.
    image : ndarray
        Its pixels.
    finder : AtomFinder
        Fitted.
    detector : LoGStarDetector
        With its settings, looking everywhere.
    limits : tuple of float or None
        Intensities that were scaled to 0 and 1: percentiles differ from part to part, and a
        threshold means the same only with these.
    """

    place: Place
    image: Image
    finder: AtomFinder
    detector: LoGStarDetector
    limits: tuple[float, float] | None

    def qc_of(self, other: TunedPart) -> float:
        """QC in another part by the settings of this one."""
        expected = other.finder.expectation_
        detector = clone(self.detector).set_params(mask=other.finder.field_)
        side = max(other.image.shape)
        found = find_between(detector, other.image, self.limits, tile=max(side, LEAST_TILE))
        return len(found.table) / expected.n_expected - 1


class TunedParts(NamedTuple):
    """All parts that could be tuned on, and which of them represents them best.

    Attributes
    ----------
    parts : list of TunedPart
        In the order of their liveliness.
    best : int
        Number of the one whose settings fit all parts best.
    quality : ndarray of shape (n_parts,)
        QC in each part by the settings of that one.
    empty : list of ndarray
        Parts that do not show the crystal.
    """

    parts: list[TunedPart]
    best: int
    quality: NDArray[np.float64]
    empty: list[Image]

    @property
    def chosen(self) -> TunedPart:  # numpydoc ignore=RT01
        """The one whose settings fit all parts best."""
        return self.parts[self.best]

    @property
    def are_full(self) -> bool:  # numpydoc ignore=RT01
        """Whether the crystal is everywhere, as far as parts tell."""
        shares = (one.finder.expectation_.field_share for one in self.parts)
        return not self.empty and all(share == 1 for share in shares)


def tune_on_parts(
    array: Any,
    places: list[Place],
    finder: AtomFinder,
    looked_at: LookedAt,
    pixel_size: PixelSize | None,
    progress: TellsProgress | None,
) -> TunedParts:
    """Tune on each of some parts for itself, and compare.

    Parameters
    ----------
    array : array-like of shape (n_rows, n_cols)
        The image.
    places : list of tuple of two slice
        The parts.
    finder : AtomFinder
        With its parameters; it stays as it is.
    looked_at : LookedAt
        Where to look.
    pixel_size : PixelSize or None
        What the image says of it.
    progress : callable or None
        Is told of each part.

    Raises
    ------
    CalibrationError, NotOneLatticeError
        If no part can be tuned on, for the reason of the first.
    ValueError
        For parts in which single atoms are found, or columns overlap.
    """
    tuned: list[TunedPart] = []
    empty: list[Image] = []
    first_error: ValueError | None = None
    stage = Stage("tuning", len(places), progress)
    for place in places:
        image = as_image(part_of(array, place))
        own: AtomFinder = clone(finder).set_params(mask=looked_at.field_in(place))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoAtomsWarning)
                own._fit(Micrograph(image, pixel_size))  # noqa: SLF001 - of this package
        except (CalibrationError, NotOneLatticeError) as error:
            # Vacuum, or a grain of something else; other parts may show the crystal.
            first_error = first_error or error
            empty.append(image)
        else:
            tuned.append(_part(place, image, own))
        stage.step()
    if not tuned and first_error is not None:
        raise first_error
    # What does not show the lattice that others show is no crystal, whatever was told.
    shown = [one for one in tuned if one.finder.expectation_.image_lattice is not None]
    if shown:
        empty += [one.image for one in tuned if one.finder.expectation_.image_lattice is None]
        tuned = shown
    quality = [[one.qc_of(other) for other in tuned] for one in tuned]
    # What is to be doubted in its own part is no example for the others.
    losses = [
        (one.finder.verdict_.status != "ok", float(np.mean(np.abs(row))) + one.finder.er_)
        for row, one in zip(quality, tuned, strict=True)
    ]
    best = losses.index(min(losses))
    return TunedParts(tuned, best, np.array(quality[best]), empty)


def _part(place: Place, image: Image, finder: AtomFinder) -> TunedPart:
    own = finder.detector_
    if not isinstance(own, LoGStarDetector):
        raise ValueError(  # noqa: TRY004 - of a parameter's value, not of its type
            "an image is found by tiles with a lattice, or with numbers: single atoms are "
            "compared with the noise of an image as a whole, by tile=None."
        )
    if overlapping_lattice(finder.expectation_) is not None:
        raise ValueError(
            "columns overlap, and what was found is divided in an image as a whole, by tile=None."
        )
    percents = scaling_of(own)[1]
    limits = None if percents is None else limits_of(image, percents)
    return TunedPart(place, image, finder, clone(own).set_params(mask=None), limits)


def representative_parts(array: Any, looked_at: LookedAt, count: int, side: int) -> list[Place]:
    """Choose parts between the dullest and the liveliest of an image.

    Parameters
    ----------
    array : array-like of shape (n_rows, n_cols)
        The image.
    looked_at : LookedAt
        Where to look.
    count : int
        How many parts; fewer if windows are.
    side : int
        Their side in pixels, as far as there are that many.

    Returns
    -------
    parts : list of tuple of two slice
        Around the windows in the middle of as many equal groups, by how much they vary beyond
        noise; those that do not vary are left out.
    """
    rows, cols = looked_at.place
    places = [
        (_moved(window[0], rows.start), _moved(window[1], cols.start))
        for window in evenly_placed(looked_at.shape, _WINDOWS, _WINDOW_SIDE)
    ]
    places = [one for one in places if _share_left(looked_at, one) >= _LEAST_LEFT] or places
    signals = np.array([_signal(part_of(array, place)) for place in places])
    order = np.argsort(signals, kind="stable")
    order = order[signals[order] > 0]
    if len(order) == 0:
        # Noise, or nothing: whatever is in the middle.
        order = np.array([len(places) // 2])
    groups = np.array_split(order, min(count, len(order)))
    middles = (places[group[len(group) // 2]] for group in groups)
    # Two windows near a corner may lead to one part.
    starts = dict.fromkeys(
        (_start(one, side, rows), _start(two, side, cols)) for one, two in middles
    )
    height, width = (min(side, n) for n in looked_at.shape)
    return [(slice(r, r + height), slice(c, c + width)) for r, c in starts]


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _share_left(looked_at: LookedAt, place: Place) -> float:
    field = looked_at.field_in(place)
    return 1.0 if field is None else float(field.mean())


def _start(window: slice, side: int, within: slice) -> int:
    """Where a part of the image begins that has a window in its middle, as far as it can."""
    first = (window.start + window.stop - side) // 2
    return int(max(min(first, within.stop - side), within.start))


def _signal(window: NDArray[Any]) -> float:
    """Variance that a small Gaussian leaves, beyond what it leaves of the noise that it takes."""
    pixels = window.astype(np.float64)
    smooth = ndimage.gaussian_filter(pixels, _NOISE)
    noise = float(np.var(pixels - smooth))
    # Of white noise of variance 1, the Gaussian leaves 1 / (4 pi sigma^2), and takes the rest but
    # for twice what is common to both.
    left = 1 / (4 * math.pi * _NOISE**2)
    common = 1 / (2 * math.pi * _NOISE**2)
    return float(np.var(smooth)) - noise * left / (1 - 2 * common + left)
