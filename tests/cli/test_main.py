"""Exit statuses, streams, and what is imported."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from logstar import __version__
from logstar.cli import main
from tests.cli.common import N_ITER, NUMBERS, OPTIONS, assert_one_line_error, read_csv, run

COMMAND = [sys.executable, "-m", "logstar"]


def imported_by(*args: str) -> set[str]:
    """Top-level modules that a call of the command imports, and what it prints."""
    code = (
        "import sys; from logstar.cli import main; main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules} | "
        "{name for name in sys.modules if name.startswith('logstar.')}, file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=True
    )
    return {*result.stderr.split(), result.stdout}


def test_help_teaches_and_is_quick():
    imported = imported_by("--help")
    assert imported & {"numpy", "scipy", "sklearn", "matplotlib", "rich", "shtab"} == set()
    (text,) = (part for part in imported if "examples:" in part)
    for part in (
        "exit status:",
        "logstar detect film.dm4 --crystal ybco",
        "QC",
        "ER",
        "completion",
    ):
        assert part in text
    (text,) = (part for part in imported_by("detect", "--help") if "crystals:" in part)
    for part in ("formats:", "dm3 dm4 ser", "positions.csv", "logstar[io]", "--strict"):
        assert part in text


def test_the_version_is_quick():
    imported = imported_by("--version")
    assert f"logstar {__version__}\n" in imported
    assert imported & {"numpy", "rich"} == set()


def test_no_command():
    result = run()
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "required: COMMAND (see logstar --help)" in result.stderr


def test_what_is_not_used_is_not_imported(film):
    imported = imported_by("detect", film.name, "--lattice", "auto", "--no-plots", *N_ITER)
    unused = {"matplotlib", "skopt", "shtab", "h5py", "gemmi", "pooch", "optuna",
              "logstar.inspection", "logstar.datasets", "logstar.cli._segment",
              "logstar.cli._compare", "logstar.cli._info"}  # fmt: skip
    assert imported & unused == set()


def test_the_whole_in_a_process_of_its_own(film):
    result = run("detect", film.name, *NUMBERS, *N_ITER)
    assert (result.returncode, result.stderr) == (0, "")
    assert "found       64 atoms" in result.stdout
    line = next(line for line in result.stdout.splitlines() if line.startswith("time"))
    total = float(line.removeprefix("time").partition(" s ")[0])
    start = float(line.partition("(start ")[2].partition(",")[0])
    # It takes longer than all the rest.
    assert total / 2 < start < total


def test_debug_shows_where(tmp_path, capsys):
    assert main(["detect", str(tmp_path / "missing.dm3"), *NUMBERS, "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_what_nobody_foresaw_ends_in_a_sentence(film, capsys, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("logstar.tuning.find_atoms", broken)
    assert main(["detect", film.name, *NUMBERS]) == 2
    assert_one_line_error(capsys, "unexpected KeyError: 'x' (--debug shows where)")


class TestStreams:
    """Standard output that is closed, full, or of another encoding; results are never lost."""

    def test_a_reader_that_stops_reading_is_no_error(self, film):
        with subprocess.Popen(
            [*COMMAND, "detect", film.name, *OPTIONS], stdout=-1, stderr=-1
        ) as process:
            process.stdout.close()
            error = process.stderr.read()
        assert (process.returncode, error) == (0, b"")
        assert Path("logstar-film/positions.csv").exists()

    @pytest.mark.parametrize("json_or_text", [["--json"], []])
    @pytest.mark.parametrize("many", [False, True])
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    def test_a_full_output(self, film, json_or_text, many):
        options = ["--resume"] if many else []
        with Path("/dev/full").open("w") as full:
            result = subprocess.run(
                [*COMMAND, "detect", film.name, *OPTIONS, *json_or_text, *options],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith("logstar: error: standard output cannot be written: No space left")
        assert "logstar-film/positions.csv" in line
        assert len(read_csv("logstar-film/positions.csv")) == 64
        if many:
            assert read_csv("logstar-summary.csv")[0]["status"] == "done"

    @pytest.mark.parametrize("option", ["--help", "--version"])
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    def test_help_for_a_full_output(self, option):
        with Path("/dev/full").open("w") as full:
            result = subprocess.run(
                [*COMMAND, option], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert line.endswith("standard output cannot be written: No space left on device.")

    @pytest.mark.skipif(shutil.which("sh") is None, reason="no sh")
    @pytest.mark.usefixtures("film")
    def test_a_closed_output(self):
        command = f"{sys.executable} -m logstar detect film.npy {' '.join(OPTIONS)}"
        result = subprocess.run(
            ["sh", "-c", f"{command} >&-"], stderr=subprocess.PIPE, text=True, check=False
        )
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert "standard output cannot be written: it is closed (logstar-film/positions" in line
        assert len(read_csv("logstar-film/positions.csv")) == 64
        # Nor is the table written into.
        quiet = subprocess.run(["sh", "-c", f"{command} --out b >&- 2>&- <&-"], check=False)
        assert quiet.returncode == 2
        assert (
            Path("b/positions.csv").read_bytes() == Path("logstar-film/positions.csv").read_bytes()
        )

    def test_an_ascii_terminal_and_names_of_every_kind(self, film):
        names = [b"gr\xc3\xb6\xc3\x9fe.npy", b"\xff\xfe.npy", b"a\nb.npy", b"\x1b[31m.npy",
                 b"-x.npy", b"..npy"]  # fmt: skip
        for name in names:
            Path(os.fsdecode(name)).write_bytes(film.read_bytes())
        env = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "1"}
        result = run("detect", *OPTIONS, "--out", "out", "--", *names, env=env)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.isascii()
        assert "\x1b" not in result.stdout
        rows = read_csv("out/summary.csv")
        assert len({row["folder"] for row in rows}) == len(names)
        for row in rows:
            assert row["verdict"] == "ok"
            assert len(read_csv(Path(row["folder"], "positions.csv"))) == 64
        # Machines are given names that they can use.
        result = run(
            "detect", *OPTIONS, "--json", "--out", "out", "--resume", "--", *names, env=env
        )
        files = [os.fsencode(row["file"]) for row in json.loads(result.stdout)["files"]]
        assert files == names
        assert {row["status"] for row in json.loads(result.stdout)["files"]} == {"kept"}

    def test_errors_show_no_escape_sequences(self, tmp_path):
        result = run("detect", *NUMBERS, "--", b"\x1b]0;title\x07.npy", cwd=tmp_path)
        assert result.returncode == 2
        assert "\x1b" not in result.stderr
        assert "\\x1b]0;title\\x07.npy: no such file" in result.stderr

    def test_pictures_of_files_with_odd_names(self, film):
        names = [b"\xff\xfe.npy", b"\x1b[31m$x_1$.npy"]
        for name in names:
            Path(os.fsdecode(name)).write_bytes(film.read_bytes())
        result = run("detect", *NUMBERS, *N_ITER, "--out", "out", "--", *names)
        assert (result.returncode, result.stderr) == (0, "")
        assert len(list(Path("out").rglob("atoms.png"))) == 2


class TestKills:
    """What is there after a kill is whole."""

    def test_a_kill_leaves_whole_files(self, films):
        for i in range(12):
            Path(f"more-{i}.npy").write_bytes(Path(films[0]).read_bytes())
        files = sorted(path.name for path in Path().glob("*.npy"))
        command = [*COMMAND, "detect", *files, *NUMBERS, *N_ITER, "--out", "out", "--resume"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            deadline = time.monotonic() + 60
            while not Path("out/b/result.json").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        rows = read_csv("out/summary.csv")
        assert [row["file"] for row in rows] == files
        n_done = sum(row["status"] == "done" for row in rows)
        assert n_done >= 1
        for path in Path("out").rglob("positions.csv"):
            assert len(read_csv(path)) == 64
        result = run(*command[3:], "--json")
        statuses = [row["status"] for row in json.loads(result.stdout)["files"]]
        assert set(statuses) <= {"done", "kept"}
        assert statuses.count("kept") >= n_done

    def test_ctrl_c_says_what_there_is(self, films):
        np.save("large.npy", np.tile(np.load(films[0]), (12, 12)))
        command = [*COMMAND, "detect", films[0], "large.npy", "--lattice", "auto", "--no-plots",
                   "--out", "out"]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            deadline = time.monotonic() + 60
            while not Path("out/summary.csv").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "Traceback" not in error
        assert "out/a" in out
        assert "interrupted" in out
        assert out.splitlines()[-1] == "out/summary.csv"
