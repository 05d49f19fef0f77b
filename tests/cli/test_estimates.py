"""What runs will take, said before they begin."""

from __future__ import annotations

import json

import numpy as np
import pytest

from logstar.cli import _estimates, main
from logstar.cli._estimates import estimate
from logstar.io import list_images
from logstar.tuning import _large_images


@pytest.fixture
def movie(tmp_path, rng):
    path = tmp_path / "movie.npy"
    np.save(path, rng.random((50, 64, 64), dtype=np.float32))
    return path


def test_a_single_image_that_is_not_large_needs_none(tmp_path, rng):
    np.save(tmp_path / "film.npy", rng.random((64, 64)))
    (entry,) = list_images(tmp_path / "film.npy")
    assert estimate(tmp_path / "film.npy", entry, None) is None


def test_time_goes_with_the_number_of_pixels(movie, monkeypatch):
    (entry,) = list_images(movie)
    monkeypatch.setattr(_estimates, "_time", lambda *_: 0.002)
    monkeypatch.setattr(_estimates, "_used", lambda: 1e8)
    monkeypatch.setenv("LOGSTAR_NUM_THREADS", "2")
    found = estimate(movie, entry, None)
    assert found.seconds_per_frame == pytest.approx(0.002)
    assert found.seconds == pytest.approx(50 * 0.002 / 2)
    # Two frames ahead for each thread.
    assert found.n_bytes == pytest.approx(1e8 + 4 * 64 * 64 * 16)
    assert str(found).startswith("about 50 ms to find the atoms on 2 threads (a frame 2 ms on one")


def test_memory_of_one_large_image_is_that_of_its_tiles(movie, monkeypatch):
    np.save(movie, np.zeros((1, 2048, 1024), dtype=np.float32))
    image = np.load(movie, mmap_mode="r+")
    image[0, 700:1300:9, 200:800:9] = 1
    monkeypatch.setattr(_large_images, "LARGEST_WHOLE", 2**20)
    monkeypatch.setattr(_large_images, "TILE", 500)
    monkeypatch.setattr(_estimates, "_used", lambda: 0.0)
    monkeypatch.setenv("LOGSTAR_NUM_THREADS", "4")
    (entry,) = list_images(movie)
    found = estimate(movie, entry, None)
    # Two tiles at a time, and as many atoms as the middle has.
    assert found.n_bytes == pytest.approx(2 * 16 * 1.05 * 500**2 + 280 * 2048 * 1024 / 81, rel=0.05)
    # Timed on a part of 512 x 512.
    assert 0 < found.seconds_per_frame < 60


def test_info_tells_of_it(movie, capsys):
    assert main(["info", str(movie)]) == 0
    assert "estimate" in capsys.readouterr().out
    assert main(["info", str(movie), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["files"][0]["estimates"]
    assert told["seconds"] > 0
    assert told["n_bytes"] > 1e7
