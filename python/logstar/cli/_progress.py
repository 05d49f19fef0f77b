"""What a command is doing, on a terminal's standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from ._printing import complain, is_terminal, shown

if TYPE_CHECKING:
    from logstar.model_selection import SearchProgress


class Stages(Protocol):
    """Is told what is being done, and how far it is."""

    def begin(self, stage: str) -> None:
        """Say that something begins: "reading", "mapping", "drawing"."""

    def evaluated(self, state: SearchProgress) -> None:
        """Say how far the search is; with the first evaluation tuning begins."""

    def counted(self, stage: str, n_done: int, n_total: int | None) -> None:
        """Say how many of many are done; their number may be unknown."""


class _Silent:
    def begin(self, stage: str) -> None:
        pass

    def evaluated(self, state: SearchProgress) -> None:
        pass

    def counted(self, stage: str, n_done: int, n_total: int | None) -> None:
        pass


class _Lines:
    """For a terminal that cannot overwrite what it shows: a line for each file."""

    def __init__(self, name: str) -> None:
        self._name = name

    def begin(self, stage: str) -> None:
        if self._name and stage == "reading":
            complain(self._name)

    def evaluated(self, state: SearchProgress) -> None:
        pass

    def counted(self, stage: str, n_done: int, n_total: int | None) -> None:
        pass


class _Bar:
    def __init__(self, progress: Any, number: str, file: str) -> None:
        self._progress = progress
        self._number, self._file = number, file
        self._task = progress.add_task(number, total=None, state="")

    def begin(self, stage: str) -> None:
        # Shown at once: what is done next may not let another thread draw.
        self._progress.update(
            self._task, description=self._at(stage), total=None, completed=0, state="", refresh=True
        )

    def _at(self, stage: str) -> str:
        # The stage comes before the name, so that a narrow terminal cuts off the name.
        return f"{self._number}, {stage}: {self._file}" if self._number else stage

    def evaluated(self, state: SearchProgress) -> None:
        self._progress.update(
            self._task,
            description=self._at("tuning"),
            total=state.n_iter,
            completed=state.n_done,
            state=describe(state),
            refresh=state.n_done == state.n_iter,
        )

    def counted(self, stage: str, n_done: int, n_total: int | None) -> None:
        of = "" if n_total is None else f" of {n_total}"
        self._progress.update(
            self._task,
            description=self._at(stage),
            total=n_total,
            completed=n_done,
            state=f"{n_done}{of}",
        )


@contextmanager
def stages(file: str, number: int = 1, n_files: int = 1) -> Iterator[Stages]:
    """Show what is being done with a file, and QC and ER of the current compromise.

    Parameters
    ----------
    file : str
        Its name.
    number, n_files : int, default=1
        Number of the file, from 1, and of all files; not shown where there is one only.

    Yields
    ------
    stages : Stages
        Shows nothing where standard error is no terminal.
    """
    which = f"file {number} of {n_files}" if n_files > 1 else ""
    if sys.stderr is None or not is_terminal(sys.stderr):
        yield _Silent()
        return
    if os.environ.get("TERM", "dumb") in {"dumb", "unknown"}:
        yield _Lines(f"{which}: {shown(file)}" if which else "")
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    columns = (
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(overflow="ellipsis", no_wrap=True, ratio=3),
        ),
        BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=40)),
        TextColumn("{task.fields[state]}", markup=False, table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        yield _Bar(progress, which, shown(file))


def describe(state: SearchProgress) -> str:
    """QC, by magnitude, and ER of the current compromise."""
    if state.best_objectives is None:
        return ""
    return " ".join(
        f"{name.upper()} {abs(value):.3f}"
        for name, value in state.best_objectives.items()
        if name in {"qc", "er"}
    )
