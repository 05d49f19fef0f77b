"""A progress bar that shows the current compromise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logstar.model_selection import SearchProgress


@contextmanager
def progress_bar(n_iter: int) -> Iterator[Callable[[SearchProgress], None] | None]:
    """Show how far a search is, with QC and ER of its compromise, on a terminal's stderr.

    Yields what the search is to call after each evaluation; None where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("tuning"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[compromise]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=n_iter, compromise="")

        def show(state: SearchProgress) -> None:
            progress.update(task, completed=state.n_done, compromise=describe(state))

        yield show


def describe(state: SearchProgress) -> str:
    """QC, by magnitude, and ER of the current compromise."""
    if state.best_objectives is None:
        return ""
    return "  ".join(
        f"{name.upper()} {abs(value):.3f}" for name, value in state.best_objectives.items()
    )
