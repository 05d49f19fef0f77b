"""What `logstar info` tells of a file."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from logstar.cli import _info, main
from logstar.datasets import make_scene
from logstar.io import write_mask
from logstar.lattice import Lattice
from logstar.tuning import _large_images

from ..io.files import write_hspy  # noqa: TID252 - tests are not installed


@pytest.fixture(scope="module")
def scene():
    return make_scene(
        Lattice.perovskite(4.0, pixel_size=0.25), shape=(200, 220), noise=0.1, random_state=0
    )


def info(capsys, *args: object) -> dict:
    assert main(["info", *map(str, args), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["files"]
    return found


def test_a_calibrated_image_with_a_lattice(tmp_path, capsys, scene):
    path = write_hspy(tmp_path / "a b.hspy", scene.image, (0.025, 0.025), "nm")
    found = info(capsys, path)
    (entry,) = found["images"]
    assert entry["shape"] == [200, 220]
    assert (entry["pixel_size"], entry["unit"], entry["dtype"]) == ([0.025, 0.025], "nm", "float32")
    assert entry["low"] == pytest.approx(float(scene.image.min()))
    assert entry["high"] == pytest.approx(float(scene.image.max()))
    lattice = found["lattice"]
    assert lattice["edges_A"] == pytest.approx([4.0, 4.0], rel=0.01)
    assert lattice["nearest_distance_px"] == pytest.approx(16 / np.sqrt(2), rel=0.01)
    assert lattice["columns_per_cell"] == 2
    assert lattice["n_expected"] == pytest.approx(len(scene.positions), abs=2)
    # The command does what it says.
    command, *rest = shlex.split(found["suggestion"])
    assert command == "logstar"
    assert rest == ["detect", str(path), "--lattice", "auto"]
    assert main([*rest, "--n-iter", "2", "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    for part in ("0: 200 x 220 px, float32", "0.025 nm/px", "2 columns a cell", "--lattice auto"):
        assert part in text


def test_grains_are_told(tmp_path, capsys):
    left = np.arange(256) < 130 + np.zeros((256, 1))
    crystal = Lattice.perovskite(4.0, pixel_size=0.25)
    image = sum(
        make_scene(crystal.with_mask(side), rotation=angle, random_state=0).image
        for side, angle in ((left, 5), (~left, 30))
    )
    path = tmp_path / "two.npy"
    np.save(path, image)
    found = info(capsys, path)["lattice"]
    assert found["n_grains"] == 2
    assert found["grains"].startswith("2 grains, misorientation")
    assert main(["info", str(path)]) == 0
    assert "--grain N looks at one" in capsys.readouterr().out
    out = tmp_path / "out"
    assert main(["detect", str(path), "--lattice", "auto", "--grain", "2", "--out", str(out)]) == 0
    assert "0 too close" not in capsys.readouterr().out


def test_an_image_without_a_lattice(tmp_path, capsys):
    noise = np.random.default_rng(0).normal(size=(128, 128))
    noise[5, 6] = np.nan
    np.save(tmp_path / "noise.npy", np.nan_to_num(noise))
    found = info(capsys, tmp_path / "noise.npy", "--polarity", "dark")
    assert found["lattice"] is None
    assert "lattice" in found["no_lattice"]
    assert found["suggestion"].endswith("noise.npy --lattice none --polarity dark")
    assert "--pixel-size SIZE" in found["why"]
    assert "If atoms are dark" not in found["why"]


def test_a_stack(tmp_path, capsys, scene):
    stack = np.stack([scene.image, scene.image, 2 * scene.image])
    path = tmp_path / "stack.npy"
    np.save(path, stack)
    found = info(capsys, path)
    assert found["images"][0]["n_frames"] == 3
    assert found["lattice"] is None
    assert found["suggestion"] == f"logstar info {path} --average"
    assert "--dataset 0 to 2" in found["why"]
    found = info(capsys, path, "--average")
    assert found["suggestion"] == f"logstar detect {path} --lattice auto --average"
    found = info(capsys, path, "--dataset", 2, "--binning", 2)
    assert found["lattice"]["edges_px"] == pytest.approx([8, 8], rel=0.01)
    assert found["suggestion"].endswith("--lattice auto --dataset 2 --binning 2")


def test_of_a_large_image_a_part_is_looked_at(tmp_path, capsys, scene, monkeypatch):
    field = np.zeros((700, 800), dtype=np.float32)
    field[300:500, 400:620] = scene.image
    np.save(tmp_path / "field.npy", field)
    monkeypatch.setattr(_large_images, "LARGEST_WHOLE", 2**18)
    monkeypatch.setattr(_info, "_PART", 192)
    monkeypatch.setattr(_info, "read", None)
    found = info(capsys, tmp_path / "field.npy")
    assert found["lattice"]["nearest_distance_px"] == pytest.approx(16 / np.sqrt(2), rel=0.03)
    assert "a part that is like the rest" in found["looked_at"]
    (estimate,) = found["estimates"]
    assert estimate["n_bytes"] > 0


def test_colours(tmp_path, capsys, scene):
    grey = np.clip(scene.image / scene.image.max() * 255, 0, 255).astype(np.uint8)
    Image.fromarray(np.stack([grey, grey // 2, grey // 3], axis=-1)).save(tmp_path / "a.png")
    found = info(capsys, tmp_path / "a.png")
    assert found["images"][0]["n_channels"] == 3
    assert found["suggestion"].endswith("a.png --channel luminance")
    found = info(capsys, tmp_path / "a.png", "--channel", "1")
    assert found["lattice"]["columns_per_cell"] == 2


def test_pixels_that_are_not_square(tmp_path, capsys, scene):
    path = write_hspy(tmp_path / "a.hspy", scene.image, (0.025, 0.05), "nm")
    found = info(capsys, path)
    assert found["images"][0]["note"] == "pixels are not square"
    assert found["suggestion"] == f"logstar info {path} --resample"
    assert main(["info", str(path)]) == 0
    assert "0.025 x 0.05 nm/px (pixels are not square)" in capsys.readouterr().out
    assert info(capsys, path, "--resample")["lattice"]["edges_A"] == pytest.approx([4, 8], rel=0.02)


def test_reciprocal_pixels(tmp_path, capsys):
    pattern = np.random.default_rng(0).random((64, 64))
    path = write_hspy(tmp_path / "a.hspy", pattern, (0.1, 0.1), "1/nm")
    found = info(capsys, path)
    assert found["images"][0]["pixel_size"] is None
    assert "reciprocal" in found["images"][0]["note"]


def test_files_without_images(tmp_path, capsys):
    np.save(tmp_path / "curve.npy", np.arange(9))
    assert main(["info", str(tmp_path / "curve.npy")]) == 0
    assert "none; spectra and curves are no images" in capsys.readouterr().out


def test_pixels_that_are_no_numbers(tmp_path, capsys):
    image = np.full((40, 40), np.nan)
    np.save(tmp_path / "a.npy", image)
    assert main(["info", str(tmp_path / "a.npy"), "--json"]) == 2
    output = capsys.readouterr()
    assert "NaN or infinite" in json.loads(output.out)["files"][0]["error"]
    assert "logstar: error:" in output.err


def test_of_a_folder_its_images_are_told(tmp_path, capsys):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.eye(64))
    (tmp_path / "notes.txt").touch()
    assert main(["info", str(tmp_path), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [Path(one["file"]).name for one in files] == ["a.npy", "b.npy"]


def test_of_several_files_the_others_are_told(tmp_path, capsys):
    mask = tmp_path / "mask.png"
    write_mask(mask, np.eye(64, dtype=bool), pixel_size="0.02 nm")
    missing = Path(tmp_path / "missing.dm3")
    assert main(["info", str(missing), str(mask)]) == 2
    output = capsys.readouterr()
    assert output.err == f"logstar: error: {missing}: no such file.\n"
    assert "64 x 64 px, uint8, 0 to 255, 0.02 nm/px" in output.out
