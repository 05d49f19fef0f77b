"""From evidence at points of the grid to kinds of pixels, and to regions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray

from ._brightness import measure_brightness
from ._evidence import Levels, measure_disorder
from ._kind_names import AMORPHOUS, CONTAMINATION, CRYSTAL, VACUUM
from ._kinds import Evidence, KindMap, Kinds, tell_kinds
from ._orders import find_orders, linearly
from ._regions import OnGrid, label_regions
from ._residual import Residual

Mask = NDArray[np.bool_]

#: Vacuum has to have this share of `min_atoms` only: that atoms are missing is seen at each place
#: by itself, while a few displaced atoms may be chance.
SHARE_OF_VACUUM = 0.5


class Rules(NamedTuple):
    """What the user asks of regions; see `AmorphousGMMSegmenter`."""

    threshold: float
    min_disorder: float
    min_atoms: float


class Maps(NamedTuple):
    """Kinds of pixels, and what is known of regions at the points of the grid.

    Attributes
    ----------
    kinds : ndarray of shape (n_rows, n_cols), uint8
        Of all pixels, by `KINDS`.
    rejected : ndarray of shape (n_rows, n_cols), uint8
        Kinds of what was rejected; elsewhere 0.
    probability : ndarray of shape (n_rows, n_cols), float32
        To be amorphous.
    known : OnGrid
        Of regions.
    candidates : ndarray of shape (n_candidates,)
        Disorder of all that was above the threshold.
    """

    kinds: Kinds
    rejected: Kinds
    probability: NDArray[np.float32]
    known: OnGrid
    candidates: FloatArray


def map_kinds(
    share: FloatArray,
    levels: Levels,
    residual: Residual,
    spacing: float,
    n_atoms: int,
    shape: tuple[int, ...],
    rules: Rules,
) -> Maps:
    """Tell the kinds of all pixels.

    Parameters
    ----------
    share : ndarray of shape (n_coarse_rows, n_coarse_cols)
        Of dispersed windows.
    levels : Levels
        Of that share in the crystal and in amorphous regions.
    residual : Residual
        Of the image.
    spacing : float
        Of atoms in pixels.
    n_atoms : int
        Number of atoms of the image.
    shape : tuple of two int
        Of the image.
    rules : Rules
        Which regions are kept.

    Returns
    -------
    maps : Maps
    """
    low, high = levels
    scaled = np.clip((share - low) / (high - low), 0, 1) if high > low else np.zeros_like(share)
    found = measure_disorder(scaled > rules.threshold, residual, spacing)
    labels, candidates = found.labels, found.of_regions
    disorder = np.concatenate([[0.0], candidates])[labels]
    is_disordered = (labels > 0) & (disorder >= rules.min_disorder)
    told = _told(scaled, is_disordered, found.local, residual, spacing / residual.step)
    kinds, areas = _large_enough(told.kinds, n_atoms, rules.min_atoms)
    rejected = np.where(kinds == CRYSTAL, told.kinds, CRYSTAL).astype(np.uint8)
    rejected[(labels > 0) & ~is_disordered & (kinds == CRYSTAL)] = AMORPHOUS

    probability = _enlarged(scaled, residual.step, shape)
    above = probability > rules.threshold
    nearest = _nearest(residual.step, shape, kinds.shape)
    full, full_rejected = (
        _refined(chosen, labels > 0, above, nearest) for chosen in (kinds, rejected)
    )
    full_rejected[full != CRYSTAL] = CRYSTAL
    if not (full == AMORPHOUS).any():
        probability = np.zeros_like(probability)
    only_disorder = (rejected == AMORPHOUS) & (told.kinds == CRYSTAL)
    confidence = np.where(only_disorder, scaled, told.confidence)
    known = OnGrid(residual.step, confidence, disorder, areas)
    return Maps(full, full_rejected, probability, known, candidates)


def _told(
    scaled: FloatArray,
    is_disordered: Mask,
    disorder: FloatArray,
    residual: Residual,
    spacing: float,
) -> KindMap:
    """Tell the kinds by all evidence, or by disorder alone where there is no crystal."""
    orders = find_orders(residual.smooth, spacing)
    brightness = None
    if orders is not None:
        brightness = measure_brightness(
            residual.smooth,
            residual.noise,
            spacing,
            orders.is_main & ~is_disordered,
            (orders.other_grain > 0.5) & ~is_disordered,
        )
    if orders is None or brightness is None:
        kinds = np.where(is_disordered, AMORPHOUS, CRYSTAL).astype(np.uint8)
        return KindMap(kinds, np.where(is_disordered, scaled, 1 - scaled))
    return tell_kinds(Evidence(brightness, orders, scaled, is_disordered, disorder, spacing))


def _large_enough(kinds: Kinds, n_atoms: int, min_atoms: float) -> tuple[Kinds, FloatArray]:
    """Drop regions that are too small, and give the area in atoms of that which a point is in."""
    labels, n_regions = label_regions(kinds)
    if n_regions == 0:
        return kinds, np.zeros(kinds.shape)
    own = np.zeros(n_regions + 1, dtype=np.uint8)
    own[labels] = kinds  # all points of a region write the same
    filled = max(1, int(((kinds != VACUUM) & (kinds != CONTAMINATION)).sum()))
    areas = np.bincount(labels.ravel(), minlength=n_regions + 1) * (n_atoms / filled)
    areas[0] = 0
    least = np.where(own == VACUUM, SHARE_OF_VACUUM, 1.0) * min_atoms
    own[areas < least] = CRYSTAL
    return own[labels], np.asarray(areas[labels], dtype=np.float64)


def _refined(
    kinds: Kinds, is_above: Mask, above: Mask, nearest: tuple[NDArray[np.intp], ...]
) -> Kinds:
    """From the grid to all pixels; the boundary of disorder runs between points.

    A pixel is of the kind of the point next to it. What is amorphous as its probability is above
    the threshold ends where that, interpolated, does.
    """
    smooth = (kinds == AMORPHOUS) & is_above
    full = np.where(smooth, np.uint8(CRYSTAL), kinds)[nearest]
    grown = ndimage.binary_dilation(smooth, np.ones((3, 3), np.bool_))
    full[above & grown[nearest] & (full == CRYSTAL)] = AMORPHOUS
    return full


def _nearest(
    step: int, shape: tuple[int, ...], coarse: tuple[int, ...]
) -> tuple[NDArray[np.intp], ...]:
    """Index of the point of the grid that is next to each pixel."""
    return np.ix_(
        *(
            np.minimum((np.arange(n) + step // 2) // step, m - 1)
            for n, m in zip(shape, coarse, strict=True)
        )
    )


def _enlarged(values: FloatArray, step: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """From the grid to all pixels, linearly."""
    enlarged = values
    for axis, n in enumerate(shape):
        places = np.minimum(np.arange(n) / step, values.shape[axis] - 1)
        enlarged = linearly(enlarged, places, axis)
    return enlarged.astype(np.float32)
