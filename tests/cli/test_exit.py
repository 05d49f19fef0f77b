"""How the process of the command ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from logstar import __version__
from logstar.cli import _exit


def ended(*command: str) -> subprocess.CompletedProcess[str]:
    """A process that has ended, with what it said."""
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [(["--version"], 0, f"logstar {__version__}"), (["info", "nothing.npy"], 2, "no such file")],
)
def test_the_status_is_that_of_the_command(arguments: list[str], status: int, said: str):
    process = ended("-m", "logstar", *arguments)
    assert process.returncode == status
    assert said in process.stdout + process.stderr


def test_what_is_to_be_done_at_exit_is_done():
    code = (
        "import atexit, sys; from logstar.cli import run; atexit.register(print, 'the end'); "
        "sys.argv = ['logstar', '--version']; run()"
    )
    assert ended("-c", code).stdout.splitlines()[-1] == "the end"


def test_modules_are_not_taken_apart():
    code = (
        "import sys; from logstar.cli import run\n"
        "class Last:\n    def __del__(self): print('taken apart')\n"
        "last = Last(); last.itself = last; sys.argv = ['logstar', '--version']; run()"
    )
    assert "taken apart" not in ended("-c", code).stdout


def test_profiles_are_written(tmp_path: Path):
    place = tmp_path / "profile"
    assert ended("-m", "cProfile", "-o", str(place), "-m", "logstar", "--version").returncode == 0
    assert place.stat().st_size > 0


def test_streams_may_be_closed(monkeypatch: pytest.MonkeyPatch):
    ends: list[int] = []
    monkeypatch.setattr(_exit, "main", lambda: 3)
    monkeypatch.setattr(_exit.os, "_exit", ends.append)
    monkeypatch.setattr(_exit.atexit, "_run_exitfuncs", lambda: None)
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "getprofile", lambda: None)
    monkeypatch.setattr(sys, "stdout", None)
    _exit.run()  # type: ignore[func-returns-value]
    assert ends == [3]
