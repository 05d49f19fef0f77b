"""A reading process that is a copy of ours, where that is safe: it need not import anything again.

Most of what a process of its own costs is the import of NumPy. A copy has it, but also whatever
locks other threads hold at that moment, so only a process that has no other thread of Python's yet
and knows what it has imported makes one; NumPy's own threads end before a copy is made.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from io import FileIO
from pathlib import Path
from typing import NoReturn

#: Systems that copy a process with all that its libraries hold; those of macOS do not allow it.
_SYSTEMS = ("linux",)
_MOST_DESCRIPTORS = 2**20


def can_fork() -> bool:
    """Whether a copy of this process works: there is one thread, on a system that copies all."""
    return sys.platform in _SYSTEMS and threading.active_count() == 1


class ForkedProcess:
    """A copy of this process that reads files; has what is used of `subprocess.Popen`.

    Attributes
    ----------
    stdin, stdout : FileIO
        Where it is asked, and where it answers.
    pid : int
        Its number.
    returncode : int or None
        How it ended; None while nobody has asked, or it runs.
    """

    def __init__(self) -> None:
        asked, self._asks = os.pipe()
        self._hears, answers = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(asked, answers, parent)
        os.close(asked)
        os.close(answers)
        self.stdin, self.stdout = FileIO(self._asks, "w"), FileIO(self._hears)
        self.returncode: int | None = None
        # A number is free for other processes as soon as the end of this one was noticed.
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Notice its end, and tell how it ended; None if it runs."""
        with self._lock:
            return self._noticed(os.WNOHANG)

    def kill(self) -> None:
        """End it, if it runs."""
        with self._lock:
            if self._noticed(os.WNOHANG) is None:
                os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end, and tell how it ended."""
        with self._lock:
            return self._noticed(0) or 0

    def _noticed(self, options: int) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, options)
            except ChildProcessError:
                # Somebody else has waited for all that there were.
                pid, status = self.pid, 0
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _serve(asked: int, answers: int, parent: int) -> NoReturn:
    """Be the copy, until nobody asks any more."""
    try:
        # As a new process would begin: Ctrl-C is not for it, and nothing else is open.
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for place, descriptor in enumerate((asked, answers, nothing)):
            os.dup2(descriptor, place)
        os.closerange(3, _MOST_DESCRIPTORS)
        # The copy may begin while nothing is collected; what it began with stays shared unless it
        # is looked at.
        gc.freeze()
        gc.enable()
        from ._child import serve  # noqa: PLC0415 - the other side needs none of it

        serve(parent, inherited=_address_space())
    finally:
        # What was begun before the copy was made is not the copy's to end.
        os._exit(0)


def _address_space() -> int:
    """Bytes of it that this process has, which a limit for reading must not count."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
