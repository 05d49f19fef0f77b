"""Tables of results, in the form of scikit-learn's searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.ma import MaskedArray
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.pareto import pareto_ranks, reference_point

from ._journal import Batch
from ._outcome import Part
from ._record import Evaluation, Record
from ._volumes import Volumes


@dataclass
class Outlook:
    """How the rows of a search compare: the front, the ranks, the reference point.

    Parameters
    ----------
    losses : ndarray of shape (n_rows, n_objectives)
        Losses by which rows are compared: where settings were evaluated repeatedly, their means.
    on_front : ndarray of shape (n_rows,), bool
        The first row of each setting on the front.
    ranks : ndarray of shape (n_rows,)
        0 on the front, 1 on what would be the front without it, and so on; -1 for failures.
    corner : ndarray of shape (n_objectives,)
        Reference point.
    """

    losses: FloatArray
    on_front: NDArray[np.bool_]
    ranks: NDArray[np.int64]
    corner: FloatArray


def summarise(
    record: Record,
    batches: list[Batch],
    *,
    n_initial: int,
    noisy: bool,
    error_score: float,
    return_train_score: bool,
) -> dict[str, Any]:
    """Make the fitted attributes that say what was found, by name.

    Parameters
    ----------
    record : Record
        What was evaluated; not all of it failed.
    batches : list of Batch
        How it was asked for.
    n_initial : int
        Number of evaluations in the initial design.
    noisy : bool
        Whether to compare repeated settings by their means.
    error_score : float
        What stands for a score that failed.
    return_train_score : bool
        Whether to include scores on the training data.
    """
    objectives = record.objectives or ()
    found = look_over(record, n_initial, noisy=noisy)
    table = np.column_stack([o.from_loss(found.losses[:, i]) for i, o in enumerate(objectives)])
    results = _results_table(
        record, batches, error_score=error_score, return_train_score=return_train_score
    )
    results |= {f"objective_{o.name}": table[:, i] for i, o in enumerate(objectives)}
    results |= {"is_pareto": found.on_front, "pareto_rank": found.ranks}
    indices = np.flatnonzero(found.on_front)
    return {
        "cv_results_": results,
        "n_evaluations_": record.n_rows,
        "objective_names_": tuple(objective.name for objective in objectives),
        "pareto_indices_": indices,
        "pareto_front_": table[indices],
        "pareto_params_": [results["params"][index] for index in indices],
        "ref_point_": np.array(
            [o.from_loss(loss) for o, loss in zip(objectives, found.corner, strict=True)]
        ),
        "_volumes": Volumes(
            found.losses, found.corner, [e.n_rows for e in record.evaluations], record.fronts
        ),
        "estimator_time_": sum(evaluation.outcome.seconds for evaluation in record.evaluations),
    }


def look_over(record: Record, n_initial: int, *, noisy: bool) -> Outlook:
    """Find the front of a record, of which the first `n_initial` evaluations were the design."""
    losses = record.loss_table()
    counts = [e.n_rows for e in record.evaluations]
    first = np.ones(len(losses), dtype=np.bool_)
    if noisy:
        losses, first = _average_repeats(losses, np.repeat(_point_numbers(record), counts))
    ranks = pareto_ranks(losses)
    corner = reference_point(losses, sum(counts[:n_initial]))
    return Outlook(losses, (ranks == 0) & first, ranks, corner)


def _point_numbers(record: Record) -> list[int]:
    """Number the different settings."""
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(e.point, len(numbers)) for e in record.evaluations]


def _average_repeats(
    losses: FloatArray, numbers: NDArray[np.int64]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Replace losses by the means over rows of the same setting that did not fail."""
    n_settings = int(numbers.max(initial=-1)) + 1
    valid = np.isfinite(losses).all(axis=1)
    sums = np.zeros((n_settings, losses.shape[1]))
    np.add.at(sums, numbers[valid], losses[valid])
    counts = np.bincount(numbers[valid], minlength=n_settings)
    with np.errstate(invalid="ignore"):
        means = sums / counts[:, np.newaxis]
    first = np.zeros(len(losses), dtype=np.bool_)
    first[np.unique(numbers, return_index=True)[1]] = True
    return means[numbers], first


def _results_table(
    record: Record,
    batches: list[Batch],
    *,
    error_score: float,
    return_train_score: bool,
) -> dict[str, Any]:
    """Make `cv_results_`, with the same keys in the same order as scikit-learn's searches."""
    evaluations = record.evaluations
    counts = np.array([e.n_rows for e in evaluations], dtype=np.int64)
    results: dict[str, Any] = {}
    for kind in ("fit", "score"):
        times = np.repeat([e.outcome.times(kind) for e in evaluations], counts, axis=0)
        results[f"mean_{kind}_time"] = times.mean(axis=1)
        results[f"std_{kind}_time"] = times.std(axis=1)
    asked = [batch.seconds / len(batch.points) for batch in batches for _ in batch.points]
    results["ask_time"] = np.repeat(
        np.array(asked[: len(evaluations)]) / np.maximum(counts, 1), counts
    )
    results.update(_parameter_columns(evaluations, counts))
    results["params"] = [setting for e in evaluations for setting in e.settings()]
    details = [e.outcome.details for e in evaluations]
    results.update({f"detail_{name}": v for name, v in _joined(details, counts).items()})
    for name in record.names or ():
        test = _scores(evaluations, name, "test", error_score)
        _add_scores(results, f"test_{name}", test)
        results[f"rank_test_{name}"] = _rank(results[f"mean_test_{name}"])
        if return_train_score:
            train = _scores(evaluations, name, "train", error_score)
            _add_scores(results, f"train_{name}", train)
    return results


def _scores(evaluations: list[Evaluation], name: str, part: Part, error_score: float) -> FloatArray:
    """Scores of all rows on all splits; `error_score` where there is none."""
    return np.concatenate([e.outcome.scores(name, part, error_score) for e in evaluations])


def _add_scores(results: dict[str, Any], key: str, scores: FloatArray) -> None:
    for split in range(scores.shape[1]):
        results[f"split{split}_{key}"] = scores[:, split]
    with np.errstate(invalid="ignore"):  # infinities, which have been reported as failures
        results[f"mean_{key}"] = scores.mean(axis=1)
        results[f"std_{key}"] = scores.std(axis=1)


def _rank(means: FloatArray) -> NDArray[np.int32]:
    """Rank scores, the best first; what failed ties with the worst, as in scikit-learn."""
    if np.isnan(means).all():
        return np.ones(len(means), dtype=np.int32)
    filled = np.where(np.isnan(means), np.nanmin(means) - 1, means)
    ranks: NDArray[np.int32] = np.searchsorted(np.sort(-filled), -filled).astype(np.int32) + 1
    return ranks


def _parameter_columns(
    evaluations: list[Evaluation], counts: NDArray[np.int64]
) -> dict[str, MaskedArray[Any, Any]]:
    """Values of each parameter, masked where it does not apply."""
    columns = {}
    for name in dict.fromkeys(name for e in evaluations for name in e.params):
        has = np.array([name in e.params for e in evaluations])
        values = [e.params[name] for e in evaluations if name in e.params]
        column = np.empty(len(evaluations), dtype=_column_type(values))
        # One by one: an array would take sequences and pipelines apart.
        for index, value in zip(np.flatnonzero(has), values, strict=True):
            column[index] = value
        columns[f"param_{name}"] = MaskedArray(
            np.repeat(column, counts), mask=np.repeat(~has, counts)
        )
    swept = [e.outcome.swept for e in evaluations]
    for name, values_of_rows in _joined(swept, counts).items():
        columns[f"param_{name}"] = MaskedArray(values_of_rows, mask=np.isnan(values_of_rows))
    return columns


def _joined(
    parts: list[Mapping[str, FloatArray]], counts: NDArray[np.int64]
) -> dict[str, FloatArray]:
    """Columns of all evaluations, by name; NaN where one of them lacks a column."""
    return {
        name: np.concatenate(
            [
                part.get(name, np.full(count, np.nan))
                for part, count in zip(parts, counts, strict=True)
            ]
        )
        for name in dict.fromkeys(name for part in parts for name in part)
    }


def _column_type(values: list[Any]) -> np.dtype[Any]:
    """Choose the type as scikit-learn does: objects for text and for sequences."""
    try:
        array = np.array(values)
    except ValueError:
        return np.dtype(object)
    return np.dtype(object) if array.dtype.kind == "U" or array.ndim != 1 else array.dtype
