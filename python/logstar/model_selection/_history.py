"""Where a search begins: anew, where the last `fit` ended, or where another process did."""

from __future__ import annotations

import numbers
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ._checkpoint import describe_differences, open_journal
from ._checks import check_initial_points, seed_of
from ._evaluation import Split, Task
from ._fingerprint import fingerprint
from ._journal import Journal
from ._spaces import SearchSpace

#: From `open_history` over `fit` and its decorator to the caller of `fit`.
_CALLER_OF_FIT = 3


def open_history(
    search: Any, space: SearchSpace, task: Task, splits: list[Split], stack: ExitStack
) -> Journal:
    """Find what an earlier fit or process has evaluated; else begin anew.

    Raises
    ------
    ValueError
        If that was another problem, or the checkpoint is damaged.
    """
    if not search.warm_start and search.checkpoint is None:
        return Journal(seed_of(search.random_state))
    problem = _problem_of(search, space, task, splits)
    earlier: Journal | None = getattr(search, "_journal", None) if search.warm_start else None
    if earlier is not None and (differences := describe_differences(problem, earlier.problem)):
        raise ValueError(
            f"warm_start=True, but the search differs from the last one in: {differences}. "
            "Set warm_start=False to start anew."
        )
    seed = earlier.seed if earlier is not None else seed_of(search.random_state)
    if search.checkpoint is None:
        return earlier or Journal(seed, problem)
    journal, file = open_journal(
        Path(search.checkpoint), Journal(seed, problem), space, n_above=_CALLER_OF_FIT
    )
    stack.callback(file.close)
    if earlier is not None and not journal.batches:
        journal.extend(earlier)
    return journal


def _problem_of(search: Any, space: SearchSpace, task: Task, splits: list[Split]) -> dict[str, str]:
    state = search.random_state
    is_seed = state is None or isinstance(state, numbers.Integral)
    parts = {
        "estimator": task.estimator,
        "search_spaces": {"domains": space.dimensions, "branches": space.branches},
        "sweep": task.swept,
        "space_constraint": search.space_constraint,
        "scoring": task.scorer.scorers,
        "engine": search.engine,
        "engine_options": search.engine_options,
        "n_initial_points": search.n_initial_points,
        "n_points": search.n_points,
        "initial_points": check_initial_points(search, space),
        "noisy": search.noisy,
        "return_train_score": search.return_train_score,
        # The state of a generator may have moved on; the checkpoint holds the seed drawn from it.
        "random_state": state if is_seed else type(state).__name__,
    }
    data = {
        "X": task.X,
        "y": task.y,
        "parameters of fit": dict(task.fit_params) or None,
        "parameters of scorers": dict(task.score_params) or None,
        "cv": None if search.cv is None else splits,
    }
    return fingerprint(parts, data)
