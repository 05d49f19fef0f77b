"""The process that reads files: its side of the pipe.

It imports what the format at hand needs and nothing more, since a user waits for it.
"""

from __future__ import annotations

import importlib
import math
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

from ._signal import Signal
from ._wire import receive, send

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]

#: Seconds that the other side has to end us when time is up, before we end ourselves.
_GRACE = 5
_PR_SET_PDEATHSIG = 1
#: Requests are a path and a few words.
_MOST_REQUEST = 2**20
#: Readers of our own, by module and function; all other names are RosettaSciIO's.
_OPENERS = {
    "tiff": ("_tiff", "open_tiff"),
    "picture": ("_pictures", "open_picture"),
    "MRC": ("_mrc", "open_mrc"),
    "Velox": ("_velox", "open_velox"),
}


def serve(parent: int, *, inherited: int = 0) -> None:
    """Answer what is asked for on standard input until it ends.

    Parameters
    ----------
    parent : int
        Process that asks.
    inherited : int, default=0
        Bytes of address space that a copy of the process that asks began with; what is read may
        take as much as it may in a new process.
    """
    import logging  # noqa: PLC0415 - the other side needs none of these
    import warnings  # noqa: PLC0415

    _die_with(parent)
    logging.disable()
    warnings.simplefilter("ignore")
    # Libraries that print must not print into the answer.
    answers = FileIO(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    requests = FileIO(0)
    while True:
        try:
            request = receive(requests, _MOST_REQUEST)
        except EOFError:
            return
        memory = request["memory"] + inherited
        _set_limits(request["seconds"], memory)
        answer = _answer(request)
        _set_limits(None, memory)
        send(answers, answer)


def _die_with(parent: int) -> None:
    """End with the process that asks, even while a library is busy and looks at nothing."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 - Linux alone has this

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.name == "posix" and os.getppid() != parent:
        os._exit(1)


def _set_limits(seconds: float | None, memory: int) -> None:
    """Let the system end us when time is up: no library can keep it from that."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0 if seconds is None else seconds + _GRACE)
    if resource is not None:
        # Not every system that has the limits lets one set them.
        with suppress(OSError, ValueError):
            _limit(resource.RLIMIT_AS, memory)
        with suppress(OSError, ValueError):
            usage = resource.getrusage(resource.RUSAGE_SELF)
            used = usage.ru_utime + usage.ru_stime
            _limit(resource.RLIMIT_CPU, seconds and math.ceil(used + seconds + _GRACE))


def _limit(kind: int, most: float | None) -> None:
    _, hard = resource.getrlimit(kind)
    if most is None:
        soft = hard
    else:
        soft = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
    resource.setrlimit(kind, (soft, hard))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return _TASKS[request["task"]](request)
    except ImportError as error:
        name = error.name or str(error)
        return {"error": f"needs {name}", "missing": name}
    except MemoryError:
        return {"error": "asks for more memory than a file of its size can need"}
    except Exception as error:  # noqa: BLE001 - readers fail on broken files in every way
        if isinstance(error, ValueError) and request["task"] == "table":
            # A reader of ours, which says what is wrong.
            return {"error": str(error)}
        return {"error": first_line(error)}


def _images(request: dict[str, Any]) -> dict[str, Any]:
    from ._answers import answer  # noqa: PLC0415 - positions need none of it

    with open_signals(request["reader"], Path(request["path"])) as signals:
        return answer(signals, **request["ask"], file_size=request["size"])


def open_signals(reader: str, path: Path) -> AbstractContextManager[list[Signal]]:
    """Open a file with a reader of our own, or RosettaSciIO's of that name."""
    opener: Callable[[Path], AbstractContextManager[list[Signal]]]
    if reader in _OPENERS:
        module, name = _OPENERS[reader]
        opener = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    else:
        from ._rsciio import open_with_rsciio  # noqa: PLC0415 - our own readers need none of it

        opener = partial(open_with_rsciio, reader)
    return opener(path)


def _table(request: dict[str, Any]) -> dict[str, Any]:
    module = importlib.import_module(f"{__package__}._positions_{request['reader']}")
    table = module.read(Path(request["path"]))
    size = table.pixel_size
    return {
        "columns": {name: table[name] for name in table.columns},
        "pixel_size": None if size is None else [size.value, size.unit],
        "origin": table.origin,
        "provenance": table.provenance,
    }


_TASKS = {"images": _images, "table": _table}


def first_line(error: BaseException) -> str:
    """Say what an exception is in one line."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
