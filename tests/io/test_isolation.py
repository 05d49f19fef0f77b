"""Readers that never end, take the process down, or ask for too much."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from PIL import Image

from logstar.io import _isolation, read_image
from logstar.io._formats import READERS
from logstar.io._isolation import ReaderError, read_isolated

from .files import write_hspy


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Replace RosettaSciIO's reader of dm3 in the reading process by a few lines."""
    _isolation._process.stop()
    package = tmp_path / "modules" / "rsciio"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    path = tmp_path / "film.dm3"
    path.write_bytes(b"film")

    def read(body: str):
        code = "def file_reader(path, **options):\n" + textwrap.indent(body, "    ")
        (package / "digitalmicrograph.py").write_text(code)
        return read_isolated("images", "digitalmicrograph", path, dataset=0)["image"]

    yield read
    _isolation._process.stop()


def test_a_reader_that_never_ends(reader, monkeypatch):
    monkeypatch.setenv("LOGSTAR_READ_SECONDS", "1.5")
    start = time.perf_counter()
    with pytest.raises(ReaderError, match=r"gave nothing within 2 s .*LOGSTAR_READ_SECONDS"):
        reader("while True: pass")
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("text", ["soon", "-1", "inf"])
def test_a_time_limit_that_is_none(reader, monkeypatch, text):
    monkeypatch.setenv("LOGSTAR_READ_SECONDS", text)
    with pytest.raises(ReaderError, match="must be a number of seconds above 0"):
        reader("return []")


def test_a_process_that_was_started_before_is_the_one_that_reads(reader):
    _isolation.start_reader()
    child = _isolation._process._child
    assert child is not None
    reader("return []")
    assert _isolation._process._child is child


def test_a_reader_that_takes_its_process_down(reader):
    with pytest.raises(ReaderError, match="the library that reads it broke down"):
        reader("import os\nos.kill(os.getpid(), 9)")
    # The next file has a new process.
    assert reader("return []") is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of memory")
def test_a_reader_that_asks_for_too_much_memory(reader):
    with pytest.raises(ReaderError, match="asks for more memory than a file of its size"):
        reader("import numpy as np\nreturn [np.ones(2**33, 'u1')]")


def test_a_reader_that_prints(reader):
    axis = "dict(scale=0.5, units='A', navigate=False)"
    found = reader(
        f"import numpy as np\nprint('tag')\nreturn [dict(data=np.eye(3), axes=[{axis}, {axis}])]"
    )
    np.testing.assert_array_equal(found, np.eye(3))


def test_a_reader_without_its_package(reader):
    with pytest.raises(ReaderError, match="needs no_such_package") as caught:
        reader("import no_such_package")
    assert caught.value.missing == "no_such_package"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_reads_by_itself(tmp_path):
    path = write_hspy(tmp_path / "a.hspy", np.eye(8), (0.1, 0.1), "nm")
    code = (
        "import os, sys; from logstar.io import read_image; a = read_image(sys.argv[1])\n"
        "child = os.fork(); b = read_image(sys.argv[1]); ok = (a.image == b.image).all()\n"
        "if child == 0: os._exit(not ok)\n"
        "sys.exit(os.waitpid(child, 0)[1] or not ok)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert run.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")
def test_ctrl_c_ends_the_reading(reader):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            reader("while True: pass")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert _isolation._process._child is None


def test_a_file_that_no_reader_survives_is_tried_once(reader, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGSTAR_READ_SECONDS", "9")
    body = "def file_reader(path, **options):\n    import os; os.kill(os.getpid(), 9)\n"
    with pytest.raises(ReaderError):
        reader("raise OSError")
    for name in READERS[".h5"]:
        (tmp_path / "modules" / "rsciio" / f"{name}.py").write_text(body)
    (tmp_path / "film.h5").write_bytes(b"film")
    message = r"of another kind \(as hspy: the library that reads it broke down\)\.$"
    with pytest.raises(OSError, match=message):
        read_image(tmp_path / "film.h5")


def test_the_process_is_kept(tmp_path):
    path = write_hspy(tmp_path / "a.hspy", np.eye(8), (0.1, 0.1), "nm")
    read_image(path)
    child = _isolation._process._child
    read_image(path)
    assert _isolation._process._child is child


def test_paths_are_from_where_we_are(tmp_path, monkeypatch):
    for name, value in (("a", 3), ("b", 5)):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((4, 4), value, dtype=np.uint8)).save(tmp_path / name / "film.png")
        monkeypatch.chdir(tmp_path / name)
        assert read_image("film.png").image[0, 0] == value
