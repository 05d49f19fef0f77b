"""What each place of an image is: crystal, another grain, amorphous, vacuum, contamination.

=================  =================================================================
here               meaning
=================  =================================================================
``contrast``       local standard deviation by the crystal's, without noise
``excess``         local intensity beyond the crystal's, by the crystal's contrast
``is_disordered``  where windows are unlike all others of their kind
``unordered``      how unlike the power spectrum is to that of any grain
=================  =================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray

from ._brightness import Brightness
from ._kind_names import AMORPHOUS, CONTAMINATION, CRYSTAL, OTHER_GRAIN, VACUUM
from ._orders import Orders

Mask = NDArray[np.bool_]
Kinds = NDArray[np.uint8]

#: A place is without atoms if its contrast is below this share of the greatest one nearby (within
#: `_NEARBY` spacings, the crystal's at most), or below `_NO_CONTRAST` of the crystal's. The share
#: puts the edge of a crystal about half a spacing beyond its outermost columns.
_EDGE, _NEARBY, _NO_CONTRAST = 0.55, 2.0, 0.14
#: Disordered places with less contrast than this lack atoms, as amorphous pockets have 0.88 and
#: more. They are rims of places without atoms, or holes of a cell or two, over which contrasts are
#: averaged.
_THIN = 0.8
#: Intensity beyond the crystal's, in its contrasts, of contamination: in scenes a crystal has 0.5
#: at the most, contamination of a tenth of a column's height 1.1.
_BRIGHT, _BRIGHT_WIDTH = 1.0, 0.15
#: The same where atoms are not in order. Amorphous regions are denser or thicker (1.3 in pockets),
#: so that only what is much brighter is contamination that hides the order.
_VERY_BRIGHT, _VERY_BRIGHT_WIDTH = 3.5, 0.5
#: Where disorder is above this, order is not seen: it is 0.35 at the steepest slopes of thin
#: contamination, which are beside its very bright core, and 0.35 to 0.7 in amorphous pockets.
_HIDING = 0.3
#: Spectra less like any grain's than this are of no grain.
_UNORDERED, _UNORDERED_WIDTH = 0.55, 0.05
#: Contrast of a film without visible atoms: more than this in four fifths of its area. Amorphous
#: carbon in scenes has 0.28, vacuum 0.02. Areas of less than `_SMALLEST_FILM` square spacings have
#: contrast from their surroundings, and are taken for holes.
_TEXTURE, _TEXTURE_WIDTH, _SMALLEST_FILM = 0.2, 0.03, 25.0
#: Where a crystal ends, windows are unlike others over about a spacing. Disorder that is narrower
#: than twice `_RIM` spacings and no farther than `_BESIDE` spacings from what is no crystal is the
#: edge itself; and so is contamination beside what is
#: amorphous or another grain, where the level of the intensity changes.
_RIM, _BESIDE = 0.75, 2.0


class Evidence(NamedTuple):
    """What is known of each point of the grid.

    Attributes
    ----------
    brightness : Brightness
        Contrast and brightness.
    orders : Orders
        Likeness to grains.
    dispersed : ndarray of shape (n_coarse_rows, n_coarse_cols)
        Probability that windows are dispersed, 0 to 1.
    is_disordered : ndarray of shape (n_coarse_rows, n_coarse_cols), bool
        Where it is above the threshold, in regions that are disordered enough.
    disorder : ndarray of shape (n_coarse_rows, n_coarse_cols)
        How far each place is from the crystal, by the crystal's contrast.
    spacing : float
        Of atoms, in points of the grid.
    """

    brightness: Brightness
    orders: Orders
    dispersed: FloatArray
    is_disordered: Mask
    disorder: FloatArray
    spacing: float


class KindMap(NamedTuple):
    """The kind of each point, and how sure it is.

    Attributes
    ----------
    kinds : ndarray of shape (n_coarse_rows, n_coarse_cols), uint8
        Places of the names in `KINDS`.
    confidence : ndarray of shape (n_coarse_rows, n_coarse_cols)
        0 to 1.
    """

    kinds: Kinds
    confidence: FloatArray


def tell_kinds(evidence: Evidence) -> KindMap:
    """Tell the kind of each point of the grid by thresholds on the evidence.

    Parameters
    ----------
    evidence : Evidence
        Of all points.

    Returns
    -------
    map : KindMap
        The confidence is that of a logistic curve of the evidence about its threshold; where
        several things have to hold, the product of theirs.
    """
    contrast, excess = evidence.brightness
    orders = evidence.orders
    empty = _emptiness(contrast, evidence.spacing)
    bright = _logistic(excess, _BRIGHT, _BRIGHT_WIDTH)
    very_bright = _logistic(excess, _VERY_BRIGHT, _VERY_BRIGHT_WIDTH)
    # Spectra of amorphous regions are speckled, and here and there like some grain's by chance, but
    # never quite unlike the crystal's, whose distances they share.
    by_chance = evidence.is_disordered & (orders.main > _UNORDERED)
    other = np.where(by_chance, 0, orders.other_grain)
    likeness = np.maximum(orders.main, orders.other)
    unordered = _logistic(-likeness, -_UNORDERED, _UNORDERED_WIDTH)
    disordered = np.where(evidence.is_disordered, evidence.dispersed, 0)
    without_order = np.maximum(disordered, unordered)
    is_without = evidence.is_disordered | (unordered > 0.5)

    is_empty, is_bright = empty > 0.5, bright > 0.5
    thin = evidence.is_disordered & (contrast < _THIN) & ~is_bright
    small_holes, rims = _parted(thin & ~is_empty, is_empty)
    empty = np.where(small_holes, np.maximum(empty, evidence.dispersed), empty)
    is_empty |= small_holes
    hides = (is_without | (evidence.disorder > _HIDING)) & ~is_empty & (other < 0.5)
    is_covered = is_bright & (~hides | (very_bright > 0.5))
    core = is_covered & (very_bright > 0.5)
    if core.any():
        # Its slope is neither in order nor very bright.
        is_covered |= is_bright & (_distance_to(core) <= _BESIDE * evidence.spacing)
    kinds = np.zeros(is_empty.shape, dtype=np.uint8)
    kinds[is_without & ~rims] = AMORPHOUS
    kinds[other > 0.5] = OTHER_GRAIN
    kinds[is_empty] = VACUUM
    kinds[is_covered] = CONTAMINATION
    edges = (kinds == AMORPHOUS) | (kinds == OTHER_GRAIN)
    _drop_rims(kinds, CONTAMINATION, edges, evidence.spacing)
    _drop_rims(kinds, AMORPHOUS, (kinds != AMORPHOUS) & (kinds != CRYSTAL), evidence.spacing)

    film = _find_films(kinds, contrast, evidence.spacing)
    confidence = np.select(
        [kinds == OTHER_GRAIN, kinds == AMORPHOUS, kinds == VACUUM, kinds == CONTAMINATION],
        [
            (1 - empty) * other * (1 - bright),
            (1 - empty) * without_order * (1 - very_bright),
            empty * (1 - bright) * np.maximum(film, 1 - film),
            bright,
        ],
        1 - empty,
    )
    kinds[(kinds == VACUUM) & (film > 0.5)] = AMORPHOUS
    return KindMap(kinds, confidence)


def _logistic(values: FloatArray, middle: float, width: float) -> FloatArray:
    result: FloatArray = 1 / (1 + np.exp(-((values - middle) / width).clip(-30, 30)))
    return result


def _emptiness(contrast: FloatArray, spacing: float) -> FloatArray:
    """How sure it is that there are no atoms."""
    size = 2 * math.ceil(_NEARBY * spacing) + 1
    nearby = ndimage.maximum_filter(contrast, size, mode="nearest")
    limit = np.maximum(_EDGE * np.minimum(nearby, 1), _NO_CONTRAST)
    square = (contrast / limit) ** 2
    empty: FloatArray = 1 / (1 + (square * square) ** 2)
    return empty


def _parted(thin: Mask, is_empty: Mask) -> tuple[Mask, Mask]:
    """Part places of little contrast into holes by themselves, and rims of others."""
    labels, n_regions = ndimage.label(thin | is_empty, np.ones((3, 3)))
    has_empty = np.zeros(n_regions + 1, dtype=np.bool_)
    has_empty[labels[is_empty]] = True
    return thin & ~has_empty[labels], thin & has_empty[labels]


def _drop_rims(kinds: Kinds, kind: int, others: Mask, spacing: float) -> None:
    """Give what is narrow of one kind, beside others, to whatever is next to it."""
    own = kinds == kind
    if not own.any() or not others.any():
        return
    rim, beside = _RIM * spacing, _BESIDE * spacing
    wide = own & ~_is_within(rim, ~own, own, ends=False)
    narrow = own & ~_is_within(rim, wide, own)
    rims = narrow & _is_within(beside, others, narrow)
    before = kinds.copy()
    # What is no rim is next to each point of one.
    for around, region in _regions(rims, rim):
        nearest = ndimage.distance_transform_edt(
            rims[around], return_distances=False, return_indices=True
        )
        kinds[around][region] = before[around][tuple(nearest[:, region])]


def _is_within(reach: float, of: Mask, where: Mask, *, ends: bool = True) -> Mask:
    """Tell which points of some regions are within reach of a mask, `ends` included."""
    within = np.zeros(of.shape, dtype=np.bool_)
    for around, region in _regions(where, reach):
        if of[around].any():
            distance = _distance_to(of[around])
            within[around] |= region & (distance <= reach if ends else distance < reach)
    return within


def _regions(mask: Mask, reach: float) -> Iterator[tuple[tuple[slice, slice], Mask]]:
    """Yield each region of a mask: its surroundings within reach, and where it is in them.

    Regions are mostly small, and distances in them quick where only these are looked at.
    """
    margin = math.ceil(reach) + 1
    labels, _ = ndimage.label(mask)
    for number, (rows, cols) in enumerate(ndimage.find_objects(labels), start=1):
        around = (
            slice(max(rows.start - margin, 0), rows.stop + margin),
            slice(max(cols.start - margin, 0), cols.stop + margin),
        )
        yield around, labels[around] == number


def _distance_to(mask: Mask) -> FloatArray:
    return np.asarray(ndimage.distance_transform_edt(~mask))


def _find_films(kinds: Kinds, contrast: FloatArray, spacing: float) -> FloatArray:
    """How sure it is that a place without atoms is a film and not vacuum; one number a region."""
    labels, n_regions = ndimage.label(kinds == VACUUM, np.ones((3, 3)))
    film = np.zeros(kinds.shape)
    if n_regions == 0:
        return film
    areas = np.bincount(labels.ravel(), minlength=n_regions + 1)
    for number in 1 + np.flatnonzero(areas[1:] > _SMALLEST_FILM * spacing**2):
        inside = labels == number
        texture = np.quantile(contrast[inside], 0.2)
        film[inside] = _logistic(texture, _TEXTURE, _TEXTURE_WIDTH)
    return film
