"""Imports that leave out what is not needed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def hidden(names: Sequence[str]) -> Iterator[None]:
    """Let libraries that are not imported yet seem not to be installed.

    Nothing is hidden where other threads run, which might import them at the same time.
    """
    alone = threading.active_count() == 1
    absent = [name for name in names if alone and name not in sys.modules]
    # None keeps Python from importing a module of that name.
    sys.modules |= dict.fromkeys(absent)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            if sys.modules.get(name, sys) is None:
                del sys.modules[name]
