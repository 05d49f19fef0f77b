"""The command on movies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from logstar.cli import main
from logstar.tuning import StackAtoms, find_atoms_in_stack
from tests.tuning.test_find_atoms_in_stack import CRYSTAL, check_equal, short_movie

from .common import assert_one_line_error, read_csv

pytest.importorskip("h5py")
OPTIONS = ["--crystal", "perovskite:a=4.0", "--pixel-size", "0.25A", "--dataset", "all"]


@pytest.fixture
def movie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = short_movie()
    np.save("movie.npy", frames)
    return frames


def test_a_movie_is_one_file_of_atoms_and_a_line_for_each_frame(movie, capsys):
    # A file that holds one stack is a movie.
    assert main(["detect", "movie.npy", *OPTIONS, "--out", "found"]) == 0
    told = capsys.readouterr().out
    assert "on frames 0, 4" in told
    assert "7 of 7 frames agree" in told
    expected = find_atoms_in_stack(movie, lattice=CRYSTAL, pixel_size="0.25 A")
    check_equal(StackAtoms.load("found/positions.h5"), expected)
    rows = read_csv("found/frames.csv")
    assert [int(row["n_atoms"]) for row in rows] == expected.frames["n_atoms"].tolist()
    assert [row["state"] for row in rows] == expected.frames["state"].tolist()
    result = json.loads(Path("found/result.json").read_text())
    assert result["tuned_on"] == [0, 4]
    assert set(result["digests"]) == {"frames.csv", "positions.h5"}


def test_frames_are_found_by_the_windows_of_the_one_that_was_tuned_on(movie):
    command = ["detect", "movie.npy", *OPTIONS, "--retune", "never", "--window", "48"]
    assert main([*command, "--out", "found"]) == 0
    told = {"lattice": CRYSTAL, "pixel_size": "0.25 A", "retune": "never"}
    expected = find_atoms_in_stack(movie, window=48, **told)
    check_equal(StackAtoms.load("found/positions.h5"), expected)


@pytest.mark.usefixtures("movie")
def test_resume_opens_what_is_whole_and_strict_tells_of_doubts(capsys):
    command = ["detect", "movie.npy", *OPTIONS, "--retune", "never", "--json", "--out", "found"]
    assert main([*command, "--strict"]) == 3
    (first,) = json.loads(capsys.readouterr().out)["movies"]
    assert first["n_trusted"] < first["n_frames"] == 7
    assert main([*command, "--resume"]) == 0
    (again,) = json.loads(capsys.readouterr().out)["movies"]
    assert again["n_found"] == first["n_found"]


@pytest.mark.usefixtures("movie")
def test_what_does_not_go_together_is_said(capsys):
    base = ["detect", "movie.npy", *OPTIONS[:4]]
    assert main([*base, "--retune", "auto"]) == 2
    assert_one_line_error(capsys, "--retune is for movies: give --dataset all as well")
    assert main([*base, "--dataset", "all", "--retune", "auto", "--format", "xyz"]) == 2
    assert_one_line_error(capsys, "--format xyz holds one image; movies are hdf5 or parquet")
    assert main([*base, "--dataset", "all", "--format", "csv"]) == 2
    assert_one_line_error(capsys, "--retune none takes each frame for itself")
    np.save("one.npy", np.load("movie.npy")[0])
    assert main(["detect", "movie.npy", "one.npy", *OPTIONS]) == 2
    assert_one_line_error(
        capsys, "movie.npy holds a movie and one.npy does not; give --retune auto to take"
    )
