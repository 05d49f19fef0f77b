"""The record of what a search has evaluated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._compromise import Objective
from ._evaluation import Outcome
from ._pareto import FloatArray
from ._scoring import RewardScorer


class Record:
    """Everything evaluated so far, in order.

    Parameters
    ----------
    scorer : RewardScorer
        Says what the scores are called and mean, if need be after the first success.
    """

    def __init__(self, scorer: RewardScorer) -> None:
        self._scorer = scorer
        self.objectives: tuple[Objective, ...] | None = None
        self.params: list[dict[str, Any]] = []
        self.outcomes: list[list[Outcome]] = []
        self.losses: list[FloatArray | None] = []
        if scorer.names is not None:
            self.objectives = scorer.objectives(scorer.names)

    def __len__(self) -> int:
        return len(self.params)

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the scores, as far as known."""
        return None if self.objectives is None else tuple(o.name for o in self.objectives)

    @property
    def n_failed(self) -> int:
        """How many evaluations gave no finite score on some objective."""
        return sum(losses is None for losses in self.losses)

    def add(self, params: dict[str, Any], outcomes: list[Outcome]) -> None:
        """Append one evaluation: the outcomes of one setting on all splits."""
        for outcome in outcomes:
            self._check_names(outcome)
        self.params.append(params)
        self.outcomes.append(outcomes)
        losses = None
        if self.names is not None:
            scores = [[o.test_scores.get(name, np.nan) for name in self.names] for o in outcomes]
            with np.errstate(invalid="ignore"):  # infinities of both signs; a failure either way
                losses = -np.mean(scores, axis=0)
        self.losses.append(losses if losses is not None and np.isfinite(losses).all() else None)

    def _check_names(self, outcome: Outcome) -> None:
        if outcome.errors or not outcome.test_scores:
            return
        names = tuple(outcome.test_scores)
        if self.names is None:
            self.objectives = self._scorer.objectives(names)
        elif set(names) != set(self.names):
            raise ValueError(
                f"The scorer returned the scores {sorted(names)}, but {sorted(self.names)} in "
                "earlier evaluations; it must always return the same."
            )

    def loss_table(self) -> FloatArray:
        """Losses of all evaluations, shape (n, n_objectives), failures as rows of NaN."""
        n_objectives = len(self.names or ())
        missing = np.full(n_objectives, np.nan)
        return np.array([missing if row is None else row for row in self.losses]).reshape(
            -1, n_objectives
        )

    def split_results(self, error_score: float) -> list[dict[str, Any]]:
        """Outcomes in the form in which scikit-learn's searches collect them."""
        filler = dict.fromkeys(self.names or (), error_score)
        return [
            {
                "fit_time": outcome.fit_time,
                "score_time": outcome.score_time,
                "test_scores": filler | outcome.test_scores,
                "train_scores": filler | outcome.train_scores,
            }
            for outcomes in self.outcomes
            for outcome in outcomes
        ]

    def describe_failures(self) -> str:
        """Count the errors of each kind; empty if there were none."""
        errors = Counter(
            error for outcomes in self.outcomes for outcome in outcomes for error in outcome.errors
        )
        silent = sum(
            losses is None and not any(outcome.errors for outcome in outcomes)
            for losses, outcomes in zip(self.losses, self.outcomes, strict=True)
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
    """Give losses their names and their own sign."""
    if losses is None:
        return {objective.name: float("nan") for objective in objectives}
    return {
        objective.name: float(objective.from_loss(loss))
        for objective, loss in zip(objectives, losses, strict=True)
    }
