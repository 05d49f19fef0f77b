"""Many images with one command."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from logstar.cli import _batch, main
from logstar.cli._batch import Row, Table, run_all, summary_text
from logstar.cli._inputs import Input
from logstar.cli._printing import Output
from logstar.cli._results import RESULT
from logstar.detection import LoGStarDetector
from logstar.io import read_positions
from tests.cli.common import OPTIONS, batch, interrupt_after, read_csv, statuses


@pytest.fixture
def searches(monkeypatch) -> list[int]:
    """Grow by one for each ladder that is swept."""
    made: list[int] = []
    sweep = LoGStarDetector.sweep

    def counted(self, *args, **options):
        for front in sweep(self, *args, **options):
            made.append(1)
            yield front

    monkeypatch.setattr(LoGStarDetector, "sweep", counted)
    return made


def test_what_fails_is_told_and_the_rest_is_done(films, capsys):
    Path("b.npy").write_bytes(b"no image")
    status = main(["detect", *films, "missing.tif", *OPTIONS, "--out", "out"])
    assert status == 2
    output = capsys.readouterr()
    errors = output.err.splitlines()
    assert len(errors) == 2
    assert errors[0].startswith("logstar: error: b.npy cannot be read")
    assert errors[1] == "logstar: error: missing.tif: no such file."
    assert "4 images: 2 ok, 2 failed; start" in output.out
    rows = {row["file"]: row for row in read_csv("out/summary.csv")}
    assert statuses(rows) == ["done", "failed", "done", "failed"]
    for name in ("a.npy", "c.npy"):
        row = rows[name]
        found = read_positions(Path(row["folder"], "positions.csv"))
        assert len(found) == int(row["n_found"])
        assert abs(float(row["qc"])) < 0.05
        assert row["verdict"] == "ok"
        assert float(row["stability"]) > 2
        assert 0 < float(row["seconds"]) < 60
    assert "cannot be read" in rows["b.npy"]["message"]
    # No folder is named that is not there.
    assert rows["b.npy"]["folder"] == rows["missing.tif"]["folder"] == ""
    assert not Path("out/b").exists()


def test_without_a_folder_each_has_its_own(films, capsys):
    status, rows = batch(capsys, *films)
    assert status == 0
    assert [row["folder"] for row in rows.values()] == ["logstar-a", "logstar-b", "logstar-c"]
    assert Path("logstar-summary.csv").exists()


@pytest.mark.usefixtures("films")
def test_a_folder_of_files(capsys):
    Path("session/deep").mkdir(parents=True)
    Path("a.npy").rename("session/a.npy")
    Path("b.npy").rename("session/deep/b.npy")
    _, rows = batch(capsys, "session", "--out", "out")
    assert list(rows) == ["session/a.npy"]
    _, rows = batch(capsys, "session", "--out", "out", "--recursive")
    assert list(rows) == ["session/a.npy", "session/deep/b.npy"]
    # Results in it are no input.
    _, rows = batch(capsys, "session", "--out", "session/out", "--recursive")
    _, rows = batch(capsys, "session", "--recursive")
    assert len(rows) == 2


def test_each_image_of_a_stack(films, capsys):
    np.save("stack.npy", np.stack([np.load(name) for name in films]))
    command = ["detect", "stack.npy", "--dataset", "all", "--retune", "none", *OPTIONS]
    status = main([*command, "--out", "out", "--json"])
    assert status == 0
    rows = json.loads(capsys.readouterr().out)["files"]
    assert [(row["dataset"], row["folder"]) for row in rows] == [
        (i, f"out/stack-{i}") for i in range(3)
    ]
    assert main(["detect", films[1], *OPTIONS, "--out", "one"]) == 0
    for name in ("positions.csv", "pareto.csv"):
        assert Path("one", name).read_bytes() == Path("out/stack-1", name).read_bytes()


def without_time(rows: dict[str, dict]) -> list[dict]:
    return [
        {key: row[key] for key in row if key not in {"status", "seconds"}} for row in rows.values()
    ]


def test_resume_leaves_out_what_is_there(films, capsys, searches):
    batch(capsys, *films[:2], "--out", "out")
    n_searches = len(searches)
    before = Path("out/a/positions.csv").stat().st_mtime_ns
    status, rows = batch(capsys, *films, "--out", "out", "--resume")
    assert status == 0
    assert statuses(rows) == ["kept", "kept", "done"]
    assert main(["detect", *films[:2], *OPTIONS, "--out", "out", "--resume"]) == 0
    text = capsys.readouterr().out
    assert text.count("ok, kept") == 2
    assert "2 images: 2 ok (2 kept)" in text
    assert len(searches) == n_searches * 3 // 2
    assert Path("out/a/positions.csv").stat().st_mtime_ns == before
    # What is kept is told as if it were new.
    _, again = batch(capsys, *films, "--out", "out")
    assert without_time(rows) == without_time(again)


def test_resume_does_again_what_has_changed(films, capsys):
    batch(capsys, *films, "--out", "out")
    # The input; a file that is gone; one whose content is another.
    np.save("a.npy", np.load("a.npy") * 2)
    Path("out/b/pareto.csv").unlink()
    table = Path("out/c/positions.csv")
    table.write_text(table.read_text().replace("1", "2", 1))
    _, rows = batch(capsys, *films, "--out", "out", "--resume")
    assert statuses(rows) == ["done", "done", "done"]
    _, rows = batch(capsys, *films, "--out", "out", "--resume")
    assert statuses(rows) == ["kept", "kept", "kept"]
    Path("out/a", RESULT).write_text("{half")
    _, rows = batch(capsys, *films, "--out", "out", "--resume", "--random-state", "0")
    assert statuses(rows) == ["done", "kept", "kept"]
    for other in (["--random-state", "1"], ["--format", "json"], ["--polarity", "dark"],
                  ["--roi", "0:100,0:100"], ["--calibration", "keep"]):  # fmt: skip
        _, rows = batch(capsys, films[0], "--out", "out", "--resume", *other)
        assert statuses(rows) == ["done"]


@pytest.mark.usefixtures("films")
def test_resume_notices_another_mask(capsys):
    np.save("mask.npy", np.ones(np.load("a.npy").shape, dtype=bool))
    _, rows = batch(capsys, "a.npy", "--mask", "mask.npy", "--resume")
    _, rows = batch(capsys, "a.npy", "--mask", "mask.npy", "--resume")
    assert statuses(rows) == ["kept"]
    mask = np.load("mask.npy")
    mask[0] = False
    np.save("mask.npy", mask)
    _, rows = batch(capsys, "a.npy", "--mask", "mask.npy", "--resume")
    assert statuses(rows) == ["done"]


def test_a_later_batch_takes_no_others_folder(films, capsys):
    for name in films[:2]:
        Path(name[0]).mkdir()
        Path(name).rename(f"{name[0]}/film.npy")
    batch(capsys, "a/film.npy", "--out", "out", "--resume")
    before = Path("out/film/positions.csv").read_bytes()
    _, rows = batch(capsys, "b/film.npy", "--out", "out", "--resume")
    assert rows["b/film.npy"]["folder"] == "out/film-2"
    assert Path("out/film/positions.csv").read_bytes() == before
    _, rows = batch(capsys, "b/film.npy", "a/film.npy", "--out", "out", "--resume")
    assert set(statuses(rows)) <= {"kept", "done"}


def test_ctrl_c_ends_all_and_resume_goes_on(films, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 3)
        status, rows = batch(capsys, *films, "--out", "out")
    assert status == 130
    assert statuses(rows) == ["done", "interrupted", "not reached"]
    assert [row["status"] for row in read_csv("out/summary.csv")] == statuses(rows)
    # What was evaluated of the second is there, and said to be interrupted.
    assert Path(rows["b.npy"]["folder"], "positions.csv").exists()
    assert "before the end of the search" in rows["b.npy"]["message"]
    assert rows["c.npy"]["folder"] is None
    status, rows = batch(capsys, *films, "--out", "out", "--resume")
    assert status == 0
    assert statuses(rows) == ["kept", "done", "done"]


def test_a_table_that_cannot_be_written_stops_nothing(films, capsys, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_batch, "write_summary", full)
    status = main(["detect", *films, *OPTIONS, "--out", "out"])
    assert status == 2
    output = capsys.readouterr()
    assert output.err == (
        "logstar: error: out/summary.csv cannot be written: No space left on device\n"
    )
    assert "3 images: 3 ok" in output.out
    assert "summary.csv" not in output.out
    assert len(list(Path("out").rglob("positions.csv"))) == 3


def test_strict_is_told_of_any(films, capsys, rng):
    np.save("b.npy", rng.normal(size=(96, 96)))
    assert main(["detect", *films, *OPTIONS]) == 0
    assert main(["detect", *films, *OPTIONS, "--strict"]) == 3
    assert main(["detect", *films, "missing.npy", *OPTIONS, "--strict"]) == 2
    assert "4 images: 2 ok, 1 check, 1 failed" in capsys.readouterr().out


def test_segment_does_many(films, capsys):
    status, rows = batch(capsys, *films[:2], "--out", "out", command="segment")
    assert status == 0
    assert [row["n_regions"] for row in rows.values()] == [0, 0]
    assert Path("out/b/mask.tif").exists()
    assert read_csv("out/summary.csv")[0]["amorphous_share"] == "0.0000"


def test_wrong_usage_is_told_before_anything_is_done(films, capsys):
    assert main(["detect", *films]) == 2
    assert main(["detect", *films, films[0], *OPTIONS]) == 2
    assert "is named twice" in capsys.readouterr().err
    assert not list(Path().glob("logstar-*"))


def test_resume_of_one_file(films, capsys):
    _, rows = batch(capsys, films[0], "--resume")
    assert statuses(rows) == ["done"]
    _, rows = batch(capsys, films[0], "--resume")
    assert statuses(rows) == ["kept"]
    # The same as without.
    assert main(["detect", films[0], *OPTIONS, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_found"] == rows["a.npy"]["n_found"]


def test_the_table_is_whole_after_each_file(films, monkeypatch):
    """What is known so far stands in the file, whatever happens next."""
    seen: list[list[str]] = []
    write = _batch.write_summary

    def spied(path: Path, rows: list[Row]) -> None:
        write(path, rows)
        seen.append([row["status"] for row in read_csv(path)])

    monkeypatch.setattr(_batch, "write_summary", spied)
    main(["detect", *films[:2], *OPTIONS])
    assert seen[0] == ["done", "not reached"]
    assert seen[-1] == ["done", "done"]


RESULT_OF_ONE = {
    "verdict": {"status": "check", "reasons": ["gaps", "a\x1b[31mb"]},
    "n_found": 64, "n_expected": 63.98765, "qc": 0.000193123, "er": 0.0, "n_flagged": 0,
    "pixel_size": 0.0198765432, "unit": "nm", "stable_thresholds": [0.005, 0.373123],
    "seconds": {"start": 1.0, "read": 0.2},
}  # fmt: skip
ROWS = [
    Row(Input(Path("a\n\x1b[31m.npy")), "done", Path("out/a"), RESULT_OF_ONE),
    Row(Input(Path("\udcff.npy")), "failed", message="no such\nfile"),
    Row(Input(Path("c" * 60 + ".npy"), 1, 3), "not reached"),
]


def test_the_summary_has_the_digits_that_mean_something():
    first, second, third = csv.DictReader(summary_text(ROWS).splitlines())
    assert first["qc"] == "+0.0002"
    assert first["n_expected"] == "64.0"
    assert (first["pixel_size"], first["unit"]) == ("0.019877", "nm")
    assert (first["stability"], first["seconds"]) == ("74.6", "1.20")
    assert first["reasons"] == "gaps; a\\x1b[31mb"
    assert first["file"] == "a\\n\\x1b[31m.npy"
    assert (second["file"], second["message"]) == ("\\xff.npy", "no such\\nfile")
    assert (third["dataset"], third["folder"]) == ("1", "")


@pytest.mark.parametrize("width", [30, 50, 80, 120, 200])
def test_the_table_is_legible_at_any_width(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    table = Table(Output(), [row.one for row in ROWS])
    for row in ROWS:
        table.add(row)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    joined = "".join(text.split())
    for part in ("check", "64.0", "+0.0002", "failed", "notreached", "out/a", "nosuch"):
        assert part in joined


def test_in_a_pipe_each_image_has_a_line(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    table = Table(Output(), [row.one for row in ROWS])
    for row in ROWS:
        table.add(row)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ROWS)
    assert lines[3].startswith("c" * 60 + ".npy [1]")


def test_an_error_of_one_leaves_the_others():
    inputs = [Input(Path(name)) for name in "abc"]

    def work(number: int, one: Input, folder: Path) -> Row:
        if number == 2:
            raise ValueError("two")
        return Row(one, "done", folder)

    told: list[str] = []
    rows = run_all(inputs, [Path(name) for name in "xyz"], work, lambda _, error: str(error),
                   lambda row, _: told.append(row.status))  # fmt: skip
    assert [row.status for row in rows] == told == ["done", "failed", "done"]
    assert rows[1].message == "two"
    assert sys.exception() is None
