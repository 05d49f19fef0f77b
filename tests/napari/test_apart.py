"""Work in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from logstar.napari._apart import Apart, StoppedError


def follow(run):
    """Give what is told and what is returned."""
    told = []
    while True:
        try:
            told.append(next(run))
        except StopIteration as end:
            return told, end.value


def add(tell, a, b):
    tell("adding")
    print("this is no answer")
    return a + b, os.getpid()


def fail(_tell, error):
    raise error


class UnpicklableError(Exception):
    def __init__(self, first, second):
        super().__init__(first)
        self.second = second


def fail_strangely(_tell):
    raise UnpicklableError("what happened", 2)


def never_end(tell):
    tell(os.getpid())
    while True:
        time.sleep(60)


def die(_tell):
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_is_told_and_returned():
    told, (total, pid) = follow(Apart().run(add, 2, 3))
    assert told == ["adding"]
    assert total == 5
    assert pid != os.getpid()


def test_an_error_is_raised_where_it_is_waited_for():
    with pytest.raises(KeyError, match="nothing of that name"):
        follow(Apart().run(fail, KeyError("nothing of that name")))


def test_an_error_that_cannot_be_pickled_says_the_same():
    with pytest.raises(RuntimeError, match="UnpicklableError: what happened"):
        follow(Apart().run(fail_strangely))


def test_stopping_ends_the_process_wherever_it_is():
    apart = Apart()
    run = apart.run(never_end)
    pid = next(run)
    timer = threading.Timer(0.2, apart.stop)
    timer.start()
    with pytest.raises(StoppedError):
        next(run)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not apart.is_alive


def test_a_process_that_was_stopped_before_it_began_does_nothing():
    apart = Apart()
    apart.stop()
    with pytest.raises(StoppedError):
        follow(apart.run(add, 2, 3))


def test_a_process_that_dies_is_told():
    with pytest.raises(RuntimeError, match="ended before it was done"):
        follow(Apart().run(die))


def test_it_ends_with_the_process_that_made_it():
    code = (
        "import os; from logstar.napari._apart import Apart; from tests.napari import test_apart\n"
        "print(next(Apart().run(test_apart.never_end)), flush=True); os._exit(0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(run.stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("it goes on without its parent")
