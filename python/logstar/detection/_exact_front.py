"""The exact front over threshold and overlap, for one image or a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._sweeping import Front
from logstar._validation import FloatArray
from logstar.pareto import is_non_dominated

from . import ParetoFront, ScaleSpaceCandidates
from ._criteria import Criteria, StabilityCriterion
from ._plateaus import CountCurves, CountPlateaus, first_known, plateau_thresholds

#: Greatest number of overlaps, spread over those on the front of QC and ER, at which all thresholds
#: are searched for wide plateaus.
_MAX_STABLE_OVERLAPS = 4
#: Thresholds and overlaps of the grid that a stack is evaluated on: the values at which outcomes
#: change differ from image to image, so there is no exact list of settings as for one image.
_N_THRESHOLDS, _N_OVERLAPS = 96, 24

#: Least and greatest "threshold" and "overlap".
Bounds: TypeAlias = Mapping[str, tuple[float, float]]
Columns = TypeVar("Columns", ParetoFront, CountPlateaus)


def strongest(
    table: FloatArray, threshold: float, criteria: Criteria, bounds: Bounds
) -> tuple[FloatArray, float]:
    """Leave out candidates of one image beyond the greatest number that is to be swept.

    Parameters
    ----------
    table : ndarray of shape (n, 4)
        Row, column, sigma and response, the strongest response first.
    threshold : float
        Every candidate that responds by more is in the table.
    criteria, bounds
        As of `exact_front`.

    Returns
    -------
    table : ndarray of shape (n_left, 4)
        The strongest.
    threshold : float
        Every candidate that responds by more is in that table.
    """
    most = criteria.count.most_candidates * criteria.count.expected[0]
    if len(criteria.count.expected) > 1 or len(table) <= most:
        return table, threshold
    # What responds by more than the greatest threshold is there at every setting.
    least = min(float(table[int(most), 3]), bounds["threshold"][1])
    return table[table[:, 3] > least], least


def exact_front(
    candidates: Sequence[ScaleSpaceCandidates], criteria: Criteria, bounds: Bounds
) -> Front:
    """Find the settings that no other beats in what is scored, and their scores.

    Of one image the front of |QC| and ER is complete, but for the candidates and overlaps that
    `CountCriterion` leaves out. Where stability is scored as well, the front is that of these
    settings and of all plateaus at a few of their overlaps. Of a stack it is that of a grid of
    settings.
    """
    if len(candidates) > 1:
        return _front_on_grid(candidates, criteria, bounds)
    if criteria.stability is None:
        settings, plateaus = _most_accurate(candidates[0], criteria, bounds)
        losses = _losses(settings, criteria)
    else:
        settings, plateaus = _stable_as_well(candidates[0], criteria, criteria.stability, bounds)
        losses = np.column_stack([_losses(settings, criteria), -plateaus.stability])
        rows = _best_of_equals(losses, _off_middle(settings, plateaus))
        rows = rows[is_non_dominated(losses[rows])]
        settings, plateaus, losses = _at(settings, rows), _at(plateaus, rows), losses[rows]
    return Front(
        {"threshold": settings.threshold, "overlap": settings.overlap},
        _scores(losses, criteria),
        {
            "n_atoms": _n_atoms(settings.qc, criteria),
            "plateau_low": plateaus.low,
            "plateau_high": plateaus.high,
        },
    )


def _most_accurate(
    candidates: ScaleSpaceCandidates, criteria: Criteria, bounds: Bounds
) -> tuple[ParetoFront, CountPlateaus]:
    """Find the front of count and errors, and the plateaus on it."""
    settings, _ = _front_of_quality(candidates, (), criteria, bounds)
    settings = _at(settings, is_non_dominated(_losses(settings, criteria)))
    # NumPy's own way takes longer than a front of few settings did.
    overlaps = np.array(sorted(set(settings.overlap.tolist())))
    curves = CountCurves.of(candidates, overlaps, bounds["threshold"])
    counts = _n_atoms(settings.qc, criteria)
    return settings, curves.around(settings.threshold, settings.overlap, counts)


def _stable_as_well(
    candidates: ScaleSpaceCandidates,
    criteria: Criteria,
    stability: StabilityCriterion,
    bounds: Bounds,
) -> tuple[ParetoFront, CountPlateaus]:
    """Find the front of count and errors, and a setting for each plateau at its overlaps."""
    thresholds = plateau_thresholds(*stability.threshold_range)
    known = first_known(thresholds, candidates)
    accurate, (tried, *grids) = _front_of_quality(candidates, thresholds[known:], criteria, bounds)
    overlaps = np.unique(accurate.overlap)
    if len(overlaps) > _MAX_STABLE_OVERLAPS:
        overlaps = overlaps[np.linspace(0, len(overlaps) - 1, _MAX_STABLE_OVERLAPS).astype(int)]
    accurate = _at(accurate, is_non_dominated(_losses(accurate, criteria)))
    overlaps = np.union1d(overlaps, accurate.overlap)
    qc, er = np.full((2, len(thresholds), len(overlaps)), np.inf)
    # The front's overlaps are among those that were tried.
    qc[known:], er[known:] = (grid[:, np.searchsorted(tried, overlaps)] for grid in grids)
    curves = CountCurves(thresholds, overlaps, _n_atoms(qc, criteria))
    # Neighbouring thresholds that find the same atoms are one setting.
    low, high = bounds["threshold"]
    first = max(known, int(np.searchsorted(thresholds, low)))
    end = max(first, int(np.searchsorted(thresholds, high, side="right")))
    is_new = np.ones((end - first, len(overlaps)), dtype=np.bool_)
    is_new[1:] = (np.diff(qc[first:end], axis=0) != 0) | (np.diff(er[first:end], axis=0) != 0)
    columns, starts = np.nonzero(is_new.T)
    # Each run of them ends before the next begins, and the last at the last threshold.
    stops = np.append(starts[1:], end - first)[: len(starts)]
    stops[stops <= starts] = end - first
    starts, stops = starts + first, stops + first
    found = (
        thresholds[starts],
        overlaps[columns],
        qc[starts, columns],
        er[starts, columns] * _er_scale(criteria),
    )
    settings = ParetoFront(*map(np.concatenate, zip(accurate, found, strict=True)))
    n_atoms = _n_atoms(settings.qc, criteria)
    plateaus = curves.around(settings.threshold, settings.overlap, n_atoms)
    # Within a run, take the threshold nearest to the middle of the plateau.
    middles = np.searchsorted(thresholds, np.sqrt(plateaus.low * plateaus.high))
    middles = middles[len(accurate.qc) :]
    settings.threshold[len(accurate.qc) :] = thresholds[np.clip(middles, starts, stops - 1)]
    return settings, plateaus


def _front_of_quality(
    candidates: ScaleSpaceCandidates,
    thresholds: ArrayLike,
    criteria: Criteria,
    bounds: Bounds,
) -> tuple[ParetoFront, tuple[FloatArray, FloatArray, FloatArray]]:
    """The front of QC and ER, and a grid as of `ScaleSpaceCandidates.front_and_grid`."""
    low, high = bounds["threshold"]
    within = max(low, candidates.threshold), high
    ranges = within, bounds["overlap"], criteria.count.most_overlaps
    front, grid = candidates.front_and_grid(thresholds, ranges, **_rule(criteria))
    return front._replace(er=front.er * _er_scale(criteria)), grid


def _at(columns: Columns, rows: NDArray[Any]) -> Columns:
    """Take some rows of all columns."""
    return type(columns)(*(column[rows] for column in columns))


def _best_of_equals(losses: FloatArray, badness: FloatArray) -> NDArray[np.intp]:
    """From each group of rows with equal losses, take the row of least badness, then the first."""
    order: NDArray[np.intp] = np.lexsort((badness, *losses.T[::-1]))
    is_new = np.ones(len(order), dtype=np.bool_)
    is_new[1:] = (np.diff(losses[order], axis=0) != 0).any(axis=1)
    return order[is_new]


def _off_middle(settings: ParetoFront, plateaus: CountPlateaus) -> FloatArray:
    return np.abs(np.log(settings.threshold**2 / (plateaus.low * plateaus.high)))


def _front_on_grid(
    candidates: Sequence[ScaleSpaceCandidates], criteria: Criteria, bounds: Bounds
) -> Front:
    low, high = bounds["threshold"]
    spaced = np.geomspace if low > 0 else np.linspace
    thresholds = spaced(low, high, _N_THRESHOLDS)
    overlaps = np.linspace(*bounds["overlap"], _N_OVERLAPS)
    threshold, overlap = (x.ravel() for x in np.meshgrid(thresholds, overlaps, indexing="ij"))
    losses = np.zeros((threshold.size, 2 if criteria.stability is None else 3))
    for index, found in enumerate(candidates):
        qc, er = found.objective_grid(thresholds, overlaps, **_rule(criteria, index))
        settings = ParetoFront(
            threshold, overlap, qc.ravel(), er.ravel() * _er_scale(criteria, index)
        )
        losses[:, :2] += _losses(settings, criteria) / len(candidates)
        if criteria.stability is not None:
            curves = CountCurves.of(found, overlaps, criteria.stability.threshold_range)
            counts = _n_atoms(settings.qc, criteria, index)
            losses[:, 2] -= curves.around(threshold, overlap, counts).stability / len(candidates)
    rows = _best_of_equals(losses, np.zeros(len(losses)))
    rows = rows[is_non_dominated(losses[rows])]
    return Front(
        {"threshold": threshold[rows], "overlap": overlap[rows]},
        _scores(losses[rows], criteria),
        {},
    )


def _losses(settings: ParetoFront, criteria: Criteria) -> FloatArray:
    """|QC| beyond its uncertainty, and ER."""
    beyond = np.maximum(np.abs(settings.qc) - criteria.count.uncertainty, 0.0)
    return np.column_stack([beyond, settings.er])


def _scores(losses: FloatArray, criteria: Criteria) -> dict[str, FloatArray]:
    # Subtracted from 0, since minus zero reads oddly in a table.
    return dict(zip(criteria.names, (0.0 - losses).T, strict=True))


def _n_atoms(qc: FloatArray, criteria: Criteria, index: int = 0) -> FloatArray:
    return np.rint((1 + qc) * criteria.count.expected[index])


def _rule(criteria: Criteria, index: int = 0) -> dict[str, Any]:
    """What QC and ER of an image are measured by."""
    return {
        "n_expected": criteria.count.expected[index],
        "distance_sum": criteria.errors.distance_sum,
        "n_neighbors": criteria.errors.n_neighbors,
    }


def _er_scale(criteria: Criteria, index: int = 0) -> float:
    """Factor that turns a share of QC's expected number into a share of ER's, which may differ."""
    return criteria.count.expected[index] / criteria.errors.expected[index]
