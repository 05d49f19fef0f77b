"""Many files with one command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from logstar.cli import main
from logstar.cli._batch import RESULT, output_folders
from logstar.detection import LoGStarDetector
from logstar.io import read_positions
from tests.conftest import atoms_image

PITCH = 14
OPTIONS = ["--expected", "64", "--distance-sum", str(0.85 * 4 * PITCH), "--n-iter", "2"]


@pytest.fixture
def films(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    names = ["a.npy", "b.npy", "c.npy"]
    for seed, name in enumerate(names):
        image, _ = atoms_image((8 * PITCH, 8 * PITCH), pitch=PITCH, noise=0.05, seed=seed)
        np.save(tmp_path / name, image)
    return names


def batch(capsys, *args: str) -> tuple[int, dict[str, dict]]:
    code = main(["detect", *args, *OPTIONS, "--json"])
    out = capsys.readouterr().out
    return code, {row["file"]: row for row in json.loads(out)["files"]}


def statuses(rows: dict[str, dict]) -> list[str]:
    return [row["status"] for row in rows.values()]


@pytest.fixture
def searches(monkeypatch) -> list[int]:
    """Grow by one for each ladder that is swept."""
    made: list[int] = []
    sweeps = LoGStarDetector.sweeps

    def counted(self, *args, **options):
        for front in sweeps(self, *args, **options):
            made.append(1)
            yield front

    monkeypatch.setattr(LoGStarDetector, "sweeps", counted)
    return made


def test_what_fails_is_told_and_the_rest_is_done(films, capsys):
    Path("b.npy").write_bytes(b"no image")
    code = main(["detect", *films, "missing.tif", *OPTIONS, "--out", "out"])
    assert code == 1
    output = capsys.readouterr()
    errors = output.err.splitlines()
    assert len(errors) == 2
    assert errors[0].startswith("logstar: error: b.npy cannot be read")
    assert errors[1] == "logstar: error: missing.tif: no such file."
    assert "4 files: 2 done, 2 failed" in output.out
    with Path("out/summary.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert statuses(rows) == ["done", "failed", "done", "failed"]
    for name in ("a.npy", "c.npy"):
        found = read_positions(Path("out", Path(name).stem, "positions.csv"))
        assert len(np.asarray(found)) == int(rows[name]["n_found"])
        assert abs(float(rows[name]["qc"])) < 0.05
    assert "cannot be read" in rows["b.npy"]["message"]
    assert not Path("out/b").exists()


def test_without_a_folder_each_has_its_own(films, capsys):
    code, rows = batch(capsys, *films)
    assert code == 0
    assert [row["folder"] for row in rows.values()] == ["logstar-a", "logstar-b", "logstar-c"]
    assert Path("logstar-summary.csv").exists()


def test_resume_leaves_out_what_is_there(films, capsys, searches):
    batch(capsys, *films[:2], "--out", "out")
    n_searches = len(searches)
    before = Path("out/a/positions.csv").stat().st_mtime_ns
    code, rows = batch(capsys, *films, "--out", "out", "--resume")
    assert code == 0
    assert statuses(rows) == ["kept", "kept", "done"]
    assert len(searches) == n_searches * 3 // 2
    assert Path("out/a/positions.csv").stat().st_mtime_ns == before
    # What is kept is told as if it were new.
    _, again = batch(capsys, *films, "--out", "out")
    for row in (*rows.values(), *again.values()):
        del row["status"]
    assert rows == again


def test_resume_does_again_what_has_changed(films, capsys):
    batch(capsys, *films, "--out", "out")
    np.save("a.npy", np.load("a.npy") * 2)
    Path("out/b/pareto.csv").unlink()
    result = json.loads(Path("out/c", RESULT).read_text())
    Path("out/c", RESULT).write_text(json.dumps({**result, "interrupted": True}))
    _, rows = batch(capsys, *films, "--out", "out", "--resume")
    assert statuses(rows) == ["done", "done", "done"]
    _, rows = batch(capsys, *films, "--out", "out", "--resume")
    assert statuses(rows) == ["kept", "kept", "kept"]
    Path("out/a", RESULT).write_text("{half")
    _, rows = batch(capsys, *films, "--out", "out", "--resume", "--random-state", "0")
    assert statuses(rows) == ["done", "kept", "kept"]
    for other in (["--random-state", "1"], ["--format", "json"], ["--polarity", "dark"]):
        _, rows = batch(capsys, films[0], "--out", "out", "--resume", *other)
        assert statuses(rows) == ["done"]


def test_resume_of_one_file(films, capsys):
    _, rows = batch(capsys, films[0], "--resume")
    assert statuses(rows) == ["done"]
    _, rows = batch(capsys, films[0], "--resume")
    assert statuses(rows) == ["kept"]
    # The same as without.
    assert main(["detect", films[0], *OPTIONS, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_found"] == rows["a.npy"]["n_found"]


def test_ctrl_c_ends_all_and_resume_goes_on(films, capsys, monkeypatch):
    sweeps = LoGStarDetector.sweeps
    calls = iter(range(3))

    def interrupted(self, *args, **options):
        for front in sweeps(self, *args, **options):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            yield front

    monkeypatch.setattr(LoGStarDetector, "sweeps", interrupted)
    code, rows = batch(capsys, *films, "--out", "out")
    assert code == 130
    assert statuses(rows) == ["done", "interrupted", "not reached"]
    monkeypatch.setattr(LoGStarDetector, "sweeps", sweeps)
    code, rows = batch(capsys, *films, "--out", "out", "--resume")
    assert code == 0
    assert statuses(rows) == ["kept", "done", "done"]


def test_positions_in_other_formats(films, capsys):
    pytest.importorskip("h5py", reason="needs the extra io")
    formats = ["--format", "json", "--format", "hdf5", "--format", "csv"]
    assert main(["detect", films[0], *OPTIONS, *formats, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    tables = {np.asarray(read_positions(path)).tobytes() for kind, path in result["files"].items()
              if kind.startswith("positions")}  # fmt: skip
    assert len(tables) == 1
    where = read_positions(result["files"]["positions_json"]).provenance
    assert where["source"]["name"] == "a.npy"
    assert where["parameters"] == result["params"]
    assert where["rewards"] == {"qc": result["qc"], "er": result["er"]}


def test_folders_are_told_apart():
    def names(*files: str) -> list[str]:
        return [path.name for path in output_folders([Path(f) for f in files], Path("out"))]

    assert names("x/a.dm3", "x/b.dm3") == ["a", "b"]
    assert names("x/a.dm3", "x/a.tif", "b.tif") == ["a.dm3", "a.tif", "b"]
    first, second = names("/x/a.dm3", "/y/a.dm3")
    assert (first, second) == ("x-a.dm3", "y-a.dm3")
    with pytest.raises(ValueError, match="is named twice"):
        names("a.dm3", "b.dm3", "a.dm3")


def test_wrong_usage_is_told_before_anything_is_done(films, capsys):
    assert main(["detect", *films]) == 2
    assert main(["detect", *films, films[0], *OPTIONS]) == 2
    assert "is named twice" in capsys.readouterr().err
    assert not list(Path().glob("logstar-*"))
