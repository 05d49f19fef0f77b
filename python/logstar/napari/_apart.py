"""Work in a process of its own, which can be ended at any moment.

A search spends its time in compiled code that no thread can be called back from; a process can be
ended wherever it is, and gives its memory back. It also leaves the viewer's process free to draw.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, BinaryIO

#: `site` runs as usual, since packages that are installed for development come by it; the path is
#: handed on as a script may have changed it.
_COMMAND = "import sys; sys.path[:] = {path!r}; from logstar.napari._apart import serve; serve()"
_TOLD, _DONE, _FAILED = "told", "done", "failed"

#: What is called in the process: it may tell of its progress by its first argument.
Work = Callable[..., Any]


class StoppedError(RuntimeError):
    """The work was stopped before it was done."""


class Apart:
    """A process that waits for one piece of work, does it and ends.

    It imports what the work needs as soon as it is made, so it is best made before the work is
    known. It ends with the process that made it.

    Examples
    --------
    >>> from logstar.napari._apart import Apart
    >>> apart = Apart()
    >>> list(apart.run(print, "is the function's first argument"))
    []
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        # Whoever reads from the process closes its pipes: closed by another thread they would not
        # tell it of their end.
        self._reading = threading.Lock()
        self._child = subprocess.Popen(
            [sys.executable, "-c", _COMMAND.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in a terminal is for the viewer.
            start_new_session=True,
        )

    def run(self, work: Work, *args: Any) -> Generator[Any, None, Any]:
        """Do a piece of work: yields what it tells, returns what it gives.

        Parameters
        ----------
        work : callable
            Of a module; it is called with a function, to tell of its progress by, and with `args`.
        *args : object
            All that can be pickled.

        Yields
        ------
        told : object
            What the work tells.

        Raises
        ------
        StoppedError
            If it was stopped.
        RuntimeError
            If the process broke down.
        Exception
            Whatever the work raises.
        """
        try:
            with self._reading:
                return (yield from self._converse(work, args))
        except EOFError:
            if self._stopped.is_set():
                raise StoppedError("stopped") from None
            raise RuntimeError("the process that computes ended before it was done.") from None
        finally:
            self.stop()

    def _converse(self, work: Work, args: tuple[Any, ...]) -> Generator[Any, None, Any]:
        """Hand over the work, and pass on what comes back.

        Raises
        ------
        EOFError
            If the process ended, or had ended before.
        """
        if self._stopped.is_set():
            raise EOFError
        requests, answers = self._child.stdin, self._child.stdout
        # A process that has ended cannot be written to; that is noticed when it is read from.
        with suppress(OSError):
            pickle.dump((work, args), requests)  # type: ignore[arg-type]
            requests.flush()  # type: ignore[union-attr]
        while True:
            what, value = pickle.load(answers)  # type: ignore[arg-type]
            if what == _DONE:
                return value
            if what == _FAILED:
                raise value
            yield value

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._stopped.set()
        self._child.kill()
        self._child.wait()
        if self._reading.acquire(blocking=False):
            for pipe in (self._child.stdin, self._child.stdout):
                # What was not sent to a process that has ended is lost.
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
            self._reading.release()

    @property
    def is_alive(self) -> bool:  # numpydoc ignore=RT01
        """Whether the process still runs."""
        return self._child.poll() is None


def serve() -> None:
    """Do the piece of work that standard input brings; the side of the new process."""
    answers = os.fdopen(os.dup(1), "wb")
    # What libraries print must not come between the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    requests = os.fdopen(os.dup(0), "rb")
    import logstar.fields  # noqa: PLC0415 - while the user is still choosing
    import logstar.segmentation  # noqa: PLC0415
    import logstar.tuning  # noqa: F401, PLC0415

    try:
        work, args = pickle.load(requests)
    except EOFError:
        return
    threading.Thread(target=_end_with, args=(requests,), daemon=True).start()
    warnings.simplefilter("ignore")

    def tell(value: Any) -> None:
        _answer(answers, _TOLD, value)

    try:
        result = work(tell, *args)
    except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
        _answer(answers, _FAILED, _portable(error))
    else:
        _answer(answers, _DONE, result)


def _answer(answers: BinaryIO, what: str, value: Any) -> None:
    pickle.dump((what, value), answers)
    answers.flush()


def _end_with(requests: BinaryIO) -> None:
    """End when the other side does: then there is nothing more to be read."""
    requests.read(1)
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The exception, or one that says the same where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - exceptions can fail to be pickled in any way
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
