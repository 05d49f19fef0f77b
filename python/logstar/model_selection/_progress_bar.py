"""A bar that shows how far a search is, in a terminal or in a notebook."""

from __future__ import annotations

import html
import sys
import time
from typing import TYPE_CHECKING, Any

from ._progress import SearchProgress, describe

if TYPE_CHECKING:
    from rich.progress import Progress

#: Least time between two drawings in seconds, so that fast searches do not wait for the screen.
_PAUSE = 0.1


class ProgressBar:
    """Shows how far a search is; to be given to `MOBOSearchCV` as `callback`.

    In a notebook that is a bar beneath the cell, in a terminal one that rich draws on standard
    error. Where neither is, as in a file, nothing is drawn.

    Parameters
    ----------
    description : str, default="Searching"
        What stands before the bar.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from logstar.model_selection import MOBOSearchCV, ProgressBar
    >>> X, y = load_iris(return_X_y=True)
    >>> search = MOBOSearchCV(
    ...     SVC(), {"C": [0.1, 1.0]}, scoring="accuracy", n_iter=2, cv=3, callback=ProgressBar()
    ... ).fit(X, y)
    """

    def __init__(self, description: str = "Searching") -> None:
        self.description = description
        self._drawn: _Terminal | _Notebook | None = None
        self._last: SearchProgress | None = None
        self._time = -float("inf")

    def __call__(self, progress: SearchProgress) -> None:
        """Draw where the search stands.

        Parameters
        ----------
        progress : SearchProgress
            What the search tells.
        """
        self._last = progress
        now = time.monotonic()
        if now - self._time >= _PAUSE or progress.n_done == progress.n_iter:
            self._time = now
            self._draw(progress)

    def close(self) -> None:
        """Draw the end, and leave the bar as it is; the next search has a new one."""
        if self._last is not None:
            self._draw(self._last)
        if self._drawn is not None:
            self._drawn.close()
        self._drawn, self._last, self._time = None, None, -float("inf")

    def _draw(self, progress: SearchProgress) -> None:
        if self._drawn is None:
            self._drawn = _Notebook() if _in_notebook() else _Terminal()
        best = progress.best_objectives
        self._drawn.draw(self.description, progress, "" if best is None else describe(best))

    def __getstate__(self) -> dict[str, Any]:
        # Workers get a copy of the search with its callback, but only this process draws.
        return {"description": self.description}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc] # there is nothing else to set

    def __repr__(self) -> str:
        return f"ProgressBar({self.description!r})"


class _Terminal:
    """A bar on standard error, by rich."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def draw(self, description: str, progress: SearchProgress, text: str) -> None:
        if self._bar is None:
            # Only now: searches without a bar are spared the import.
            from rich.console import Console  # noqa: PLC0415
            from rich.progress import (  # noqa: PLC0415
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
            )

            console = Console(stderr=True)
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}", markup=False),
                console=console,
                disable=not console.is_terminal,
            )
            self._bar.add_task(description, total=progress.n_iter, text=text)
            self._bar.start()
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=progress.n_done, total=progress.n_iter, text=text)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


class _Notebook:
    """A bar of HTML, which needs nothing but the notebook itself."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, description: str, progress: SearchProgress, text: str) -> None:
        from IPython.display import HTML, display  # noqa: PLC0415 # there only in a notebook

        bar = HTML(
            f"{html.escape(description)} "
            f'<progress value="{progress.n_done}" max="{progress.n_iter}"></progress> '
            f"{progress.n_done}/{progress.n_iter} {html.escape(text)}"
        )
        if self._handle is None:
            self._handle = display(bar, display_id=True)
        else:
            self._handle.update(bar)

    def close(self) -> None:
        self._handle = None


def _in_notebook() -> bool:
    """Tell whether a kernel runs us, as behind a notebook, and not a terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")
