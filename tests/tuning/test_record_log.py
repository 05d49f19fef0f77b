"""Logs of long runs: whatever a kill leaves of them can be gone on with."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.tuning._record_log import RecordLog, read_records

HEADER = {"kind": "test", "shape": [3, 4], "share": 0.1}


def record(i):
    return {"number": i, "table": np.full((i, 2), float(i)), "name": f"frame {i}"}


def written(path, numbers, *, resume=False):
    with RecordLog(path, HEADER, resume=resume) as log:
        for i in numbers:
            log.append(record(i))


def check(path, n):
    header, *found = read_records(path)
    assert header == HEADER
    assert [one["number"] for one in found] == list(range(n))
    for i, one in enumerate(found):
        np.testing.assert_array_equal(one["table"], record(i)["table"])


def test_records_are_read_as_they_were_written(tmp_path):
    written(tmp_path / "log", range(5))
    check(tmp_path / "log", 5)
    assert not (tmp_path / "log.lock").exists()
    written(tmp_path / "log", range(2))
    check(tmp_path / "log", 2)


def test_a_log_that_is_cut_anywhere_goes_on_with_its_whole_records(tmp_path):
    path = tmp_path / "log"
    written(path, range(4))
    content = path.read_bytes()
    n_whole = set()
    for end in range(len(content) + 1):
        path.write_bytes(content[:end])
        n = max(len(list(read_records(path))) - 1, 0)
        n_whole.add(n)
        written(path, range(n, 6), resume=True)
        check(path, 6)
    assert n_whole == set(range(5))


def test_damage_in_the_middle_ends_what_is_believed(tmp_path):
    path = tmp_path / "log"
    written(path, range(4))
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)
    n = len(list(read_records(path))) - 1
    assert n < 4
    written(path, range(n, 4), resume=True)
    check(path, 4)


def test_what_is_about_something_else_is_refused(tmp_path):
    path = tmp_path / "log"
    written(path, range(2))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"of another run: share was 0.1, is 0.2; give another"):
        RecordLog(path, {**HEADER, "share": 0.2}, resume=True)
    assert path.read_bytes() == before
    path.write_text("my notes")
    for resume in (True, False):
        with pytest.raises(ValueError, match="holds no results of a run; it is left as it is"):
            RecordLog(path, HEADER, resume=resume)
    assert path.read_text() == "my notes"
    with pytest.raises(ValueError, match="holds no results of a run"):
        list(read_records(path))


def test_two_writers_are_kept_apart(tmp_path):
    with (
        RecordLog(tmp_path / "log", HEADER, resume=False),
        pytest.raises(BlockingIOError, match="is being written by process"),
    ):
        RecordLog(tmp_path / "log", HEADER, resume=True)
