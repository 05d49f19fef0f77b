"""When a search ends before its budget is used."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from logstar._validation import FloatArray
from logstar.pareto import hypervolume, reference_point

from ._record import Record


@dataclass
class Stopping:
    """Watches the clock and the hypervolume.

    Parameters
    ----------
    n_initial : int
        Evaluations of the initial design, after which patience is counted.
    max_time : float or None
        Seconds after which no further evaluation starts.
    stop_after : int or None
        Evaluations without a gain in hypervolume after which the search ends.
    """

    n_initial: int
    max_time: float | None
    stop_after: int | None
    _start: float = field(default_factory=time.perf_counter)
    _corner: FloatArray | None = None
    _volume: float = 0.0
    _n_vain: int = 0

    def update(self, record: Record) -> None:
        """Take note of the last evaluation."""
        if self.stop_after is None or len(record) < self.n_initial or not len(record.front):
            return
        if self._corner is None:
            n_rows = sum(e.n_rows for e in record.evaluations[: self.n_initial])
            self._corner = reference_point(record.loss_table(), n_rows)
        volume = hypervolume(record.front_losses, self._corner)
        # The volume of an equal front that is summed in another order may differ in the last
        # digits.
        if volume > self._volume and not np.isclose(volume, self._volume, rtol=1e-12, atol=0.0):
            self._volume, self._n_vain = volume, 0
        elif len(record) > self.n_initial:
            self._n_vain += 1

    def reason(self) -> str | None:
        """Say which parameter ends the search now, if any."""
        if self.stop_after is not None and self._n_vain >= self.stop_after:
            return "stop_after"
        if self.max_time is not None and time.perf_counter() - self._start >= self.max_time:
            return "max_time"
        return None
