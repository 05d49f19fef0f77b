"""Run a reader in a process of its own, with a limit of time and of memory.

Libraries that parse binary formats do not end, or end the whole process, on some broken files:
of 400 variants of two HDF5 files one kept the C library busy forever. The process is started when
it is first needed, kept for the next file, and ends with ours.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ._signal import Signal

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]

#: Seconds that a read may take: so many, and more for files that a slow disk needs longer for.
_SECONDS, _BYTES_PER_SECOND = 30.0, 5e6
#: Address space: libraries and threads reserve some; compressed files grow.
_MEMORY, _MEMORY_PER_BYTE = 4 * 2**30, 64
#: Environment variable that overrides the seconds.
SECONDS_VARIABLE = "LOGSTAR_READ_SECONDS"

_COMMAND = "import sys; sys.path[:] = {path!r}; from logstar.io._isolation import serve; serve()"


class ReaderError(Exception):
    """A reader could not make sense of a file, said as a sentence.

    Parameters
    ----------
    message : str
        The sentence.
    missing : str or None, default=None
        The module that the reader lacks, if that is the reason.
    hopeless : bool, default=False
        Whether the library below broke down, which it would do for any other reader as well.
    """

    def __init__(self, message: str, missing: str | None = None, *, hopeless: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        self.hopeless = hopeless


def read_isolated(name: str, path: Path) -> list[Signal]:
    """Read all images of a file with a reader of RosettaSciIO.

    Raises
    ------
    ReaderError
        For whatever went wrong.
    """
    size = path.stat().st_size if path.is_file() else 0
    seconds = _time_limit(size)
    return _process.read(name, path, seconds, _MEMORY + _MEMORY_PER_BYTE * size)


def _time_limit(size: int) -> float:
    text = os.environ.get(SECONDS_VARIABLE)
    if text is None:
        return _SECONDS + size / _BYTES_PER_SECOND
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ReaderError(f"{SECONDS_VARIABLE} must be a number of seconds above 0, got {text!r}")
    return seconds


class _ReaderProcess:
    """The process; one read at a time."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def read(self, name: str, path: Path, seconds: float, memory: int) -> list[Signal]:
        with self._lock:
            answer = self._ask((name, path, memory), seconds)
        if isinstance(answer, ReaderError):
            raise answer
        return answer

    def _ask(self, request: Any, seconds: float) -> list[Signal] | ReaderError:
        child = self._started()
        late = threading.Event()

        def stop() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            pickle.dump(request, _pipe(child.stdin))
            _pipe(child.stdin).flush()
            answer: list[Signal] | ReaderError = pickle.load(_pipe(child.stdout))
        except (EOFError, OSError, pickle.UnpicklingError):
            self.stop()
            if late.is_set():
                return ReaderError(
                    f"gave nothing within {seconds:.0f} s (if the file is right and its disk is "
                    f"slow, set {SECONDS_VARIABLE})",
                    hopeless=True,
                )
            return ReaderError("the library that reads it broke down", hopeless=True)
        except BaseException:
            # Ctrl-C: what the process is at is nobody's any more.
            self.stop()
            raise
        finally:
            timer.cancel()
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        # After a fork the pipes are the parent's.
        if self._child is None or self._child.poll() is not None or self._owner != os.getpid():
            self._child = subprocess.Popen(
                [sys.executable, "-c", _COMMAND.format(path=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # One thread: each would reserve memory for itself.
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                # Ctrl-C is ours to handle.
                start_new_session=True,
            )
            self._owner = os.getpid()
        return self._child

    def stop(self) -> None:
        """End the process, if there is one and it is ours."""
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):
                _pipe(pipe).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError("no pipe to the reading process")
    return pipe


_process = _ReaderProcess()


def serve() -> None:
    """Read what is asked for on standard input until it ends; the process's side."""
    import logging  # noqa: PLC0415 - the other side needs none of these
    import warnings  # noqa: PLC0415

    logging.disable()
    warnings.simplefilter("ignore")
    # Libraries that print must not print into the answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    requests = sys.stdin.buffer
    while True:
        try:
            name, path, memory = pickle.load(requests)
        except EOFError:
            return
        _limit_memory(memory)
        pickle.dump(_answer(name, path), answers, protocol=5)
        answers.flush()


def _limit_memory(memory: int) -> None:
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        # Not every system that has the limit lets one set it.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _answer(name: str, path: Path) -> list[Signal] | ReaderError:
    from ._rsciio import read_with_rsciio  # noqa: PLC0415 - heavy; the other side needs none of it

    try:
        return read_with_rsciio(name, path)
    except ImportError as error:
        return ReaderError(f"needs {error.name or error}", missing=error.name or str(error))
    except MemoryError:
        return ReaderError("asks for more memory than a file of its size can need")
    except Exception as error:  # noqa: BLE001 - readers fail on broken files in every way
        return ReaderError(first_line(error))


def first_line(error: BaseException) -> str:
    """Say what an exception is in one line."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
