"""What the Rust core runs on: how many threads, and which instruction set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import current_thread, main_thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Overrides the number of threads of the functions that have no ``n_jobs``.
THREADS_VARIABLE = "LOGSTAR_NUM_THREADS"
#: Forces the instruction set of the vectors; by default it is the widest of the machine.
INSTRUCTION_SET_VARIABLE = "LOGSTAR_INSTRUCTION_SET"


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


def in_order(
    work: Callable[[Item], Result], items: Sequence[Item], n_threads: int
) -> Iterator[Result]:
    """Apply `work` to items on several threads, and yield results in the order of the items.

    Threads go ahead of whoever takes the results. Once nobody does, or `work` raises, what has not
    begun never does.
    """
    if min(n_threads, len(items)) <= 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - rarely needed

    with ThreadPoolExecutor(n_threads) as pool:
        yield from pool.map(work, items)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let products of small matrices run on one thread while inside; usable as a decorator.

    Further threads of BLAS wait for work by spinning, which takes more time than small products
    do. The limit is that of the whole process, so only the main thread sets it: of several threads
    none could restore what was before, and OpenBLAS obeys no other thread.
    """
    if current_thread() is not main_thread():
        yield
        return
    with _blas().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _blas() -> Any:
    """The BLAS libraries of this process: found once, as that takes a millisecond or more."""
    import scipy.linalg  # noqa: F401, PLC0415 - SciPy's own BLAS is found only once it is loaded
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - spares those without products

    return ThreadpoolController()
