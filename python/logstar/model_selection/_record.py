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
from ._outcome import Outcome
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
    outcome : Outcome
        What came of it.
    """

    point: Point
    params: Mapping[str, Any]
    outcome: Outcome
    #: Minus the mean scores, shape (n_rows, n_objectives), failures as rows of NaN. There are no
    #: columns as long as the scores' names are not known.
    losses: FloatArray = field(default_factory=lambda: np.empty((1, 0)))

    @property
    def n_rows(self) -> int:
        """How many rows of the results it makes."""
        return self.outcome.n_rows

    def setting(self, row: int) -> dict[str, Any]:
        """Return all parameters of a row."""
        swept = {name: column[row].item() for name, column in self.outcome.swept.items()}
        return {**self.params, **swept}

    def settings(self) -> list[dict[str, Any]]:
        """Return all parameters of every row."""
        swept = self.outcome.swept
        if not swept:
            return [dict(self.params) for _ in range(self.n_rows)]
        rows = zip(*(column.tolist() for column in swept.values()), strict=True)
        return [{**self.params, **dict(zip(swept, row, strict=True))} for row in rows]


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
        #: Losses of the front after each evaluation.
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
        for names in evaluation.outcome.score_names():
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
        outcome, names = evaluation.outcome, self.names or ()
        losses = np.empty((outcome.n_rows, len(names)))
        for column, name in enumerate(names):
            scores = outcome.scores(name, "test", np.nan)
            if scores.shape[1] == 1:
                losses[:, column] = -scores[:, 0]
            else:
                with np.errstate(invalid="ignore"):  # infinities of both signs: a failure as well
                    losses[:, column] = -scores.mean(axis=1)
        is_finite = np.isfinite(losses)
        if not is_finite.all():
            losses[~is_finite.all(axis=1)] = np.nan
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
        errors = Counter(error for e in self.evaluations for error in e.outcome.errors)
        silent = sum(
            not np.isfinite(e.losses).all(axis=1).all() or e.losses.shape[1] == 0
            for e in self.evaluations
            if not e.outcome.errors
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
