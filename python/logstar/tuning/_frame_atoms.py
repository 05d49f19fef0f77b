"""The atoms of one frame by the settings of another, and what they say of these settings."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image

from ._bands import FrameRewards
from ._field import looking_within
from ._found import divided, flags, rate, refined
from ._refining import columns_of
from ._source import as_field

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._finder import AtomFinder

#: What a detector's table holds.
_COLUMNS = ("row", "col", "sigma", "response", "support")


class FrameAtoms(NamedTuple):
    """What was found in a frame.

    Attributes
    ----------
    columns : dict of str to ndarray of shape (n_atoms,)
        "row", "col", "sigma", "response", "flagged", and what else the settings give.
    rewards : FrameRewards
        QC and ER.
    """

    columns: dict[str, NDArray[np.generic]]
    rewards: FrameRewards


def settings_of(finder: AtomFinder) -> AtomFinder:
    """A fitted finder without what its own image alone needs: small enough to be sent."""
    light = copy.copy(finder)
    light.image_ = np.empty((0, 0), dtype=np.float32)
    light.callback = None
    # Frames are worked on side by side, each on one thread.
    light.n_jobs = None
    light.detector_ = copy.deepcopy(finder.detector_)
    names = (name for name in light.detector_.get_params() if name.split("__")[-1] == "n_jobs")
    light.detector_.set_params(**dict.fromkeys(names))
    for name in ("search_", "evidence_", "quality_", "refinement_", "atoms_", "count_curve_"):
        if hasattr(light, name):
            delattr(light, name)
    return light


def find_in_frame(finder: AtomFinder, image: Image) -> FrameAtoms:
    """Find the atoms of a frame.

    Parameters
    ----------
    finder : AtomFinder
        Fitted, or what `settings_of` leaves of it. In its own image the same atoms are found as it
        has.
    image : ndarray of shape (n_rows, n_cols)
        The frame. A constant one has no atoms.

    Returns
    -------
    atoms : FrameAtoms
    """
    expected, detector, share = finder.expectation_, finder.detector_, 1.0
    if image.min() == image.max():
        return _nothing(math.isfinite(expected.n_expected))
    if expected.field is not None and not np.array_equal(image, finder.image_):
        field = expected.field_of(image, finder.polarity, as_field(finder.mask, image.shape))
        detector = looking_within(detector, field)
        area = image.size if field is None else np.count_nonzero(field)
        share = area / np.count_nonzero(expected.field)
    detections = divided(finder, image, detector.detect([image])[0])
    names = _COLUMNS[: detections.shape[1]]
    columns: dict[str, ArrayLike] = dict(zip(names, detections.T, strict=True))
    if finder.refine is not None and len(detections):
        columns |= columns_of(refined(finder, image, detections))
    columns["flagged"] = flags(expected, detections)
    arrays = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    return FrameAtoms(arrays, FrameRewards(*rate(expected, detections, share=share)))


def _nothing(is_expected: bool) -> FrameAtoms:
    """What a frame has that was not recorded: denoisers and thresholds make nothing of it."""
    columns: dict[str, NDArray[np.generic]] = {name: np.empty(0) for name in _COLUMNS[:4]}
    columns["flagged"] = np.empty(0, dtype=bool)
    return FrameAtoms(columns, FrameRewards(-1.0 if is_expected else math.nan, math.nan))
