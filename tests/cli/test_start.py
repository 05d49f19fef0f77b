"""What starting imports, what it leaves out, and the process that reads files."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from logstar.cli import _main
from logstar.cli._start import start, without_collection
from logstar.io import _isolation


def said_by(code: str) -> str:
    """What a process of its own prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")
def test_tables_are_imported_by_those_who_use_them():
    code = (
        "import sys; from logstar.cli._start import start; start(); "
        "print('logstar.tuning._finder' in sys.modules, 'pandas' in sys.modules); "
        "import pandas; from sklearn.utils import check_array; "
        "print(check_array(pandas.DataFrame({'a': [1, 2]})).tolist())"
    )
    assert said_by(code).splitlines() == ["True False", "[[1], [2]]"]


@pytest.mark.parametrize("is_own_process", [False, True])
@pytest.mark.skipif(importlib.util.find_spec("psutil") is None, reason="psutil is not installed")
def test_a_session_has_all_that_it_may_ask_for(is_own_process: bool):
    code = (
        f"import sys; from logstar.cli._start import start; "
        f"start(is_own_process={is_own_process}); "
        "print('psutil' in sys.modules); import psutil; print(psutil.cpu_count() > 0)"
    )
    assert said_by(code).splitlines() == [str(not is_own_process), "True"]


@pytest.mark.parametrize("is_enabled", [True, False])
def test_memory_is_looked_after_as_before(monkeypatch: pytest.MonkeyPatch, is_enabled: bool):
    said: list[str] = []
    monkeypatch.setattr(gc, "isenabled", lambda: is_enabled)
    for name in ("disable", "freeze", "enable"):
        monkeypatch.setattr(gc, name, partial(said.append, name))
    with without_collection():
        assert said == ["disable"]
    assert said == (["disable", "freeze", "enable"] if is_enabled else ["disable"])


class Library:
    """A C library that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def mallopt(self, parameter: int, value: int) -> int:
        self.told.append((parameter, value))
        return 1


def test_freed_memory_is_kept_by_a_process_of_its_own_alone(monkeypatch: pytest.MonkeyPatch):
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    start()
    assert library.told == []
    start(is_own_process=True)
    assert [parameter for parameter, _ in library.told] == [-1, -3]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is another C library")
def test_the_c_library_takes_what_it_is_told():
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        pytest.skip("this C library has no such options")
    # Of a process of its own, since there is no way back.
    code = (
        "import ctypes; from logstar.cli._start import _KEPT_BY_GLIBC as kept; "
        "print([ctypes.CDLL(None).mallopt(*pair) for pair in kept.items()])"
    )
    assert said_by(code).strip() == "[1, 1]"


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    def missing(_: object) -> None:
        raise OSError("no such library")

    for library in (missing, lambda _: object()):
        monkeypatch.setattr(ctypes, "CDLL", library)
        start(is_own_process=True)


def test_no_process_reads_what_needs_none(monkeypatch: pytest.MonkeyPatch):
    started: list[bool] = []
    monkeypatch.setattr(_isolation, "start_reader", lambda *, may_fork: started.append(may_fork))
    start()
    start([Path("a.npy"), Path("b.NPY")])
    assert started == []
    start([Path("a.npy"), Path("b.ser")])
    start([Path("a.ser")], is_own_process=True)
    assert started == [False, True]


def test_a_process_that_cannot_start_is_told_of_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
):
    def fail(**_: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(_isolation, "start_reader", fail)
    start([Path("a.ser")])


def test_what_draws_is_imported_beside():
    code = (
        "import sys; from logstar.cli._start import start, wait_for_drawing; "
        "start(draws=True); wait_for_drawing(); print('matplotlib.figure' in sys.modules); "
        "from matplotlib import artist, lines; "
        "print('linewidth' in artist.kwdoc(lines.Line2D)); "
        "print('linewidth:' in lines.Line2D.set.__doc__)"
    )
    assert said_by(code).splitlines() == ["True", "True", "False"]


def test_nothing_is_done_beside_in_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "film.npy").write_text("no array")
    asked: list[tuple[bool, bool]] = []

    def note(_: object, *, draws: bool = False, is_own_process: bool = False) -> None:
        asked.append((draws, is_own_process))

    monkeypatch.setattr(_main, "start", note)
    arguments = ["detect", str(tmp_path / "film.npy"), "--lattice", "auto"]
    arguments += ["--out", str(tmp_path / "out")]
    assert _main.main(arguments) == 2
    monkeypatch.setattr(sys, "argv", ["logstar", *arguments])
    assert _main.main() == 2
    monkeypatch.setattr(sys, "argv", ["logstar", *arguments, "--no-plots"])
    assert _main.main() == 2
    assert asked == [(False, False), (True, True), (False, True)]
