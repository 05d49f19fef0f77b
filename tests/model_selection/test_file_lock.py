"""Locks on files: one holder, named to the others, gone with the process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from logstar.model_selection import _file_lock
from logstar.model_selection._file_lock import FileLock

HOLD = """
import sys
from pathlib import Path
from logstar.model_selection._file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def hold(path):
    """Start a process that takes the lock and keeps it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def test_the_second_is_told_who_holds_it(path):
    first, second = FileLock(path), FileLock(path)
    assert first.acquire() is None
    assert second.acquire() == f"process {os.getpid()} on {socket.gethostname()}"
    second.release()
    assert FileLock(path).acquire() is not None
    first.release()
    assert second.acquire() is None
    second.release()
    assert list(path.parent.iterdir()) == []


def test_links_to_one_file_share_its_lock(path):
    path.write_bytes(b"")
    link = path.with_name("link")
    link.symlink_to(path)
    first = FileLock(path)
    assert first.acquire() is None
    assert FileLock(link).acquire() is not None
    first.release()


def test_a_killed_process_locks_nobody_out(path):
    process, answer = hold(path)
    with process:
        assert answer == "None"
        assert FileLock(path).acquire() == f"process {process.pid} on {socket.gethostname()}"
        process.kill()
        process.wait()
    assert path.with_name("file.lock").exists()
    lock = FileLock(path)
    assert lock.acquire() is None
    lock.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_neither_holds_nor_removes_the_lock(path):
    lock = FileLock(path)
    assert lock.acquire() is None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        lock.release()
        os.write(writer, b"ready")
        signal.pause()
    os.read(reader, 5)
    try:
        assert FileLock(path).acquire() is not None
        lock.release()
        # The child is still alive.
        assert lock.acquire() is None
        lock.release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)


def test_a_file_that_its_holder_removes_while_we_lock_it_is_no_lock(path, monkeypatch):
    first, second = FileLock(path), FileLock(path)
    assert first.acquire() is None
    lock = _file_lock._lock

    def release_then_lock(descriptor):
        first.release()
        lock(descriptor)

    monkeypatch.setattr(_file_lock, "_lock", release_then_lock)
    assert second.acquire() is None
    assert FileLock(path).acquire() is not None
    second.release()
