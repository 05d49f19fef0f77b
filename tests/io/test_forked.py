"""A reading process that is a copy of ours reads, fails and ends as a new one does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from logstar.io._forked import can_fork

from .files import write_hspy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no copies are made")

#: What each of the processes below begins with.
HEAD = """
    import os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from logstar.io import _isolation, read_image
    from logstar.io._forked import ForkedProcess
    from logstar.io._isolation import ReaderError, read_isolated
    _isolation.start_reader(may_fork=True)
    child = _isolation._process._child
    assert isinstance(child, ForkedProcess)
"""


def said_by(code: str, *arguments: object, **options) -> subprocess.CompletedProcess:
    """What a process of its own prints: of ours nobody knows which threads there are."""
    command = [sys.executable, "-c", textwrap.dedent(HEAD) + textwrap.dedent(code)]
    return subprocess.run(
        [*command, *map(str, arguments)],
        check=False,
        timeout=60,
        text=True,
        capture_output=True,
        **options,
    )


@pytest.fixture
def modules(tmp_path) -> Path:
    """A folder of modules in which a reader of dm3 does what a file says."""
    package = tmp_path / "modules" / "rsciio"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    code = "def file_reader(path, **options):\n    exec(open(path).read())\n    return []\n"
    (package / "digitalmicrograph.py").write_text(code)
    return package.parent


def test_it_reads(tmp_path):
    image = np.arange(48.0).reshape(6, 8)
    path = write_hspy(tmp_path / "a.hspy", image, (0.1, 0.1), "nm")
    done = said_by(
        """
        for _ in range(2):
            print(read_image(sys.argv[2]).image.tolist())
        assert _isolation._process._child is child
        _isolation._process.stop()
        print(child.returncode)
        print(read_image(sys.argv[2]).image.tolist())
        """,
        *("", path),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [lines[0], lines[1], lines[3]] == [str(image.tolist())] * 3
    assert lines[2] == "-9"


def test_what_goes_wrong_is_told(modules, tmp_path):
    for name, body in {
        "down": "import os; os.kill(os.getpid(), 11)",
        "large": "import numpy; numpy.ones(2**33, 'u1')",
        "prints": "print('tag')",
        "late": "while True: pass",
    }.items():
        (tmp_path / f"{name}.dm3").write_text(body)
    done = said_by(
        """
        for name in ("prints", "large", "down", "prints", "late"):
            try:
                path = Path(sys.argv[2], name + ".dm3")
                print(read_isolated("images", "digitalmicrograph", path)["signals"])
            except ReaderError as error:
                print(error)
        """,
        *(modules, tmp_path),
        env={**os.environ, "LOGSTAR_READ_SECONDS": "1.5"},
    )
    assert done.returncode == 0, done.stderr
    prints, large, down, again, late = done.stdout.splitlines()
    assert prints == again == "[]"
    assert large.startswith("asks for more memory than a file of its size")
    assert down == "the library that reads it broke down"
    assert late.startswith("gave nothing within 2 s")


def test_it_frees_what_nobody_needs(modules, tmp_path):
    (tmp_path / "told.dm3").write_text("import gc; raise OSError(gc.isenabled())")
    done = said_by(
        """
        import gc
        _isolation._process.stop()
        gc.disable()
        _isolation.start_reader(may_fork=True)
        try:
            read_isolated("images", "digitalmicrograph", Path(sys.argv[2]))
        except ReaderError as error:
            print(error)
        """,
        *(modules, tmp_path / "told.dm3"),
    )
    assert done.stdout == "OSError: True\n", done.stderr


def test_it_ends_with_its_parent():
    done = said_by("print(child.pid, flush=True); os.kill(os.getpid(), 9)", "")
    assert done.returncode == -9, done.stderr
    place = Path("/proc", done.stdout.strip(), "stat")
    end = time.monotonic() + 5
    while place.exists() and place.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_is_not_written_yet_is_written_once():
    code = "sys.stdout.write('once'); _isolation._process.stop()"
    body = "import sys; sys.stdout.write('before ')\n"
    command = [sys.executable, "-c", body + textwrap.dedent(HEAD) + code, ""]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"before once"


def test_it_is_waited_for_once():
    done = said_by(
        """
        child.kill(); child.kill()
        print(child.wait(), child.wait(), child.poll())
        _isolation._process.stop()
        other = ForkedProcess()
        other.stdin.close()
        os.waitpid(other.pid, 0)
        print(other.poll(), other.wait())
        """,
        "",
    )
    assert done.stdout.splitlines() == ["-9 -9 -9", "0 0"], done.stderr


def test_threads_are_not_copied():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    assert not can_fork()
    stop.set()
    thread.join()


def test_other_systems_start_a_new_process(monkeypatch):
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert can_fork()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not can_fork()
