"""What the tests of the command share."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from logstar.cli import main
from logstar.detection import LoGStarDetector

#: Distance of the atoms of `film` and of `films`, which are 8 x 8 on a square lattice, in pixels.
PITCH = 14
N_ITER = ["--n-iter", "3"]
#: What physics expects of them.
NUMBERS = ["--expected", "64", "--distance-sum", str(0.85 * 4 * PITCH)]
OPTIONS = [*NUMBERS, "--n-iter", "2", "--no-plots"]


def detect(film: Path, *options: str) -> int:
    return main(["detect", film.name, *options])


def batch(capsys, *args: str, command: str = "detect") -> tuple[int, dict[str, dict]]:
    """Run a command on many files, and give its status and the row of each file."""
    status = main([command, *args, *OPTIONS, "--json"])
    out = capsys.readouterr().out
    return status, {row["file"]: row for row in json.loads(out)["files"]}


def statuses(rows: dict[str, dict]) -> list[str]:
    return [row["status"] for row in rows.values()]


def read_csv(path: Path | str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def positions_of(path: Path | str) -> np.ndarray:
    return np.array([[float(row["row"]), float(row["col"])] for row in read_csv(path)])


def assert_one_line_error(capsys, message: str) -> None:
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("logstar")
    assert "error: " in line
    assert message in line


def interrupt_after(monkeypatch, n_sweeps: int) -> None:
    """Have Ctrl-C pressed during the sweep after so many."""
    sweep = LoGStarDetector.sweep
    calls = iter(range(n_sweeps))

    def interrupted(self, *args: object, **options: object) -> Iterator[object]:
        for front in sweep(self, *args, **options):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            yield front

    monkeypatch.setattr(LoGStarDetector, "sweep", interrupted)


def run(*args: str | bytes, **options) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "logstar", *args],
        capture_output=True,
        text=True,
        check=False,
        errors="surrogateescape",
        **options,
    )
