"""The loop of a search: ask the engine, evaluate, tell, until something ends it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from logstar._validation import FloatArray

from ._compromise import pick_compromise
from ._engines import Engine
from ._evaluation import Split, Task
from ._journal import Batch, Journal
from ._outcome import Evaluated
from ._progress import Reporter
from ._record import Evaluation, Record
from ._spaces import Point, SearchSpace
from ._stopping import Stopping

#: From `_warn` over `fit` and its decorator to the caller of `fit`.
_CALLER_OF_FIT = 6


@dataclass
class Runner:
    """Runs a search and fills its record.

    Parameters
    ----------
    n_iter, n_initial, n_points : int
        Greatest number of evaluations; number of those in the initial design; and number of points
        that the engine is asked for at a time after it.
    n_jobs, pre_dispatch : int or None, int or str
        As in joblib. The result does not depend on them.
    initial_points : sequence of tuple
        Points to begin with.
    space, engine, task, splits, record, reporter, journal, stopping : see their types
        What the search consists of. What the journal holds already is not evaluated again.
    check_names : callable
        Given the scores' names once they are known; raises what does not fit them.

    Attributes
    ----------
    reason : str
        What ended the search: ``"n_iter"``, ``"exhausted"``, ``"max_time"``, ``"stop_after"``,
        ``"callback"`` or ``"interrupted"``.
    optimizer_time : float
        Seconds that the engine took.
    """

    n_iter: int
    n_initial: int
    n_points: int
    n_jobs: int | None
    pre_dispatch: int | str
    initial_points: Sequence[Point]
    space: SearchSpace
    engine: Engine
    task: Task
    splits: list[Split]
    record: Record
    reporter: Reporter
    journal: Journal
    stopping: Stopping
    check_names: Callable[[tuple[str, ...]], None]
    reason: str = field(default="n_iter", init=False)
    optimizer_time: float = field(default=0.0, init=False)

    def run(self, context: Any) -> None:
        """Evaluate until something ends the search; `reason` then tells what."""
        try:
            with Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch) as parallel:
                self.reason = self._loop(parallel, context)
        except KeyboardInterrupt:
            if self.record.n_failed == self.record.n_rows:
                raise
            self.reason = "interrupted"
            self._warn(
                f"The search was interrupted after {len(self.record)} of {self.n_iter} "
                "evaluations; these are kept."
            )
        # No warning where parameters are swept: the others have few settings by intention.
        if self.reason == "exhausted" and not self.task.swept:
            self._warn(
                f"search_spaces holds only {len(self.record)} different settings; the search "
                f"ended when all were evaluated, before n_iter={self.n_iter}."
            )
        self.optimizer_time = sum(batch.seconds for batch in self.journal.batches)

    @staticmethod
    def _warn(message: str) -> None:
        warnings.warn(message, UserWarning, stacklevel=_CALLER_OF_FIT)

    def _loop(self, parallel: Any, context: Any) -> str:
        """Return what ended the search."""
        pending = self._replay()
        while True:
            # Asked after a replay as well: a search that had ended does not go on.
            if reason := self.stopping.reason():
                return reason
            if not pending:
                n_left = self.n_iter - len(self.record)
                if n_left <= 0:
                    return "n_iter"
                pending = self._next_batch(n_left)
                if not pending:
                    return "exhausted"
            if reason := self._evaluate(pending, parallel, context):
                return reason
            pending = []

    def _replay(self) -> list[Point]:
        """Go through what the journal holds; return the points that its last batch still lacks."""
        evaluations = iter(self.journal.evaluations)
        for batch in self.journal.batches:
            n_before = len(self.record)
            for _, evaluation in zip(batch.points, evaluations, strict=False):
                self.record.add(evaluation)
                self.stopping.update(self.record)
            if batch is self.journal.batches[-1] and batch.state is not None:
                self.engine.set_state(dict(batch.state))
            if missing := batch.points[len(self.record) - n_before :]:
                return missing
            if batch is not self.journal.batches[-1]:
                self._tell(batch.points)
        if self.record.names is not None:
            self.check_names(self.record.names)
        return []

    def _next_batch(self, n_left: int) -> list[Point]:
        if self.initial_points and not self.journal.batches:
            points = list(self.initial_points)[:n_left]
            self.journal.add_batch(Batch(points))
            return points
        n_points = min(n_left, max(self.n_points, self.n_initial - len(self.record)))
        start = time.perf_counter()
        # Told only when another ask follows: the engine needs not learn from the last batch.
        if self.journal.batches:
            self._tell(self.journal.batches[-1].points)
        points = self.engine.ask(n_points)
        seconds = time.perf_counter() - start
        if points:
            self.journal.add_batch(Batch(points, self.engine.get_state(), seconds))
        return points

    def _tell(self, points: Sequence[Point]) -> None:
        """Let the engine learn of the last evaluations, which are those of `points`."""
        evaluations = self.record.evaluations[-len(points) :]
        self.engine.tell(points, [self._loss_of(evaluation) for evaluation in evaluations])

    def _loss_of(self, evaluation: Evaluation) -> FloatArray | None:
        """Losses of an evaluation; of the rows of a sweep, those of the compromise stand for all.

        None for a failure.
        """
        objectives = self.record.objectives
        losses = evaluation.losses[np.isfinite(evaluation.losses).all(axis=1)]
        if objectives is None or losses.size == 0:
            return None
        index = 0 if len(losses) == 1 else pick_compromise(losses, objectives, "euclidean")
        loss: FloatArray = losses[index]
        return loss

    def _evaluate(self, points: list[Point], parallel: Any, context: Any) -> str | None:
        """Evaluate points in order; return what ends the search, if anything."""
        with closing(self._evaluations(points, parallel, context)) as chunks:
            for chunk in chunks:
                reason = None
                for evaluation in chunk:
                    self.record.add(evaluation)
                    self.journal.add_evaluation(evaluation)
                    if self.record.names is not None:
                        self.check_names(self.record.names)
                    self.stopping.update(self.record)
                    if self.reporter.report(self.record) or evaluation.outcome.stop:
                        return "callback"
                    reason = self.stopping.reason()
                    if reason == "stop_after":
                        # What ran beside this evaluation is dropped: it depends on `n_jobs`.
                        return reason
                if reason is not None:
                    return reason
        return None

    def _evaluations(
        self, points: list[Point], parallel: Any, context: Any
    ) -> Generator[list[Evaluation], None, None]:
        """Evaluate points in order, some at a time: no more is lost by an interruption."""
        settings = [self.space.decode(point) for point in points]
        if self.task.swept:
            # Lazily, as the number of each is known when it is its turn.
            contexts = (
                context.subcontext(task_name="sweep", task_id=len(self.record)) for _ in points
            )
            with closing(self.task.sweep(settings, contexts)) as sweeps:
                for point, params, swept in zip(points, settings, sweeps, strict=True):
                    yield [Evaluation(point, params, swept)]
            return
        # As many settings at once as keep all workers busy.
        n_at_once = max(1, effective_n_jobs(self.n_jobs) // len(self.splits))
        for start in range(0, len(points), n_at_once):
            chunk = slice(start, start + n_at_once)
            outcomes = self._fit_and_score(settings[chunk], parallel, context)
            yield list(map(Evaluation, points[chunk], settings[chunk], outcomes))

    def _fit_and_score(
        self, settings: list[dict[str, Any]], parallel: Any, context: Any
    ) -> list[Evaluated]:
        n_splits = len(self.splits)
        first_id = len(self.record) * n_splits
        tasks = list(product(settings, self.splits))
        # All contexts are made before the first task, since each changes what tasks are pickled
        # with.
        contexts = [
            context.subcontext(task_name="candidate-split-evaluation", task_id=first_id + i)
            for i in range(len(tasks))
        ]
        outcomes = parallel(
            delayed(self.task.evaluate)(params, split, own)
            for (params, split), own in zip(tasks, contexts, strict=True)
        )
        return [
            Evaluated(outcomes[i * n_splits : (i + 1) * n_splits]) for i in range(len(settings))
        ]
