"""The command on images that are found by tiles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.spatial import KDTree

from logstar import Lattice, find_atoms
from logstar.cli import main
from logstar.datasets import make_scene
from logstar.io import AtomTable
from logstar.tuning import _find_atoms, _large_images, _segment_tiled, _tiled

from .common import assert_one_line_error, read_csv

OPTIONS = ["--crystal", "perovskite:a=4.0", "--pixel-size", "0.25A", "--refine", "none"]


@pytest.fixture(autouse=True)
def field(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in (_large_images, _find_atoms):
        monkeypatch.setattr(module, "LARGEST_WHOLE", 2**16)
    crystal = Lattice.perovskite(4.0, pixel_size=0.25)
    image = make_scene(crystal, (300, 280), noise=0.1, random_state=0).image.astype(np.float32)
    np.save("field.npy", image)
    return image


def test_a_large_image_is_found_by_tiles(field, capsys):
    assert main(["detect", "field.npy", *OPTIONS, "--out", "found"]) == 0
    told = capsys.readouterr().out
    assert "verdict     ok: found by tiles, with the settings of [" in told
    expected = find_atoms(field, lattice=Lattice.perovskite(4.0, pixel_size=0.25), refine=None)
    found = AtomTable.load("found/positions.csv")
    np.testing.assert_array_equal(found.positions, expected.atoms_.positions)
    assert len(read_csv("found/tiles.csv")) == 1
    result = json.loads(Path("found/result.json").read_text())
    assert result["n_found"] == len(found)
    assert set(result["files"]) == {"positions", "tiles", "pareto_front", "picture", "result"}


def test_as_a_whole_if_asked_and_by_tiles_of_that_side(capsys):
    command = ["detect", "field.npy", *OPTIONS, "--no-plots", "--json"]
    assert main([*command, "--tile", "none", "--out", "whole"]) == 0
    assert "tiles" not in json.loads(capsys.readouterr().out)
    assert main([*command, "--tile", "128", "--out", "tiles"]) == 0
    assert len(json.loads(capsys.readouterr().out)["tiles"]) == 9
    with pytest.raises(SystemExit):
        raise SystemExit(main([*command, "--tile", "5"]))
    assert_one_line_error(capsys, "must be an integer from 64, got '5'; or auto, or none")


def test_several_are_told_in_one_table(capsys):
    np.save("other.npy", np.load("field.npy")[:, ::-1])
    command = ["detect", "field.npy", "other.npy", *OPTIONS, "--no-plots", "--out", "found"]
    assert main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["files"]
    assert [row["verdict"] for row in rows] == ["ok", "ok"]


def test_what_looks_at_an_image_as_a_whole_is_said(capsys):
    assert main(["detect", "field.npy", *OPTIONS, "--denoise", "auto"]) == 2
    assert_one_line_error(
        capsys,
        "--denoise auto is about an image as a whole, and not for one that is found by tiles; "
        "--tile none finds it as a whole, in memory",
    )


def test_a_run_that_was_stopped_goes_on(capsys, monkeypatch):
    command = ["detect", "field.npy", *OPTIONS, "--no-plots", "--tile", "64", "--json"]
    assert main([*command, "--out", "undisturbed"]) == 0
    once = json.loads(capsys.readouterr().out)
    done = []
    find = _tiled.FindsInTile.__call__

    def interrupted(self, item):
        done.append(item[0].number)
        if len(done) == 10:
            raise KeyboardInterrupt
        return find(self, item)

    monkeypatch.setenv("LOGSTAR_NUM_THREADS", "1")
    monkeypatch.setattr(_tiled.FindsInTile, "__call__", interrupted)
    assert main([*command, "--out", "found", "--resume"]) == 130
    assert main([*command, "--out", "found", "--resume"]) == 0
    # Parts that were tuned on are compared by tiles of their own, numbered 0.
    assert max(done[:10]) + 1 in done[10:]
    capsys.readouterr()
    (path,) = Path("found").rglob("result.json")
    assert json.loads(path.read_text())["n_found"] == once["n_found"]
    assert not list(Path("found").rglob("*.running"))


@pytest.fixture
def pockets():
    scene = make_scene(
        Lattice.perovskite(4.0, pixel_size=0.25),
        (420, 460),
        amorphous_pockets=[(130, 128, 60), (300, 330, 50)],
        noise=0.05,
        random_state=0,
    )
    np.save("pockets.npy", scene.image.astype(np.float32))
    return scene


@pytest.mark.usefixtures("pockets")
def test_damage_is_mapped_by_tiles(capsys):
    command = ["segment", "pockets.npy", *OPTIONS, "--json"]
    assert main([*command, "--tile", "256", "--out", "tiles"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main([*command, "--tile", "none", "--out", "whole"]) == 0
    whole = json.loads(capsys.readouterr().out)
    kinds, expected = np.load("tiles/kinds.npy"), np.load("whole/kinds.npy")
    damaged, also = kinds == 2, expected == 2
    assert (damaged & also).sum() / (damaged | also).sum() > 0.9
    assert told["shares"]["amorphous"] == (kinds == 2).mean()
    assert told["n_regions"] == whole["n_regions"] == 2
    assert [one["kind"] for one in told["regions"]] == ["amorphous", "amorphous"]
    np.testing.assert_array_equal(np.load("tiles/mask.npy"), damaged)
    np.testing.assert_array_equal(tifffile.imread("tiles/mask.tif"), np.where(damaged, 255, 0))
    assert set(told["files"]) - {"quality"} == {
        *("positions", "tiles", "pareto_front", "picture", "mask_tif", "mask_npy", "kinds"),
        *("regions", "rejected_regions", "map", "map_of_part", "result"),
    }
    rows = read_csv("tiles/regions.csv")
    assert [float(row["area_px2"]) for row in rows] == [one["area"] for one in told["regions"]]


@pytest.mark.usefixtures("pockets")
def test_a_map_of_damage_that_was_stopped_goes_on(capsys, monkeypatch):
    command = ["segment", "pockets.npy", *OPTIONS, "--no-plots", "--tile", "128", "--json"]
    assert main([*command, "--out", "undisturbed"]) == 0
    capsys.readouterr()
    done = []
    work = _segment_tiled._MapsTile.__call__

    def interrupted(self, tile):
        done.append(tile.number)
        if len(done) == 6:
            raise KeyboardInterrupt
        return work(self, tile)

    monkeypatch.setattr(_segment_tiled._MapsTile, "__call__", interrupted)
    assert main([*command, "--out", "found", "--resume"]) == 130
    assert main([*command, "--out", "found", "--resume"]) == 0
    assert done == [0, 1, 2, 3, 4, 5, *range(5, 16)]
    (path,) = Path("found").rglob("kinds.npy")
    np.testing.assert_array_equal(np.load(path), np.load("undisturbed/kinds.npy"))
    assert not list(Path("found").rglob("*.running"))


def test_fields_are_measured_of_the_whole_table(capsys):
    command = ["map", "field.npy", *OPTIONS[:4], "--json"]
    names = ("strain", "displacement", "polarization", "spacing", "vacancies")
    options = [part for name in names for part in ("--field", name)]
    command += [*options, "--grid", "npz", "--format", "hdf5"]
    assert main([*command, "--tile", "128", "--out", "tiles"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main([*command, "--tile", "none", "--out", "whole"]) == 0
    whole = json.loads(capsys.readouterr().out)
    tiles, other = (AtomTable.load(f"{name}/fields.hdf5") for name in ("tiles", "whole"))
    near, nearest = KDTree(other.positions).query(tiles.positions)
    same = near < 0.3
    assert same.mean() > 0.95
    # Which of two equal cell vectors is the first is nobody's to say.
    for name in ("e_xx", "displacement_row", "polarization_col"):
        off = (tiles[name] - other[name][nearest]) / other[f"{name}_error"][nearest]
        known = same & np.isfinite(off)
        assert known.mean() > 0.3
        assert np.median(np.abs(off[known])) < 0.1
    assert abs(told["n_vacancies"] - whole["n_vacancies"]) <= 1
    assert told["consistent_with_zero"] == whole["consistent_with_zero"]
    assert {f"{name}.png" for name in names} <= {path.name for path in Path("tiles").iterdir()}
    with np.load("tiles/fields.npz") as grid:
        assert {"e_xx", "spacing"} <= set(grid.files)


def test_vacancies_need_refined_atoms(capsys):
    command = ["map", "field.npy", *OPTIONS, "--no-plots", "--tile", "128"]
    assert main([*command, "--field", "vacancies"]) == 2
    assert_one_line_error(capsys, "needs refined atoms")
    assert main(command) == 0
