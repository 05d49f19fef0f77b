"""logstar map: files, answers and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar import Lattice
from logstar.cli import main
from logstar.datasets import make_scene
from logstar.io import read_positions
from tests.cli.common import assert_one_line_error, read_csv

CRYSTAL = ["--crystal", "perovskite:a=3.905", "--pixel-size", "0.2A"]


@pytest.fixture
def film(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lattice = Lattice.perovskite(3.905, pixel_size=0.2)
    scene = make_scene(
        lattice, (200, 200), noise=0.05, vacancy_fraction=0.02, rotation=9, random_state=2
    )
    np.save("film.npy", scene.image)
    return scene


def test_all_fields_in_all_formats(film, tmp_path, capsys):
    names = ("strain", "polarization", "displacement", "spacing", "vacancies")
    fields = [part for name in names for part in ("--field", name)]
    options = ["--grid", "npz", "--grid", "vtk", "--format", "json", "--format", "xyz", "--json"]
    assert main(["map", "film.npy", *CRYSTAL, *fields, *options, "--out", "out"]) == 0
    answer = json.loads(capsys.readouterr().out)
    out = tmp_path / "out"
    table = read_positions(out / "fields.csv")
    assert len(table) == answer["n_found"]
    assert answer["n_indexed"] == np.isfinite(table["cell_a"]).sum()
    assert (answer["n_grains"], answer["n_conflicts"]) == (1, 0)
    assert answer["consistent_with_zero"] == {"polarization": True, "displacement": True}
    for name in ("e_xx", "rotation", "polarization_row", "displacement_col", "spacing"):
        known = np.isfinite(table[name])
        assert known.any()
        assert (table[f"{name}_error"][known] > 0).all()
    ratio = table["e_xx"] / table["e_xx_error"]
    assert np.nanstd(ratio) == pytest.approx(1, abs=0.25)
    again = read_positions(out / "fields.json")
    # A csv has two digits more than the error's first.
    off = np.abs(again["e_xx"] - table["e_xx"])
    assert np.nanmax(off) <= 0.005 * np.nanmin(again["e_xx_error"])
    rows = read_csv(out / "vacancies.csv")
    empty = np.array([[float(x["row"]), float(x["col"])] for x in rows if x["empty"] == "1"])
    assert len(empty) == answer["n_vacancies"] > 0
    assert (KDTree(film.vacancies).query(empty)[0] < 3).all()
    with np.load(out / "fields.npz") as grid:
        assert {"e_xx", "e_xx_error", "spacing", "row", "col", "about"} <= set(grid.files)
    assert (out / "fields.vtk").read_bytes().startswith(b"# vtk DataFile")
    written = {path.name for path in out.iterdir()}
    assert {f"{name}.png" for name in names} | {"positions.csv", "positions.xyz"} <= written
    assert "fields.xyz" not in written


@pytest.mark.usefixtures("film")
def test_people_are_told_and_strain_is_the_default(tmp_path, capsys):
    assert main(["map", "film.npy", *CRYSTAL, "--no-plots", "--out", "out"]) == 0
    text = capsys.readouterr().out
    assert "in 1 grain" in text
    assert "median error of e_xx" in text
    assert not list((tmp_path / "out").glob("*.png"))
    assert "polarization_row" not in (tmp_path / "out" / "fields.csv").read_text().splitlines()[0]
    # Nothing is measured twice.
    again = ["map", "film.npy", *CRYSTAL, "--no-plots", "--resume", "--out", "many"]
    assert main(again) == 0
    assert main(again) == 0
    assert "kept" in capsys.readouterr().out
    assert main([*again, "--field", "spacing"]) == 0
    assert "kept" not in capsys.readouterr().out
    (row,) = read_csv("many/summary.csv")
    assert row["n_grains"] == "1"


@pytest.mark.usefixtures("film")
def test_without_refinement_there_are_fields_without_errors(capsys):
    options = ["--refine", "none", "--no-plots", "--out", "out"]
    assert main(["map", "film.npy", *CRYSTAL, *options]) == 0
    table = read_positions("out/fields.csv")
    assert np.isfinite(table["e_xx"]).any()
    assert np.isnan(table["e_xx_error"]).all()
    capsys.readouterr()
    assert main(["map", "film.npy", *CRYSTAL, *options, "--field", "vacancies"]) == 2
    assert_one_line_error(capsys, "needs refined atoms")


@pytest.mark.usefixtures("film")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lattice", "none"], "map needs a lattice"),
        (["--expected", "50", "--distance-sum", "40"], "map needs a lattice"),
        ([*CRYSTAL, "--kinds", "Ti"], "two kinds of columns"),
        ([*CRYSTAL, "--step", "0,0"], "not both 0"),
        ([*CRYSTAL, "--step", "1.5,0"], "two whole numbers"),
        ([*CRYSTAL, "--field", "colour"], "invalid choice"),
        ([*CRYSTAL, "--field", "polarization", "--kinds", "Ti,Ba"], "one of 'A', 'B'"),
    ],
)
def test_what_cannot_be_is_refused(capsys, options, message):
    assert main(["map", "film.npy", *options, "--no-plots", "--out", "out"]) == 2
    assert_one_line_error(capsys, message)
