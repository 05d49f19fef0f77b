"""Work done elsewhere: by the workers of a dask.distributed client, or by threads here."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Tasks a worker's thread is given ahead, so that it need not wait for the next.
_AHEAD = 2


def check_client(client: Any) -> None:
    """Refuse what is no client.

    Raises
    ------
    TypeError
        If it can neither be submitted to nor asked for its threads.
    """
    if client is not None and not (hasattr(client, "submit") and hasattr(client, "nthreads")):
        raise TypeError(
            f"client must be a dask.distributed.Client or None, got {type(client).__name__}."
        )


def results_in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    n_threads: int = 1,
    client: Any = None,
    ahead: int | None = None,
) -> Iterator[Result]:
    """Yield what `work` makes of each item, in the order of the items.

    Parameters
    ----------
    work : callable
        With a client, one that can be pickled, and small: it is sent with each item, so that the
        scheduler can give both to another worker.
    items : iterable
        Taken one by one, as there is room for them: at no time more than `ahead` are on their way.
    n_threads : int, default=1
        Threads here.
    client : dask.distributed.Client, default=None
        Whose workers do it instead. A task whose worker dies is given to another.
    ahead : int, default=None
        Items that are taken before their results are; None is two for each thread.

    Yields
    ------
    result : object
        Of each item.
    """
    if client is None and n_threads <= 1:
        yield from map(work, items)
        return
    if client is None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - rarely needed

        with ThreadPoolExecutor(n_threads) as pool:
            submit: Callable[[Item], Any] = lambda item: pool.submit(work, item)  # noqa: E731
            yield from _kept_ahead(submit, items, ahead or _AHEAD * n_threads)
        return

    def remotely(item: Item) -> Any:
        return submit_to(client, work, item)

    n_workers = sum(client.nthreads().values())
    yield from _kept_ahead(remotely, items, ahead or _AHEAD * max(n_workers, 1))


def submit_to(client: Any, work: Callable[[Item], Any], item: Item) -> Any:
    """Let a worker do something, and give what its result can be asked of."""
    with warnings.catch_warnings():
        # Data that are sent with a task survive the worker; those that are scattered do not.
        warnings.filterwarnings("ignore", message="Sending large graph")
        # Not pure: two frames alike are two tasks.
        return client.submit(work, item, pure=False)


def _kept_ahead(submit: Callable[[Item], Any], items: Iterable[Item], ahead: int) -> Iterator[Any]:
    waiting: deque[Any] = deque()
    try:
        for item in items:
            waiting.append(submit(item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Whoever takes no more results, or was told of an error, has no use for the others.
        for future in waiting:
            future.cancel()
