"""The history of a search from which it can go on, in memory and, if wanted, on file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ._record import Evaluation
from ._spaces import Point


@dataclass(frozen=True)
class Batch:
    """Points that are evaluated together.

    Parameters
    ----------
    points : list of tuple
        The points.
    state : dict or None
        The engine's state after it was asked for them; None if it was not, as for points that the
        user gave.
    seconds : float
        Time that the engine took to learn from the evaluations since the last batch, and to choose
        these points.
    """

    points: list[Point]
    state: Mapping[str, Any] | None = None
    seconds: float = 0.0


class Sink(Protocol):
    """Where a journal is written to."""

    def write_batch(self, batch: Batch) -> None:
        """Append what was asked."""

    def write_evaluation(self, evaluation: Evaluation) -> None:
        """Append what was evaluated."""


@dataclass
class Journal:
    """Batches and evaluations in order.

    The i-th evaluation is of the i-th point of all batches; all batches are complete but the last,
    which need not be.

    Parameters
    ----------
    seed : int
        Seed of the engine.
    problem : dict of str to str
        Fingerprint of what is searched; empty if it will not be compared.
    batches, evaluations : list
        What happened.
    sink : Sink or None
        Where it is written to as well.
    """

    seed: int
    problem: Mapping[str, str] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    sink: Sink | None = None
    #: The points of all batches.
    _asked: list[Point] = field(default_factory=list, init=False, repr=False)

    def add_batch(self, batch: Batch) -> None:
        """Note what is going to be evaluated."""
        if self.sink is not None:
            self.sink.write_batch(batch)
        self.restore_batch(batch)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Note what came of it."""
        if self.sink is not None:
            self.sink.write_evaluation(evaluation)
        self.restore_evaluation(evaluation)

    def restore_batch(self, batch: Batch) -> None:
        """Take up a batch that is on file already."""
        self.batches.append(batch)
        self._asked.extend(batch.points)

    def restore_evaluation(self, evaluation: Evaluation) -> None:
        """Take up an evaluation that is on file already.

        Raises
        ------
        ValueError
            If it is not the next one that was asked for.
        """
        number = len(self.evaluations)
        if self._asked[number : number + 1] != [evaluation.point]:
            raise ValueError("it evaluates a setting that was not asked for")
        self.evaluations.append(evaluation)

    def extend(self, other: Journal) -> None:
        """Take over all that another journal holds."""
        evaluations = iter(other.evaluations)
        for batch in other.batches:
            self.add_batch(batch)
            for _, evaluation in zip(batch.points, evaluations, strict=False):
                self.add_evaluation(evaluation)


@dataclass
class Dialogue(Journal):
    """A journal whose evaluations come in any order, also of points that were never asked.

    Attributes
    ----------
    events : list of Batch or Evaluation
        What was asked and told, in the order in which it was.
    """

    events: list[Batch | Evaluation] = field(default_factory=list, init=False)

    def restore_batch(self, batch: Batch) -> None:
        """Take up a batch that is on file already."""
        super().restore_batch(batch)
        self.events.append(batch)

    def restore_evaluation(self, evaluation: Evaluation) -> None:
        """Take up an evaluation that is on file already."""
        self.evaluations.append(evaluation)
        self.events.append(evaluation)
