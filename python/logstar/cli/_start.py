"""Starting: imports, and what is done beside them on other cores.

A process reads files, and a thread imports what draws while atoms are found.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from logstar._importing import hidden

#: Libraries that scikit-learn imports where they are installed, for what no command asks of it:
#: tables and progress bars. They take a fifth of the time of a start.
_UNUSED = ("pandas", "rich")
#: What a session that goes on may ask of what it imports: how sources of Fortran are encoded, and
#: how large worker processes grow.
_FOR_SESSIONS = ("charset_normalizer", "psutil")
#: Files that are read without a process of their own.
_READ_HERE = {".npy"}

#: Parameters of glibc's `mallopt`, which has no names for Python, and their values in bytes. Freed
#: memory is given back to the system where there is more of it than M_TRIM_THRESHOLD, or at once if
#: its block is larger than M_MMAP_THRESHOLD, here that of 2048 x 2048 numbers of eight bytes.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BY_GLIBC = {_TRIM_THRESHOLD: 2**28, _MMAP_THRESHOLD: 2**25}

_drawing: threading.Thread | None = None


def start(files: Iterable[Path] = (), *, draws: bool = False, is_own_process: bool = False) -> None:
    """Import what finding atoms needs, and start the process that is to read files.

    Parameters
    ----------
    files : iterable of Path
        What will be read.
    draws : bool, default=False
        Whether to begin to import what draws as well; `wait_for_drawing` tells when that is done.
        For a process of the command's own: Matplotlib's docstrings lack their lists of properties.
    is_own_process : bool, default=False
        Whether this process is the command's own, which has begun nothing else: the one that is to
        read files may be a copy of it.
    """
    global _drawing  # noqa: PLW0603 - one for the process, as what is imported
    if is_own_process:
        _keep_memory()
    if any(path.suffix.lower() not in _READ_HERE for path in files):
        from logstar.io._isolation import start_reader  # noqa: PLC0415 - --help needs none of it

        # Where it cannot be started, reading says so.
        with suppress(OSError):
            start_reader(may_fork=is_own_process)
    with hidden((*_UNUSED, *_FOR_SESSIONS) if is_own_process else _UNUSED):
        import sklearn.model_selection  # noqa: F401, PLC0415 - heavy; --help needs none of it
    from logstar.tuning import find_atoms  # noqa: F401, PLC0415 - likewise

    if draws and "matplotlib.figure" not in sys.modules:
        _drawing = threading.Thread(target=_import_drawing, name="drawing")
        _drawing.start()


def _keep_memory() -> None:
    """Keep memory that is freed: images of one size are made and freed again and again.

    The system clears each page that it gives anew, a twentieth of the time of finding atoms.
    """
    with suppress(ImportError, OSError, AttributeError, TypeError):
        import ctypes  # noqa: PLC0415 - glibc alone has this

        for parameter, value in _KEPT_BY_GLIBC.items():
            ctypes.CDLL(None).mallopt(parameter, value)


def wait_for_drawing() -> None:
    """Let the thread that imports what draws end, if there is one."""
    global _drawing  # noqa: PLW0603 - as above
    if _drawing is not None:
        _drawing.join()
        _drawing = None


def _import_drawing() -> None:
    # Whatever is wrong with it is said where it is drawn with.
    with suppress(Exception):
        from matplotlib import artist  # noqa: PLC0415 - only drawing pays for it

        # Matplotlib writes a list of properties into many docstrings as it is imported, which takes
        # a quarter of the time; nobody reads them here.
        whole = artist.kwdoc
        artist.kwdoc = lambda artist: ""  # noqa: ARG005 - called by position and by name
        try:
            import matplotlib.backends.backend_agg  # noqa: PLC0415
            import matplotlib.figure  # noqa: F401, PLC0415
        finally:
            artist.kwdoc = whole


@contextmanager
def without_collection() -> Iterator[None]:
    """Do not look for what can be freed while modules are imported, of which nothing is freed.

    What there is in the end is left out of all later looks: it stays as long as the process.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()
