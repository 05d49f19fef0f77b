"""The exact front of QC and ER over threshold and overlap, for one image or a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ._stability import CountCurves
from ._validation import FloatArray, Image, check_real
from .candidates import ScaleSpaceCandidates

#: Of the overlaps at which the outcome changes, this many are tried; between neighbouring ones a
#: few atoms of a thousand change.
_MAX_OVERLAPS = 64
#: The settings that a stack is evaluated at; images share no breakpoints.
_N_THRESHOLDS, _N_OVERLAPS = 96, 24
#: Overlaps of the front at which stable settings are sought.
_MOST_STABLE_OVERLAPS = 8


class Objectives(NamedTuple):
    """What QC and ER compare with, and the names of their scores."""

    count_name: str
    errors_name: str
    #: Expected atoms of each image, as QC and as ER count them.
    expected_count: list[float]
    expected_errors: list[float]
    distance_sum: float
    n_neighbors: int
    #: By which share the expected count may be wrong.
    uncertainty: float

    @classmethod
    def of(cls, scorers: Mapping[str, Any], images: Sequence[Image], y: Any) -> Objectives:
        """Read them off the scorers; `y` holds an entry for each image, or is None.

        Raises
        ------
        TypeError
            If the scorers are not one of each kind.
        """
        known = {name: s.crowding for name, s in scorers.items() if hasattr(s, "crowding")}
        counts = [name for name, crowding in known.items() if crowding is None]
        errors = [name for name, crowding in known.items() if crowding is not None]
        if len(known) < len(scorers) or (len(counts), len(errors)) != (1, 1):
            raise TypeError(
                "threshold and overlap can be swept for one QualityCount and one ErrorRate, got "
                f"{dict(scorers)!r}. Leave `sweep` empty for other scorers."
            )
        expected = {name: scorers[name].expected_counts(len(images), images, y) for name in known}
        distance_sum, n_neighbors = known[errors[0]]
        return cls(
            counts[0],
            errors[0],
            expected[counts[0]],
            expected[errors[0]],
            distance_sum,
            n_neighbors,
            check_real(getattr(scorers[counts[0]], "uncertainty", 0.0), name="uncertainty", low=0),
        )


def exact_front(
    candidates: Sequence[ScaleSpaceCandidates], objectives: Objectives, ranges: Mapping[str, Any]
) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Find the settings that no other beats, with their scores, minus the mean |QC| and mean ER.

    Where the expected count is uncertain, and there is one image, the setting with a count within
    the uncertainty that is stable over the widest range of thresholds is added: it may be beaten
    in |QC|, but that is no argument then.
    """
    bounds = {name: (ranges[name].low, ranges[name].high) for name in ("threshold", "overlap")}
    if len(candidates) == 1:
        front = candidates[0].pareto_front(
            n_expected=objectives.expected_count[0],
            distance_sum=objectives.distance_sum,
            n_neighbors=objectives.n_neighbors,
            threshold_range=bounds["threshold"],
            overlap_range=bounds["overlap"],
            max_overlaps=_MAX_OVERLAPS,
        )
        settings = np.column_stack([front.threshold, front.overlap])
        losses = np.column_stack(
            [
                np.abs(front.qc),
                front.er * (objectives.expected_count[0] / objectives.expected_errors[0]),
            ]
        )
        if objectives.uncertainty > 0:
            stable = _most_stable(candidates[0], objectives, bounds, settings)
            settings = np.concatenate([settings, stable[:, :2]])
            losses = np.concatenate([losses, stable[:, 2:]])
    else:
        settings, losses = _front_on_grid(candidates, objectives, bounds)
    return [
        (
            {"threshold": float(threshold), "overlap": float(overlap)},
            {objectives.count_name: 0.0 - float(qc), objectives.errors_name: 0.0 - float(er)},
        )
        for (threshold, overlap), (qc, er) in zip(settings, losses, strict=True)
    ]


def _most_stable(
    candidates: ScaleSpaceCandidates,
    objectives: Objectives,
    bounds: Mapping[str, tuple[float, float]],
    settings: FloatArray,
) -> FloatArray:
    """Threshold, overlap, |QC| and ER (n, 4) of the most stable setting, without rows if none."""
    overlaps = np.unique(settings[:, 1])
    if len(overlaps) > _MOST_STABLE_OVERLAPS:
        overlaps = overlaps[np.linspace(0, len(overlaps) - 1, _MOST_STABLE_OVERLAPS).astype(int)]
    curves = CountCurves(
        candidates,
        overlaps.tolist() or [bounds["overlap"][1]],
        bounds["threshold"],
        n_expected=objectives.expected_count[0],
        distance_sum=objectives.distance_sum,
        n_neighbors=objectives.n_neighbors,
    )
    plateau = curves.most_stable(objectives.uncertainty)
    if plateau is None:
        return np.empty((0, 4))
    er = plateau.er * (objectives.expected_count[0] / objectives.expected_errors[0])
    return np.array([[plateau.threshold, plateau.overlap, abs(plateau.qc), er]])


def _front_on_grid(
    candidates: Sequence[ScaleSpaceCandidates],
    objectives: Objectives,
    bounds: Mapping[str, tuple[float, float]],
) -> tuple[FloatArray, FloatArray]:
    low, high = bounds["threshold"]
    spaced = np.geomspace if low > 0 else np.linspace
    thresholds = spaced(low, high, _N_THRESHOLDS)
    overlaps = np.linspace(*bounds["overlap"], _N_OVERLAPS)
    losses = np.zeros((len(thresholds), len(overlaps), 2))
    for found, n_count, n_errors in zip(
        candidates, objectives.expected_count, objectives.expected_errors, strict=True
    ):
        qc, er = found.objective_grid(
            thresholds,
            overlaps,
            n_expected=n_count,
            distance_sum=objectives.distance_sum,
            n_neighbors=objectives.n_neighbors,
        )
        losses += np.stack([np.abs(qc), er * (n_count / n_errors)], axis=-1) / len(candidates)
    flat = losses.reshape(-1, 2)
    order = np.lexsort((flat[:, 1], flat[:, 0]))
    errors = flat[order, 1]
    # In the order of QC, a setting is on the front if its ER is below all before it.
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(errors)[:-1]])
    front = order[errors < best_before]
    rows, cols = np.unravel_index(front, losses.shape[:2])
    return np.column_stack([thresholds[rows], overlaps[cols]]), flat[front]
