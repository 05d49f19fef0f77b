"""A lock on a file that one process holds at a time, and that tells others who holds it."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

#: How the system says that somebody else holds a lock.
_BUSY = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
#: How often, and after how many seconds each, to look again for the name of a holder that has
#: taken the lock but has not yet written its name.
_N_LOOKS, _PAUSE = 5, 0.02

if sys.platform == "win32":
    import msvcrt

    #: Position of the byte that is locked, behind the holder's name: Windows forbids others to read
    #: what is locked.
    _LOCKED_BYTE = 1 << 20

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockingUnsupportedError(OSError):
    """The file system knows no locks."""


class FileLock:
    """Locks a file by a second one beside it, which holds the name of the process that did.

    The system releases the lock when the process ends, however it ends: a file that a killed
    process leaves behind locks nobody out. The lock binds only those who ask for it.

    Parameters
    ----------
    path : Path
        The file to lock; need not exist.
    """

    def __init__(self, path: Path) -> None:
        # Links to one file share the lock.
        target = path.resolve()
        self._path = target.with_name(target.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> str | None:
        """Take the lock if it is free.

        Returns
        -------
        holder : str or None
            Who holds it; None if it is ours now.

        Raises
        ------
        LockingUnsupportedError
            If the file system cannot tell.
        """
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(descriptor)
            except OSError as error:
                holder = _read_name(descriptor) if error.errno in _BUSY else None
                os.close(descriptor)
                if holder is None:
                    raise LockingUnsupportedError(str(error)) from error
                return holder
            # Its last holder may have removed the file after we had opened it and before we had
            # locked it; a third process would then lock a new one.
            if self._is_current(descriptor):
                break
            os.close(descriptor)
        self._descriptor = descriptor
        # The lock holds without its holder's name, for which a full disk has no room.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        _held.add(self)
        return None

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back, if we hold it."""
        if self._descriptor is None:
            return
        if sys.platform == "win32":
            # An open file cannot be removed there; one that the next holder has opened stays.
            self._forget()
            with suppress(OSError):
                self._path.unlink()
        else:
            self._path.unlink(missing_ok=True)
            self._forget()

    def _forget(self) -> None:
        """Close the file, which releases the lock unless a parent process has it open as well."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _held.discard(self)


_held: WeakSet[FileLock] = WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock._forget()  # noqa: SLF001 # a function of this class, for a hook that takes functions


# A forked worker has the parent's open files. If it outlived the parent, the file would be locked
# by a process that does not write to it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _read_name(descriptor: int) -> str:
    for _ in range(_N_LOOKS):
        os.lseek(descriptor, 0, os.SEEK_SET)
        if name := os.read(descriptor, 400).decode(errors="replace").strip():
            return name
        time.sleep(_PAUSE)
    return "another process"
