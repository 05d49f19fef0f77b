"""What one setting of a finder's front finds, and whether to believe it."""

from __future__ import annotations

import math
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from logstar._validation import FloatArray
from logstar.detection import (
    LoGStarDetector,
    ScaleSpaceCandidates,
    SignificanceDetector,
    atom_significance,
)
from logstar.detection._plateaus import plateau_thresholds
from logstar.exceptions import NoAtomsWarning
from logstar.io import AtomTable, provenance
from logstar.rewards import quality_report

from ._choice import ER, QC, THRESHOLDS, CountCurve, Plateau
from ._contamination import contamination_of
from ._evidence import LEAST_RESPONSE, weigh
from ._found import divided, flags, rate, refined
from ._overlap import overlapping_lattice
from ._refining import columns_of
from ._single_atoms import STRENGTHS
from ._space import plain_params
from ._threshold_field import threshold_field
from ._verdict import judge
from ._window_ladders import window_ladders

if TYPE_CHECKING:
    from ._finder import AtomFinder
    from ._window_maps import WindowSettings

#: What a detector's table holds.
_COLUMNS = ("row", "col", "sigma", "response", "support")


def settle(
    finder: AtomFinder,
    row: int,
    *,
    dataset: int | None,
    origin: tuple[float, float],
    alone: bool,
) -> None:
    """Take the setting of a row of the search: find atoms with it, and judge them.

    Parameters
    ----------
    finder : AtomFinder
        With its search and front. What follows from the setting becomes its fitted attributes.
    row : int
        Row of ``search_.cv_results_``, one of the front's.
    dataset : int or None
        Which image of its file the image is.
    origin : tuple of two float
        Row and column of the image's first pixel in the file.
    alone : bool
        Whether atoms are single ones.
    """
    start = time.perf_counter()
    finder.index_ = int(np.flatnonzero(finder.front_ == row)[0])
    finder.detector_ = _tuned_as(finder, row)
    finder.params_ = plain_params(finder.search_, row)
    windows = _follow_windows(finder)
    candidates = finder.detector_.find_candidates(finder.image_, LEAST_RESPONSE)
    shown = _detected(finder, candidates)
    detections = divided(finder, finder.image_, shown)
    if isinstance(finder.detector_, SignificanceDetector):
        finder.plateau_ = Plateau(*finder.detector_.plateau_)
        finder.params_["threshold"] = finder.detector_.threshold_
    else:
        finder.plateau_ = Plateau.of(finder.search_.cv_results_, row)
    expected = finder.expectation_
    finder.qc_, finder.er_ = rate(expected, detections)
    rewards = {QC: finder.qc_, ER: finder.er_}
    finder.atoms_ = AtomTable.from_array(
        detections,
        _COLUMNS[: detections.shape[1]],
        pixel_size=finder.pixel_size_,
        provenance=provenance(
            finder.source_,
            dataset=dataset,
            parameters=finder.params_,
            rewards={name: value for name, value in rewards.items() if math.isfinite(value)},
        ),
        origin=origin,
    ).with_columns(
        significance=_significance(finder, detections), flagged=flags(expected, detections)
    )
    _look_for_contamination(finder, detections, alone=alone)
    finder.windows_ = None if windows is None else windows.maps_of(finder)
    _look_around(finder, candidates, shown[:, 3])
    detected = time.perf_counter()
    finder.seconds_["detect"] = detected - start
    finder.refinement_ = None
    if finder.refine is not None and len(detections):
        finder.refinement_ = refined(finder, finder.image_, detections)
        finder.atoms_ = finder.atoms_.with_columns(**columns_of(finder.refinement_))
        finder.seconds_["refine"] = time.perf_counter() - detected
    before = time.perf_counter()
    finder.quality_ = None
    if finder.lattice_ is not None:
        finder.quality_ = quality_report(
            finder.image_,
            detections,
            finder.lattice_,
            expected=expected.count,
            distance_sum=expected.distance_sum,
        )
    finder.seconds_["quality"] = time.perf_counter() - before
    _ask_oracle(finder)
    finder.verdict_ = judge(finder)


def _tuned_as(finder: AtomFinder, row: int) -> Any:
    """The detector with the setting of a row of the search."""
    search = finder.search_
    if row == search.best_index_:
        return search.best_estimator_
    setting = search.cv_results_["params"][row].items()
    own = {name: clone(value, safe=False) for name, value in setting}
    return clone(search.estimator).set_params(**own).fit(finder.image_)


def _detected(finder: AtomFinder, candidates: ScaleSpaceCandidates) -> FloatArray:
    """What the detector finds; of candidates where these are all that it asks."""
    detector = finder.detector_
    is_plain = type(detector) is LoGStarDetector and np.ndim(detector.threshold) == 0
    if is_plain and detector.threshold >= candidates.threshold:
        return candidates.detections(detector.threshold, detector.overlap)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoAtomsWarning)
        found: FloatArray = detector.detect(finder.image_)
    return found


def _follow_windows(finder: AtomFinder) -> WindowSettings | None:
    """Let settings follow windows, where these are wanted and there is something to begin with."""
    if (
        finder.window is None
        or isinstance(finder.detector_, SignificanceDetector)
        or overlapping_lattice(finder.expectation_) is not None
    ):
        return None
    follow = window_ladders if finder.window_ladders else threshold_field
    settings = follow(finder, finder.window)
    finder.detector_ = settings.detector
    finder.params_["threshold"] = float(np.median(settings.threshold))
    finder.params_["window"] = settings.told.side
    return settings


def _significance(finder: AtomFinder, detections: FloatArray) -> FloatArray:
    """How many maxima of noise are expected to be as strong as each atom."""
    by_noise = isinstance(finder.detector_, SignificanceDetector)
    return atom_significance(
        finder.image_,
        detections,
        size=float(finder.params_["atom_size"]) if by_noise else None,
        polarity=finder.polarity,
        mask=finder.field_,
        remove_neighbors=not by_noise,
    )


def _look_for_contamination(finder: AtomFinder, detections: FloatArray, *, alone: bool) -> None:
    """Mark the atoms that lie under contamination."""
    places = detections[:, :2]
    area = contamination_of(finder.image_, places, finder.expectation_, finder.polarity)
    finder.contamination_ = area
    if not alone:
        is_below = np.zeros(len(places), dtype=bool)
        if area is not None:
            rows, cols = np.round(places).astype(int).T
            is_below = area[rows, cols]
        finder.atoms_ = finder.atoms_.with_columns(contaminated=is_below)


def _look_around(
    finder: AtomFinder, candidates: ScaleSpaceCandidates, responses: FloatArray
) -> None:
    """Look at what else could have been found, at other thresholds and polarities."""
    # Candidates that stand out of noise are pruned already; none overlaps by more than 1.
    overlap = float(finder.params_.get("overlap", 1.0))
    by_noise = isinstance(finder.detector_, SignificanceDetector)
    thresholds = plateau_thresholds(*(STRENGTHS if by_noise else THRESHOLDS))
    counts = candidates.counts(thresholds, [overlap])[:, 0]
    finder.count_curve_ = CountCurve(thresholds, counts)
    finder.evidence_ = weigh(
        finder.detector_,
        finder.image_,
        candidates,
        responses=responses,
        overlap=overlap,
    )


def _ask_oracle(finder: AtomFinder) -> None:
    """Compare with an oracle, if there is one, and note in the table what it sees."""
    finder.second_opinion_ = None
    if finder.oracle is None:
        return
    from ._second_opinion import SecondOpinion  # noqa: PLC0415 - few have an oracle

    start = time.perf_counter()
    points = finder.atoms_.positions
    opinion = SecondOpinion.of(finder.oracle, finder.image_, points, finder.field_)
    finder.atoms_ = finder.atoms_.with_columns(seen_by_oracle=opinion.seen)
    finder.second_opinion_ = opinion
    finder.seconds_["oracle"] = time.perf_counter() - start
