"""How long runs tell how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class RunProgress(NamedTuple):
    """How far a run over many tiles or frames is.

    Parameters
    ----------
    stage : str
        What is being done: "scaling", "detecting".
    n_done : int
        Tiles or frames that are done, those of an earlier run included.
    n_total : int or None
        All there are; None where nobody knows.
    seconds : float
        Since this stage began.

    Examples
    --------
    >>> from logstar.tuning import RunProgress
    >>> print(RunProgress("detecting", 3, 12, 1.5))
    detecting: 3 of 12, 1.5 s
    """

    stage: str
    n_done: int
    n_total: int | None
    seconds: float

    def __str__(self) -> str:
        of = "" if self.n_total is None else f" of {self.n_total}"
        return f"{self.stage}: {self.n_done}{of}, {self.seconds:.1f} s"


TellsProgress: TypeAlias = Callable[[RunProgress], object]


class Stage:
    """One stage of a run, which tells of each step.

    Parameters
    ----------
    name : str
        What is being done.
    n_total : int or None
        All steps.
    tell : callable or None
        Whom to tell.
    n_done : int, default=0
        Steps that an earlier run did.
    """

    def __init__(
        self, name: str, n_total: int | None, tell: TellsProgress | None, n_done: int = 0
    ) -> None:
        self._name, self._n_total, self._tell = name, n_total, tell
        self._n_done = n_done
        self._start = time.perf_counter()

    def step(self) -> None:
        """Say that one more is done."""
        self._n_done += 1
        if self._tell is not None:
            seconds = time.perf_counter() - self._start
            self._tell(RunProgress(self._name, self._n_done, self._n_total, seconds))
