"""The record of what a search has evaluated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray
from logstar.pareto import is_non_dominated

from ._compromise import Objective
from ._evaluation import Outcome, Swept
from ._scoring import RewardScorer
from ._spaces import Point


@dataclass
class Evaluation:
    """One setting that the engine asked for, and what came of it.

    Parameters
    ----------
    point : tuple
        The setting as a point of the space.
    params : dict
        The setting.
    outcomes : list of Outcome, or Swept
        One for each split; or the front over the swept parameters, every row of which is a row of
        the results.
    """

    point: Point
    params: Mapping[str, Any]
    outcomes: list[Outcome] | Swept
    #: Minus the mean scores, shape (n_rows, n_objectives), failures as rows of NaN; of no columns
    #: as long as scores have no names.
    losses: FloatArray = field(default_factory=lambda: np.empty((1, 0)))

    @property
    def n_rows(self) -> int:
        """How many rows of the results it makes."""
        if isinstance(self.outcomes, list) or self.outcomes.errors:
            return 1
        return max((len(column) for column in self.outcomes.scores.values()), default=0)

    @property
    def errors(self) -> list[str]:
        """Tracebacks of what went wrong."""
        if isinstance(self.outcomes, list):
            return [error for outcome in self.outcomes for error in outcome.errors]
        return self.outcomes.errors

    @property
    def stop(self) -> bool:
        """Whether a callback of scikit-learn wants the search to end."""
        if isinstance(self.outcomes, list):
            return any(outcome.stop for outcome in self.outcomes)
        return self.outcomes.stop

    @property
    def seconds(self) -> float:
        """Time that the estimator and the scorers took, over all splits."""
        if isinstance(self.outcomes, list):
            return sum(outcome.fit_time + outcome.score_time for outcome in self.outcomes)
        return self.outcomes.fit_time

    def setting(self, row: int) -> dict[str, Any]:
        """Return all parameters of a row."""
        if isinstance(self.outcomes, list):
            return dict(self.params)
        swept = {name: float(column[row]) for name, column in self.outcomes.settings.items()}
        return {**self.params, **swept}

    def settings(self) -> list[dict[str, Any]]:
        """Return all parameters of every row."""
        if isinstance(self.outcomes, list) or not self.outcomes.settings:
            return [dict(self.params)] * self.n_rows
        names = tuple(self.outcomes.settings)
        columns = [column.tolist() for column in self.outcomes.settings.values()]
        return [
            {**self.params, **dict(zip(names, row, strict=True))}
            for row in zip(*columns, strict=True)
        ]

    def score_names(self) -> list[tuple[str, ...]]:
        """Names of the scores of each part that gave them all."""
        if isinstance(self.outcomes, list):
            return [tuple(o.test_scores) for o in self.outcomes if o.test_scores and not o.errors]
        return [tuple(self.outcomes.scores)] if self.outcomes.scores else []


class Record:
    """Evaluations in order, their losses, and the front of them.

    Parameters
    ----------
    scorer : RewardScorer
        Says what the scores are called and mean, if need be after the first success.
    """

    def __init__(self, scorer: RewardScorer) -> None:
        self._scorer = scorer
        self.objectives: tuple[Objective, ...] | None = None
        self.evaluations: list[Evaluation] = []
        #: Number of rows.
        self.n_rows = 0
        #: How many rows have no finite score on some objective.
        self.n_failed = 0
        #: Rows on the front, and their losses.
        self.front: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.front_losses: FloatArray = np.empty((0, 0))
        #: The latter after each evaluation.
        self.fronts: list[FloatArray] = []
        if scorer.names is not None:
            self._name(scorer.names)

    def __len__(self) -> int:
        return len(self.evaluations)

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the scores, as far as known."""
        return None if self.objectives is None else tuple(o.name for o in self.objectives)

    def _name(self, names: Sequence[str]) -> None:
        self.objectives = self._scorer.objectives(tuple(names))
        self.front_losses = np.empty((0, len(self.objectives)))

    def add(self, evaluation: Evaluation) -> None:
        """Append one evaluation.

        Raises
        ------
        ValueError
            If its scores have other names than those before.
        """
        for names in evaluation.score_names():
            if self.names is None:
                self._name(names)
            elif set(names) != set(self.names):
                raise ValueError(
                    f"The scorer returned the scores {sorted(names)}, but {sorted(self.names)} in "
                    "earlier evaluations; it must always return the same."
                )
        evaluation.losses = self._losses_of(evaluation)
        failed = np.isnan(evaluation.losses).any(axis=1) | (self.names is None)
        self.evaluations.append(evaluation)
        self.n_failed += int(failed.sum())
        if not failed.all():
            rows = self.n_rows + np.flatnonzero(~failed)
            losses = np.vstack([self.front_losses, evaluation.losses[~failed]])
            kept = is_non_dominated(losses)
            self.front = np.concatenate([self.front, rows])[kept]
            self.front_losses = losses[kept]
        self.fronts.append(self.front_losses)
        self.n_rows += evaluation.n_rows

    def _losses_of(self, evaluation: Evaluation) -> FloatArray:
        names = self.names or ()
        outcomes = evaluation.outcomes
        missing = np.full((evaluation.n_rows, len(names)), np.nan)
        if not isinstance(outcomes, list):
            if outcomes.errors or not outcomes.scores:
                return missing
            losses = -np.column_stack([outcomes.scores[name] for name in names])
        else:
            scores = [[o.test_scores.get(name, np.nan) for name in names] for o in outcomes]
            with np.errstate(invalid="ignore"):  # infinities of both signs; a failure either way
                losses = -np.mean(scores, axis=0, keepdims=True)
        losses[~np.isfinite(losses).all(axis=1)] = np.nan
        return losses

    def loss_table(self) -> FloatArray:
        """Losses of all rows, shape (n_rows, n_objectives), failures as rows of NaN."""
        width = len(self.names or ())
        tables = [
            e.losses if e.losses.shape[1] == width else np.full((e.n_rows, width), np.nan)
            for e in self.evaluations
        ]
        return np.vstack(tables) if tables else np.empty((0, width))

    def setting(self, row: int) -> dict[str, Any]:
        """Return all parameters of a row."""
        for evaluation in self.evaluations:
            if row < evaluation.n_rows:
                return evaluation.setting(row)
            row -= evaluation.n_rows
        raise IndexError(f"There is no row {row}.")

    def describe_failures(self) -> str:
        """Count the errors of each kind; empty if there were none."""
        errors = Counter(error for e in self.evaluations for error in e.errors)
        silent = sum(
            not np.isfinite(e.losses).all(axis=1).all() or e.losses.shape[1] == 0
            for e in self.evaluations
            if not e.errors
        )
        # Messages that quote a setting all differ: each kind is one line, one traceback is enough.
        lines = [f"{n} x {error.strip().splitlines()[-1]}" for error, n in errors.most_common(5)]
        if len(errors) > len(lines):
            lines.append(f"and {len(errors) - len(lines)} other errors")
        if silent:
            lines.append(f"{silent} x a score that is NaN or infinite")
        if errors:
            lines.append(f"The first in full:\n{next(iter(errors))}")
        return "\n".join(lines)


def name_objectives(losses: FloatArray | None, objectives: Sequence[Objective]) -> dict[str, float]:
    """Give losses their names and their own sign; NaN for a failure."""
    if losses is None or len(losses) < len(objectives):
        return {objective.name: float("nan") for objective in objectives}
    return {
        objective.name: float(objective.from_loss(loss))
        for objective, loss in zip(objectives, losses, strict=True)
    }
