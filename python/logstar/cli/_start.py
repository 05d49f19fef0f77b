"""Starting: what finding atoms needs is imported while the process that reads files starts."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

#: Libraries that scikit-learn imports where they are installed, for what no command asks of it:
#: tables and progress bars. They take a fifth of the time of a start.
_UNUSED = ("pandas", "rich")
#: Files that are read without a process of their own.
_READ_HERE = {".npy"}


def start(files: Iterable[Path] = ()) -> None:
    """Import what finding atoms needs, and start the process that is to read files.

    Parameters
    ----------
    files : iterable of Path
        What will be read.
    """
    if any(path.suffix.lower() not in _READ_HERE for path in files):
        from logstar.io._isolation import start_reader  # noqa: PLC0415 - --help needs none of it

        # Where it cannot be started, reading says so.
        with suppress(OSError):
            start_reader()
    with hidden(_UNUSED):
        import sklearn.model_selection  # noqa: F401, PLC0415 - heavy; --help needs none of it
    from logstar.tuning import find_atoms  # noqa: F401, PLC0415 - likewise


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
