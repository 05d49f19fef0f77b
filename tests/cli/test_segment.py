"""logstar segment: files and answers."""

from __future__ import annotations

import csv
import json

import matplotlib as mpl
import numpy as np
import tifffile
from PIL import Image

from logstar.cli import main
from logstar.datasets import make_scene
from logstar.inspection import AmorphousMapDisplay

mpl.use("Agg")


def test_a_pocket_is_written_in_every_format(tmp_path, capsys):
    scene = make_scene(
        shape=(256, 256), amorphous_pockets=[(128, 120, 45)], noise=0.05, random_state=0
    )
    np.save(tmp_path / "film.npy", scene.image)
    out = tmp_path / "out"
    arguments = ["--crystal", "ybco", "--pixel-size", "0.2A", "--json", "--out", str(out)]
    assert main(["segment", str(tmp_path / "film.npy"), *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    mask = np.load(out / "mask.npy")
    both = (mask & scene.amorphous_mask).sum() / (mask | scene.amorphous_mask).sum()
    assert both > 0.75
    assert answer["amorphous_share"] == mask.mean()
    assert len(answer["regions"]) == 1
    np.testing.assert_array_equal(tifffile.imread(out / "mask.tif"), np.where(mask, 255, 0))
    np.testing.assert_array_equal(np.asarray(Image.open(out / "mask.png")), np.where(mask, 255, 0))
    (row,) = csv.DictReader((out / "regions.csv").read_text().splitlines())
    assert float(row["area_px2"]) == mask.sum()
    assert np.isclose(float(row["area_A2"]), mask.sum() * 0.04)
    assert (out / "amorphous.png").stat().st_size > 10_000


def test_a_threshold_beyond_its_range_is_wrong_usage(capsys):
    assert main(["segment", "film.npy", "--crystal", "ybco", "--threshold", "2"]) == 2
    assert "between 0 and 1" in capsys.readouterr().err


def test_a_clean_map_draws_no_contour():
    nothing = np.zeros((32, 40))
    display = AmorphousMapDisplay(
        nothing + np.arange(40), nothing > 0, nothing, [[3, 4], [20, 20]], [0, 0], [[0.1], [0.2]]
    ).plot()
    assert display.axes_[0].get_title() == "no region"
    assert not display.axes_[0].collections
    mpl.pyplot.close(display.figure_)
