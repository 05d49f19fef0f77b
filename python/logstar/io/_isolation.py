"""Run a reader in a process of its own, with limits of time and of memory.

Libraries that parse binary formats do not end, or end the whole process, on some broken files:
of 400 variants of two HDF5 files one kept the C library busy forever. The process is started when
it is first needed or by `start_reader`, kept for the next file, and ends with ours.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from ._forked import ForkedProcess, can_fork
from ._signal import most_image_bytes
from ._wire import receive, send

#: Seconds that a read may take: so many, and more for files that a slow disk needs longer for.
_SECONDS, _BYTES_PER_SECOND = 30.0, 5e6
#: Address space: libraries and threads reserve some; compressed files grow.
_MEMORY, _MEMORY_PER_BYTE = 4 * 2**30, 64
#: Environment variable that overrides the seconds.
SECONDS_VARIABLE = "LOGSTAR_READ_SECONDS"

#: The path of modules is handed on, so the child need not find it again: it starts without `site`.
_COMMAND = "import sys; sys.path[:] = {path!r}; from logstar.io._child import serve; serve({pid})"


_Child: TypeAlias = subprocess.Popen[bytes] | ForkedProcess


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


def read_isolated(task: str, reader: str, path: Path, **ask: Any) -> dict[str, Any]:
    """Let a file be read.

    Parameters
    ----------
    task : {"images", "table"}
        What it should hold.
    reader : str
        Who reads it.
    path : Path
        The file, or the folder that takes the place of one.
    **ask : object
        What is asked of images, see `answer`.

    Returns
    -------
    answer : dict

    Raises
    ------
    ReaderError
        For whatever went wrong.
    """
    size = size_of(path)
    seconds = _time_limit(size)
    request = {
        "task": task,
        "reader": reader,
        # The process keeps the folder that it was started in; we may have gone elsewhere.
        "path": str(path.absolute()),
        "ask": ask,
        "size": size,
        "seconds": seconds,
        "memory": _MEMORY + _MEMORY_PER_BYTE * size,
    }
    return _process.read(request, seconds, most_image_bytes(size))


def start_reader(*, may_fork: bool = False) -> None:
    """Start the process before there is anything to read, so that it is ready when there is.

    Parameters
    ----------
    may_fork : bool, default=False
        Whether it may be a copy of this process, which costs a third of a new one. For those who
        know all that this process has imported and begun.

    Raises
    ------
    OSError
        If it cannot be started.
    """
    _process.start(may_fork=may_fork)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


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
        self._child: _Child | None = None
        self._starter: threading.Thread | None = None
        self._lock = threading.Lock()
        atexit.register(self.stop)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def start(self, *, may_fork: bool) -> None:
        with self._lock:
            self._started(may_fork=may_fork and can_fork())

    def read(self, request: dict[str, Any], seconds: float, most_bytes: int) -> dict[str, Any]:
        with self._lock:
            answer = self._ask(request, seconds, most_bytes)
            if answer is None:
                # The system ends the process with the thread that started it.
                answer = self._ask(request, seconds, most_bytes)
        if answer is None:
            raise ReaderError("the library that reads it broke down", hopeless=True)
        if "error" in answer:
            raise ReaderError(answer["error"], answer.get("missing"))
        return answer

    def _ask(
        self, request: dict[str, Any], seconds: float, most_bytes: int
    ) -> dict[str, Any] | None:
        """Give the answer; None if the process ended with the thread that had started it."""
        child = self._started()
        late = threading.Event()

        def stop() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            send(child.stdin, request)  # type: ignore[arg-type]
            answer: dict[str, Any] = receive(child.stdout, most_bytes)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
            ended_with_thread = self._starter is None or not self._starter.is_alive()
            self.stop()
            if late.is_set():
                raise ReaderError(
                    f"gave nothing within {seconds:.0f} s (if the file is right and its disk is "
                    f"slow, set {SECONDS_VARIABLE})",
                    hopeless=True,
                ) from None
            if ended_with_thread:
                return None
            message = "the library that reads it broke down"
            if isinstance(error, ValueError):
                message = f"its reader answered with {error}"
            raise ReaderError(message, hopeless=True) from None
        except BaseException:
            # Ctrl-C: what the process is at is nobody's any more.
            self.stop()
            raise
        finally:
            timer.cancel()
        if late.is_set():
            # The answer came as its time was up: there is no process any more.
            self.stop()
        return answer

    def _started(self, *, may_fork: bool = False) -> _Child:
        if self._child is None or self._child.poll() is not None:
            self.stop()
            self._child = ForkedProcess() if may_fork else _new_process()
            self._starter = threading.current_thread()
        return self._child

    def stop(self) -> None:
        """End the process, if there is one."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        _close(child)

    def _forget(self) -> None:
        """In a forked process: the reader is the parent's, and a thread may have held the lock."""
        self._lock = threading.Lock()
        child, self._child = self._child, None
        if child is not None:
            # Else the reader would not see the end of its input when the parent ends.
            _close(child)
            # It is not ours to wait for.
            child.returncode = 0


def _new_process() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-c", _COMMAND.format(path=sys.path, pid=os.getpid())],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # One thread: each would reserve memory for itself.
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        # Ctrl-C is ours to handle.
        start_new_session=True,
    )


def _close(child: _Child) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


_process = _ReaderProcess()
