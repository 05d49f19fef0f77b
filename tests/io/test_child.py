"""The reading process ends by itself, and so does whoever waits for it."""

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

from logstar.io import _isolation, read_image

from .files import write_hspy

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork are of POSIX")


def run(code: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(
        command, check=False, timeout=60, text=True, capture_output=True, **options
    )


@pytest.fixture
def busy(tmp_path) -> Path:
    """A module folder in which RosettaSciIO's reader of dm3 never ends, and a file for it."""
    package = tmp_path / "modules" / "rsciio"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    # In one call of C that looks at no signal of Python's.
    code = "def file_reader(path, **options):\n    return sum(range(10**12))\n"
    (package / "digitalmicrograph.py").write_text(code)
    (tmp_path / "film.dm3").write_bytes(b"film")
    return tmp_path


READ_AND_TELL = """
    import sys, threading, time
    sys.path.insert(0, sys.argv[1])
    from logstar.io import _isolation, read_image
    threading.Thread(target=lambda: read_image(sys.argv[2]), daemon=True).start()
    while _isolation._process._child is None:
        time.sleep(0.01)
    time.sleep(1.5)
    print(_isolation._process._child.pid, flush=True)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_the_end_of(pid: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while is_running(pid):
        assert time.monotonic() < end, f"process {pid} still runs"
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_busy_reader_ends_with_its_parent(busy):
    # The parent is killed by itself: it can tell nobody.
    code = textwrap.dedent(READ_AND_TELL) + "import os; os.kill(os.getpid(), 9)\n"
    done = run(code, busy / "modules", busy / "film.dm3")
    assert done.returncode == -9
    wait_for_the_end_of(int(done.stdout), 5)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_busy_reader_ends_when_time_is_up_though_nobody_stops_it(busy):
    # The parent is stopped, so its own timer is as well.
    code = textwrap.dedent(READ_AND_TELL) + "import os; os.kill(os.getpid(), 19)\n"
    environment = {**os.environ, "LOGSTAR_READ_SECONDS": "2"}
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(busy / "modules"), str(busy / "film.dm3")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        # 2 seconds, and 5 of grace.
        wait_for_the_end_of(pid, 15)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_a_fork_while_another_thread_reads(busy):
    np.save(busy / "a.npy", np.eye(4))
    write_hspy(busy / "a.hspy", np.eye(8), (0.1, 0.1), "nm")
    done = run(
        """
        import os, signal, sys, threading, time
        sys.path.insert(0, sys.argv[1])
        from logstar.io import _isolation, read_image
        reader = threading.Thread(target=lambda: read_image(sys.argv[2]), daemon=True)
        reader.start()
        while _isolation._process._child is None:
            time.sleep(0.01)
        time.sleep(1)
        assert _isolation._process._lock.locked()
        sys.path.remove(sys.argv[1])
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            os._exit(read_image(sys.argv[3]).image.shape != (8, 8))
        status = os.waitpid(child, 0)[1]
        _isolation._process._child.kill()
        os._exit(status != 0)
        """,
        *(busy / "modules", busy / "film.dm3", busy / "a.hspy"),
    )
    assert done.returncode == 0, done.stderr


def test_a_reader_whose_starting_thread_has_ended(tmp_path):
    path = write_hspy(tmp_path / "a.hspy", np.eye(8), (0.1, 0.1), "nm")
    _isolation._process.stop()
    images = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: images.append(read_image(path).image))
        thread.start()
        thread.join()
        images.append(read_image(path).image)
    assert len(images) == 6
    assert all((image == np.eye(8)).all() for image in images)


def test_nothing_is_imported_that_the_format_does_not_need():
    code = """
        import sys
        import logstar.io._child
        from logstar.io import _answers, _signal, _wire
        heavy = {"scipy", "PIL", "tifffile", "skimage", "sklearn", "matplotlib", "h5py", "rsciio"}
        print(sorted(heavy & set(sys.modules)))
        from logstar.io import read_image
        print(sorted(heavy & set(sys.modules)))
    """
    assert run(code).stdout.split("\n")[:2] == ["[]", "[]"]


def test_dask_is_imported_for_large_files_alone(tmp_path):
    stack = np.arange(5 * 48.0).reshape(5, 6, 8)
    path = write_hspy(
        tmp_path / "a.hspy", stack, (1, 0.1, 0.1), "nm", navigate=[True, False, False]
    )
    np.save(tmp_path / "expected.npy", stack[3])
    done = run(
        """
        import sys
        from pathlib import Path
        import numpy as np
        from logstar.io import _rsciio

        def read():
            with _rsciio.open_with_rsciio("hspy", Path(sys.argv[1])) as (signal,):
                return signal.frames[3]

        expected = np.load(sys.argv[2])
        assert (read() == expected).all()
        assert "dask.base" not in sys.modules
        # As if the file were large: it is not loaded as a whole.
        _rsciio._LAZY_FROM = 0
        assert (read() == expected).all()
        assert "dask.base" in sys.modules
        import dask.array
        assert dask.array.ones(3).sum().compute() == 3
        """,
        *(path, tmp_path / "expected.npy"),
    )
    assert done.returncode == 0, done.stderr
