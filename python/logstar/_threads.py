"""How many threads the Rust core may use."""

from __future__ import annotations

import os

#: Overrides the number of threads of the functions that have no ``n_jobs``.
THREADS_VARIABLE = "LOGSTAR_NUM_THREADS"


def all_threads() -> int:
    """As many threads as the process has cores, or as the environment variable says."""
    setting = os.environ.get(THREADS_VARIABLE)
    if setting is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if setting.isdecimal() and int(setting) > 0:
        return int(setting)
    raise ValueError(f"{THREADS_VARIABLE} must be a positive integer, got {setting!r}.")


def threads_of(n_jobs: int | None) -> int:
    """Threads for scikit-learn's `n_jobs`: None is 1 unless a joblib context says otherwise."""
    from joblib import effective_n_jobs  # noqa: PLC0415 - spares `import logstar` the half second

    return int(effective_n_jobs(n_jobs))
