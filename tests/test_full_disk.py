"""A full disk: an error that names the file, and no good file's name on half of one.

The limit on the size of a file stands for the end of the disk: a process that writes beyond it is
refused, as it is where nothing is left. It needs no disk of its own, and no rights.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from functools import partial

import numpy as np
import pytest

from logstar.cli import main
from logstar.io import AtomTable
from logstar.tuning._record_log import RecordLog, read_records
from tests.cli.common import NUMBERS, PITCH
from tests.conftest import atoms_image
from tests.model_selection import kill_search


class SystemExitError(Exception):
    """Carries an exit status out of the process."""


resource = pytest.importorskip("resource", reason="needs a limit on the size of files")


def work_within(n_bytes, work, answers):
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
    try:
        work()
        answers.send(None)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        answers.send((isinstance(error, OSError), str(error)))
    # Without the clean-up of a test run, whose files are larger.
    os._exit(0)


def error_within(n_bytes, work):
    """What a forked process says of work in which no file may grow beyond this size."""
    context = multiprocessing.get_context("fork")
    answers, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work_within, args=(n_bytes, work, theirs))
    process.start()
    theirs.close()
    answer = answers.recv()
    process.join()
    return answer


def table(n):
    return AtomTable({name: np.random.default_rng(0).random(n) for name in ("row", "col", "sigma")})


@pytest.mark.parametrize("n_bytes", [0, 100, 5_000])
@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet", ".xyz", ".hdf5"])
def test_a_table_that_does_not_fit_leaves_the_former_one(tmp_path, suffix, n_bytes):
    path = tmp_path / f"atoms{suffix}"
    image = np.zeros((4, 4))
    table(3).save(path, image=image)
    former = path.read_bytes()
    is_of_the_system, message = error_within(n_bytes, lambda: table(5_000).save(path, image=image))
    assert is_of_the_system, message
    assert str(path) in message
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]


def test_a_search_whose_checkpoint_finds_no_room_goes_on_later(tmp_path, monkeypatch):
    monkeypatch.setattr(kill_search, "PAUSE", 0.0)
    path = tmp_path / "search.jsonl"

    def searched(checkpoint):
        return json.dumps(kill_search.search(checkpoint, engine="random"))

    expected = searched(tmp_path / "undisturbed.jsonl")
    size = (tmp_path / "undisturbed.jsonl").stat().st_size
    for share in (0.0, 0.3, 0.9):
        is_of_the_system, message = error_within(round(share * size), partial(searched, path))
        assert is_of_the_system, message
        assert str(path) in message
    assert searched(path) == expected


# What is said goes to a file of the test run, which needs some room.
@pytest.mark.parametrize("n_bytes", [1_000, 3_000])
def test_the_command_says_what_it_could_not_write(tmp_path, capfd, n_bytes):
    film, out = tmp_path / "film.npy", tmp_path / "out"
    np.save(film, atoms_image((8 * PITCH, 8 * PITCH), pitch=PITCH, noise=0.05)[0])
    options = [*NUMBERS, "--n-iter", "2", "--no-plots", "--out", str(out)]

    def detect():
        raise SystemExitError(main(["detect", str(film), *options]))

    assert error_within(n_bytes, detect) == (False, "2")
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == f"logstar: error: {out / 'positions.csv'}: File too large"
    assert list(tmp_path.iterdir()) == [film]


def write_log(path):
    with RecordLog(path, {"kind": "test"}, resume=True) as log:
        for i in range(len(list(read_records(path))) - 1, 20):
            log.append({"number": i, "table": np.full(50, float(i))})


def test_a_log_of_a_run_goes_on_with_what_did_fit(tmp_path):
    path = tmp_path / "atoms.h5.running"
    is_os_error, told = error_within(3000, partial(write_log, path))
    assert is_os_error
    assert str(path) in told
    n_before = len(list(read_records(path))) - 1
    assert 0 < n_before < 20
    write_log(path)
    _, *records = read_records(path)
    assert [one["number"] for one in records] == list(range(20))
