"""The command in a process of its own, which ends at once."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn

from ._main import main


def run() -> NoReturn:
    """Run the command with the arguments of the process, and end the process.

    An interpreter that ends takes apart all modules that were imported, which takes as long as to
    import some of the largest. All that is written is whole by then, so the process ends without
    it, as mypy's does. Under a debugger, a profiler or ``python -i`` it ends as any other.
    """
    status = main()
    if sys.gettrace() or sys.getprofile() or sys.flags.interactive:
        raise SystemExit(status)
    for stream in (sys.stdout, sys.stderr):
        # Either may be closed; what has to be told of that was told.
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    # There is no public way to do what others asked for, such as those who measure coverage.
    atexit._run_exitfuncs()  # noqa: SLF001
    os._exit(status)
