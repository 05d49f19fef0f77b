"""The loop of a search: ask the engine, evaluate, tell, until something ends it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from ._compromise import pick_compromise
from ._engine import Engine
from ._evaluation import Split, Task
from ._pareto import FloatArray
from ._progress import Reporter
from ._record import Record
from ._spaces import SearchSpace

#: From `run` over `fit` and its decorator to the caller of `fit`.
_CALLER_OF_FIT = 4


@dataclass
class Runner:
    """Runs a search and fills its record.

    Parameters
    ----------
    n_iter : int
        The most evaluations.
    n_jobs, pre_dispatch : int or None, int or str
        As in joblib. The result does not depend on them.
    space, engine, task, splits, record, reporter : see their types
        What the search consists of.
    check_names : callable
        Given the scores' names once they are known; raises what does not fit them.
    """

    n_iter: int
    n_jobs: int | None
    pre_dispatch: int | str
    space: SearchSpace
    engine: Engine
    task: Task
    splits: list[Split]
    record: Record
    reporter: Reporter
    check_names: Callable[[tuple[str, ...]], None]
    #: Size of the engine's first batch.
    n_initial: int = 0
    interrupted: bool = False

    def run(self, context: Any) -> None:
        """Evaluate until the budget, the space or somebody's patience is exhausted."""
        try:
            with Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch) as parallel:
                exhausted = self._loop(parallel, context)
        except KeyboardInterrupt:
            if self.record.n_failed == len(self.record):
                raise
            self.interrupted = True
            warnings.warn(
                f"The search was interrupted after {len(self.record)} of {self.n_iter} "
                "evaluations; these are kept.",
                UserWarning,
                stacklevel=_CALLER_OF_FIT,
            )
            return
        # Where parameters are swept, the others are meant to have few settings.
        if exhausted and not self.task.swept:
            warnings.warn(
                f"search_spaces holds only {len(self.record)} different settings; the search "
                f"ended when all were evaluated, before n_iter={self.n_iter}.",
                UserWarning,
                stacklevel=_CALLER_OF_FIT,
            )

    def _loop(self, parallel: Any, context: Any) -> bool:
        """Return whether the space was exhausted before the budget."""
        n_asked = 0
        while n_asked < self.n_iter:
            points = self.engine.ask()[: self.n_iter - n_asked]
            if not points:
                return True
            first = n_asked == 0
            n_asked += len(points)
            n_before = len(self.record)
            self.n_initial = self.n_initial or len(points)
            batch = [self.space.decode(point) for point in points]
            if self.task.swept:
                losses, stop = self._sweep(batch, n_asked - len(points), context)
                if first:
                    self.n_initial = len(self.record)
            else:
                stop = self._evaluate(batch, parallel, context)
                losses = self.record.losses[n_before:]
            if stop:
                return False
            self.engine.tell(points, losses)
        return False

    def _sweep(
        self, batch: list[dict[str, Any]], n_done: int, context: Any
    ) -> tuple[list[FloatArray | None], bool]:
        """Sweep each setting; return the best losses of each, and whether a callback ends it."""
        best: list[FloatArray | None] = []
        for params in batch:
            n_before = len(self.record)
            subcontext = context.subcontext(task_name="sweep", task_id=n_done + len(best))
            for setting, outcome in self.task.sweep(params, subcontext):
                self.record.add(setting, [outcome])
                if self.record.names is not None:
                    self.check_names(self.record.names)
            best.append(self._compromise_since(n_before))
            if self.reporter.report(self.record, n_done + len(best)):
                return best, True
        return best, False

    def _compromise_since(self, n_before: int) -> FloatArray | None:
        """Losses of the compromise among the latest rows: what stands for them to the engine."""
        rows = self.record.losses[n_before:]
        if self.record.objectives is None or all(row is None for row in rows):
            return None
        losses = self.record.loss_table()[n_before:]
        return rows[pick_compromise(losses, self.record.objectives, "euclidean")]

    def _evaluate(self, batch: list[dict[str, Any]], parallel: Any, context: Any) -> bool:
        """Evaluate settings in order; return whether a callback ends the search."""
        n_splits = len(self.splits)
        # As many settings at a time as there are workers: no more is lost by an interruption.
        n_at_once = max(1, effective_n_jobs(self.n_jobs) // n_splits)
        for start in range(0, len(batch), n_at_once):
            chunk = batch[start : start + n_at_once]
            first_id = len(self.record) * n_splits
            outcomes = parallel(
                delayed(self.task.evaluate)(
                    params,
                    split,
                    context.subcontext(
                        task_name="candidate-split-evaluation",
                        task_id=first_id + i * n_splits + j,
                    ),
                )
                for i, params in enumerate(chunk)
                for j, split in enumerate(self.splits)
            )
            for i, params in enumerate(chunk):
                self.record.add(params, outcomes[i * n_splits : (i + 1) * n_splits])
                if self.record.names is not None:
                    self.check_names(self.record.names)
                if self.reporter.report(self.record, len(self.record)):
                    return True
        return False
