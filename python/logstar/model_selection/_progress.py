"""What a search tells of its progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._compromise import pick_compromise
from ._record import Record, name_objectives


@dataclass(frozen=True)
class SearchProgress:
    """Where a search stands; what `MOBOSearchCV` calls its `callback` with.

    Parameters
    ----------
    n_done, n_iter : int
        Evaluations made, and the most there will be; sweeps where parameters are swept.
    params : dict
        Setting of the last evaluation.
    objectives : dict of str to float
        What it gave, each in its own sign; NaN if it failed.
    best_params : dict or None
        Setting of the current compromise; None as long as every evaluation failed.
    best_objectives : dict of str to float or None
        What the compromise gives.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.linear_model import Ridge
    >>> from logstar.model_selection import MOBOSearchCV
    >>> X, y = make_regression(n_samples=30, n_features=3, random_state=0)
    >>> seen = []
    >>> search = MOBOSearchCV(
    ...     Ridge(), {"alpha": (0.1, 1.0)}, scoring="r2", n_iter=3, cv=2, callback=seen.append
    ... ).fit(X, y)
    >>> [progress.n_done for progress in seen]
    [1, 2, 3]
    """

    n_done: int
    n_iter: int
    params: Mapping[str, Any]
    objectives: Mapping[str, float]
    best_params: Mapping[str, Any] | None
    best_objectives: Mapping[str, float] | None

    def __repr__(self) -> str:
        best = self.best_objectives
        return (
            f"SearchProgress({self.n_done}/{self.n_iter}: {describe(self.objectives)}; "
            f"compromise: {'none yet' if best is None else describe(best)})"
        )


def describe(objectives: Mapping[str, float]) -> str:
    """Write objectives on one line."""
    return ", ".join(f"{name}={value:.4g}" for name, value in objectives.items())


@dataclass(frozen=True)
class Reporter:
    """Prints and calls back after each evaluation.

    Parameters
    ----------
    n_iter : int
        The most evaluations there will be.
    rule : str
        How the current compromise is picked.
    callbacks : sequence of callable
        Called with a `SearchProgress`; those with a method `close` are closed at the end.
    verbose : bool
        Whether to print a line.
    """

    n_iter: int
    rule: str
    callbacks: Sequence[Callable[[SearchProgress], object]]
    verbose: bool

    def report(self, record: Record) -> bool:
        """Report the last evaluation, of a sweep its last row.

        Returns whether a callback wants the search to end.
        """
        if not (self.verbose or self.callbacks):
            return False
        n_done, last = len(record), record.evaluations[-1]
        losses = last.losses[-1] if len(last.losses) else None
        values = name_objectives(losses, record.objectives or ())
        params = last.setting(-1) if last.n_rows else dict(last.params)
        if self.verbose:
            print(f"[{n_done}/{self.n_iter}] {params}: {describe(values) or 'failed'}")
        progress = self._progress(record, n_done, params, values)
        # All are told, also after one of them has said that it wants to stop.
        answers = [callback(progress) for callback in self.callbacks]
        return any(answer is True for answer in answers)

    def close(self) -> None:
        """Tell the callbacks that have a method `close` that the search has ended."""
        for callback in self.callbacks:
            close = getattr(callback, "close", None)
            if callable(close):
                close()

    def _progress(
        self, record: Record, n_done: int, params: Mapping[str, Any], values: Mapping[str, float]
    ) -> SearchProgress:
        best_params, best_objectives = None, None
        if record.objectives is not None and len(record.front):
            best = pick_compromise(record.front_losses, record.objectives, self.rule)
            best_params = record.setting(int(record.front[best]))
            best_objectives = name_objectives(record.front_losses[best], record.objectives)
        return SearchProgress(
            n_done=n_done,
            n_iter=self.n_iter,
            params=params,
            objectives=values,
            best_params=best_params,
            best_objectives=best_objectives,
        )
