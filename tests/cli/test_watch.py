"""logstar watch: a folder of frames, one table."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from logstar import AtomFinder, AtomTable, Lattice
from logstar.cli import main
from logstar.datasets import make_scene

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    folder.mkdir()
    for seed in range(3):
        scene = make_scene(CRYSTAL, (96, 96), origin=(3, 4), noise=0.05, random_state=seed)
        tifffile.imwrite(folder / f"frame_{seed}.tif", scene.image)
    (folder / "frame_3.tif").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no frame")
    return folder


def _watch(folder: Path, out: Path, *options: str) -> int:
    told = ("--crystal", "perovskite:a=4.0", "--pixel-size", "0.2A", "--refine", "none")
    return main(["watch", str(folder), *told, "--timeout", "0.3", "--out", str(out), *options])


def test_atoms_and_a_line_for_each_frame(session: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert _watch(session, out) == 0
    said = capsys.readouterr()
    assert "3 frames, tuned anew 0 times" in said.out
    assert "frame_3.tif cannot be read and is left out" in said.err
    with (out / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"frame_{i}.tif" for i in range(3)]
    assert {row["trusted"] for row in rows} == {"True"}
    first = tifffile.imread(session / "frame_0.tif")
    finder = AtomFinder(CRYSTAL, refine=None).fit(first)
    for i, row in enumerate(rows):
        atoms = AtomTable.load(out / f"frame_{i}.tif-positions.csv")
        found = finder.predict(tifffile.imread(session / f"frame_{i}.tif"))
        assert np.allclose(atoms.positions, found[:, :2])
        assert int(row["atoms"]) == len(found)


def test_frames_are_found_by_the_windows_of_the_first(session: Path, tmp_path: Path) -> None:
    assert _watch(session, tmp_path / "out", "--window", "48") == 0
    first, other = (tifffile.imread(session / f"frame_{i}.tif") for i in (0, 2))
    expected = AtomFinder(CRYSTAL, refine=None, window=48).fit(first).predict(other)
    found = AtomTable.load(tmp_path / "out" / "frame_2.tif-positions.csv")
    assert np.allclose(found.positions, expected[:, :2])


def test_lines_of_json_and_a_table_that_goes_on(session: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert _watch(session, out, "--json", "--retune", "never") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"] for line in lines] == [f"frame_{i}.tif" for i in range(3)] * 2
    assert all(abs(line["qc"]) < 0.1 for line in lines)
    assert len((out / "frames.csv").read_text().splitlines()) == 7


def test_positions_are_refined_where_time_allows(session: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = ("--crystal", "perovskite:a=4.0", "--pixel-size", "0.2A", "--retune", "never")
    frames = ("--timeout", "0.3", "--latency", "60", "--out", str(out))
    assert main(["watch", str(session), *told, *frames]) == 0
    with (out / "frames.csv").open(newline="") as file:
        assert {row["refined"] for row in csv.DictReader(file)} == {"True"}
    assert "row_error" in AtomTable.load(out / "frame_2.tif-positions.csv").columns


def test_only_new_frames(session: Path, tmp_path: Path) -> None:
    assert _watch(session, tmp_path / "out", "--new-only") == 2


def test_what_cannot_be_watched(session: Path, tmp_path: Path, capsys: Any) -> None:
    assert _watch(tmp_path / "nowhere", tmp_path / "out") == 2
    assert "does not exist" in capsys.readouterr().err
    assert main(["watch", str(session)]) == 2
    assert "say what physics expects" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
