"""logstar segment: files and answers."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from logstar.cli import main
from logstar.datasets import Grain, Region, compose_scene, make_scene
from logstar.io import read_image
from logstar.lattice import Lattice
from logstar.segmentation import KINDS
from tests.cli.common import assert_one_line_error


@pytest.fixture
def pocket(tmp_path):
    scene = make_scene(
        shape=(256, 256), amorphous_pockets=[(128, 120, 45)], noise=0.05, random_state=0
    )
    np.save(tmp_path / "film.npy", scene.image)
    return scene


def test_a_pocket_is_written_in_every_format(tmp_path, capsys, pocket):
    out = tmp_path / "out"
    arguments = ["--crystal", "ybco", "--pixel-size", "0.2A", "--json", "--out", str(out)]
    assert main(["segment", str(tmp_path / "film.npy"), *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    mask = np.load(out / "mask.npy")
    both = (mask & pocket.amorphous_mask).sum() / (mask | pocket.amorphous_mask).sum()
    assert both > 0.75
    assert answer["amorphous_share"] == mask.mean()
    assert answer["n_regions"] == len(answer["regions"]) == 1
    np.testing.assert_array_equal(tifffile.imread(out / "mask.tif"), np.where(mask, 255, 0))
    np.testing.assert_array_equal(np.asarray(Image.open(out / "mask.png")), np.where(mask, 255, 0))
    size = answer["pixel_size"]
    assert size == pytest.approx(0.2, rel=0.01)
    assert read_image(out / "mask.tif").pixel_size.to("A").value == pytest.approx(size)
    (row,) = csv.DictReader((out / "regions.csv").read_text().splitlines())
    assert float(row["area_px2"]) == mask.sum()
    assert float(row["area_A2"]) == pytest.approx(mask.sum() * size**2, rel=1e-5)
    assert answer["regions"][0]["area_in_units"] == pytest.approx(float(row["area_A2"]), rel=1e-5)
    assert (out / "amorphous.png").stat().st_size > 10_000
    assert {path.name for path in map(out.__truediv__, ("positions.csv", "result.json"))} <= {
        path.name for path in out.iterdir()
    }


def test_people_are_told_and_nothing_is_drawn_that_is_not_wanted(tmp_path, capsys, pocket):
    out = tmp_path / "out"
    options = ["--lattice", "auto", "--no-plots", "--out", str(out), "--threshold", "0.7"]
    assert main(["segment", str(tmp_path / "film.npy"), *options]) == 0
    text = capsys.readouterr().out
    share = pocket.amorphous_mask.mean()
    assert f"amorphous   {share:.0%}"[:14] in text
    assert "segment " in text
    assert not list(out.glob("*amorphous.png"))


def test_a_threshold_beyond_its_range_is_wrong_usage(capsys):
    assert main(["segment", "film.npy", "--crystal", "ybco", "--threshold", "2"]) == 2
    assert_one_line_error(capsys, "must be a number from 0 to 1")


def test_kinds_and_reasons_reach_files_and_answers(tmp_path, capsys):
    sheet = ~Region.disc((130, 120), 60)
    scene = compose_scene(
        (288, 288),
        [Grain(Lattice.perovskite(3.905, 0.2), sheet, rotation=11)],
        background=0.1,
        dose=60,
        random_state=0,
    )
    np.save(tmp_path / "hole.npy", scene.image)
    out = tmp_path / "out"
    options = ["--lattice", "auto", "--json", "--no-plots", "--out", str(out)]
    assert main(["segment", str(tmp_path / "hole.npy"), *options]) == 0
    answer = json.loads(capsys.readouterr().out)
    kinds = np.load(out / "kinds.npy")
    assert answer["shares"]["vacuum"] == (kinds == KINDS.index("vacuum")).mean() > 0.05
    assert answer["amorphous_share"] == 0
    assert [region["kind"] for region in answer["regions"]] == ["vacuum"]
    (row,) = csv.DictReader((out / "regions.csv").read_text().splitlines())
    assert (row["kind"], row["disorder"], row["rejected_for"]) == ("vacuum", "", "")
    assert float(row["confidence"]) > 0.5
    rejected = list(csv.DictReader((out / "rejected_regions.csv").read_text().splitlines()))
    assert len(rejected) == len(answer["rejected_regions"])
    assert all("is below" in row["rejected_for"] for row in rejected)
