"""The exact front of QC and ER over threshold and overlap, for one image or a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from logstar._validation import FloatArray, Image, check_real

from . import ScaleSpaceCandidates
from ._plateaus import CountCurves

#: Of the overlaps at which the outcome changes, this many are tried; between neighbouring ones a
#: few atoms of a thousand change.
_MAX_OVERLAPS = 64
#: The settings that a stack is evaluated at; images share no breakpoints.
_N_THRESHOLDS, _N_OVERLAPS = 96, 24


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

    def rule(self) -> dict[str, Any]:
        """What QC and ER of the first image are measured by."""
        return {
            "n_expected": self.expected_count[0],
            "distance_sum": self.distance_sum,
            "n_neighbors": self.n_neighbors,
        }


class SweptFront(NamedTuple):
    """Settings that no other beats, as columns.

    Attributes
    ----------
    settings : dict of str to ndarray of shape (n,)
        "threshold" and "overlap".
    scores : dict of str to ndarray of shape (n,)
        Scores by the scorers' names, greater is better.
    details : dict of str to ndarray of shape (n,)
        Of one image, over which thresholds a setting's number of atoms is the same, within 0.2 %:
        "plateau_low", "plateau_high", in their middle "plateau_threshold", and QC there,
        "plateau_qc".
    """

    settings: dict[str, FloatArray]
    scores: dict[str, FloatArray]
    details: dict[str, FloatArray]


def exact_front(
    candidates: Sequence[ScaleSpaceCandidates],
    objectives: Objectives,
    ranges: Mapping[str, tuple[float, float]],
) -> SweptFront:
    """Find the settings that no other beats, with their scores, minus the mean |QC| and mean ER.

    Where the expected count is uncertain, and there is one image, the setting with a count within
    the uncertainty that is stable over the widest range of thresholds is added: it may be beaten
    in |QC|, but that is no argument then.
    """
    if len(candidates) == 1:
        settings, losses, details = _front_of_one(candidates[0], objectives, ranges)
    else:
        settings, losses = _front_on_grid(candidates, objectives, ranges)
        details = {}
    scores = 0.0 - losses
    return SweptFront(
        {"threshold": settings[:, 0], "overlap": settings[:, 1]},
        {objectives.count_name: scores[:, 0], objectives.errors_name: scores[:, 1]},
        details,
    )


def _front_of_one(
    candidates: ScaleSpaceCandidates,
    objectives: Objectives,
    ranges: Mapping[str, tuple[float, float]],
) -> tuple[FloatArray, FloatArray, dict[str, FloatArray]]:
    front = candidates.pareto_front(
        **objectives.rule(),
        threshold_range=ranges["threshold"],
        overlap_range=ranges["overlap"],
        max_overlaps=_MAX_OVERLAPS,
    )
    settings = np.column_stack([front.threshold, front.overlap])
    er_scale = objectives.expected_count[0] / objectives.expected_errors[0]
    losses = np.column_stack([np.abs(front.qc), front.er * er_scale])
    curves = CountCurves(
        candidates, np.unique(settings[:, 1]), ranges["threshold"], objectives.expected_count[0]
    )
    if objectives.uncertainty > 0:
        stable = _most_stable(candidates, objectives, curves)
        settings = np.concatenate([settings, stable[:, :2]])
        losses = np.concatenate([losses, stable[:, 2:] * (1.0, er_scale)])
    plateaus = curves.around(settings[:, 0], settings[:, 1])
    details = {
        "plateau_low": plateaus.low,
        "plateau_high": plateaus.high,
        "plateau_threshold": plateaus.threshold,
        "plateau_qc": plateaus.qc,
    }
    return settings, losses, details


def _most_stable(
    candidates: ScaleSpaceCandidates,
    objectives: Objectives,
    curves: CountCurves,
) -> FloatArray:
    """Threshold, overlap, |QC| and ER (n, 4) of the most stable setting, without rows if none.

    Of settings that are as stable, that with the least ER, then the least |QC|.
    """
    widest = curves.widest(objectives.uncertainty)
    rule = objectives.rule()
    stable = [
        (threshold, overlap, abs(qc), candidates.objectives(threshold, overlap, **rule)[1])
        for threshold, overlap, qc in zip(
            widest.threshold.tolist(), widest.overlap.tolist(), widest.qc.tolist(), strict=True
        )
    ]
    if not stable:
        return np.empty((0, 4))
    return np.array([min(stable, key=lambda row: (row[3], row[2], row[1]))])


def _front_on_grid(
    candidates: Sequence[ScaleSpaceCandidates],
    objectives: Objectives,
    ranges: Mapping[str, tuple[float, float]],
) -> tuple[FloatArray, FloatArray]:
    low, high = ranges["threshold"]
    spaced = np.geomspace if low > 0 else np.linspace
    thresholds = spaced(low, high, _N_THRESHOLDS)
    overlaps = np.linspace(*ranges["overlap"], _N_OVERLAPS)
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
