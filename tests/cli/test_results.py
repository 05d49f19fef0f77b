"""Results on disk."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from logstar.cli._inputs import Input
from logstar.cli._results import RESULT, Results, earlier_result, is_free, write_whole
from logstar.io import provenance

REQUEST = {"place": "/x/a.npy", "dataset": None, "source": {"sha256": "0"}, "sizes": (1, 2)}


def save(folder: Path, text: str = "1") -> dict[str, Path]:
    (folder / "a.csv").write_text(text)
    return {"positions": folder / "a.csv"}


def finished(folder: Path) -> Results:
    with Results(folder) as results:
        results.write(save)
        results.finish({"interrupted": False, "n_found": 3}, REQUEST)
    return results


def test_files_appear_when_they_are_whole(tmp_path):
    def check(folder: Path) -> dict[str, Path]:
        files = save(folder)
        assert not (tmp_path / "new" / "out" / "a.csv").exists()
        return files

    with Results(tmp_path / "new" / "out") as results:
        results.write(check)
    assert results.files == {"positions": tmp_path / "new" / "out" / "a.csv"}
    assert [path.name for path in (tmp_path / "new" / "out").iterdir()] == ["a.csv"]


def test_what_was_made_for_nothing_is_taken_away(tmp_path):
    with pytest.raises(KeyboardInterrupt), Results(tmp_path / "new" / "out"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_earlier_result(tmp_path):
    finished(tmp_path / "out")

    def full(folder: Path) -> dict[str, Path]:
        save(folder, "half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), Results(tmp_path / "out") as results:
        results.write(full)
    assert earlier_result(tmp_path / "out", REQUEST)["n_found"] == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.csv", RESULT]


def test_an_earlier_result_is_not_told_of_files_that_are_being_replaced(tmp_path):
    finished(tmp_path)
    with Results(tmp_path) as results:
        results.write(save)
        assert not (tmp_path / RESULT).exists()


@pytest.mark.parametrize(
    ("command", "text", "left"),
    [("detect", "1", False), ("detect", "edited", True), ("segment", "1", True)],
)
def test_files_of_an_earlier_run_are_taken_away_unless_they_are_anothers(
    tmp_path, command, text, left
):
    def save_two(folder: Path) -> dict[str, Path]:
        (folder / "quality.png").write_text("1")
        return {**save(folder), "quality": folder / "quality.png"}

    with Results(tmp_path) as results:
        results.write(save_two)
        results.finish({}, {**REQUEST, "command": command})
    (tmp_path / "quality.png").write_text(text)
    (tmp_path / "notes.txt").touch()
    with Results(tmp_path) as results:
        results.write(save)
        results.finish({}, {**REQUEST, "command": "detect"})
    assert (tmp_path / "quality.png").exists() == left
    assert (tmp_path / "notes.txt").exists()
    assert (tmp_path / "a.csv").exists()


def test_an_earlier_result_is_known_again(tmp_path):
    finished(tmp_path)
    assert earlier_result(tmp_path, REQUEST)["n_found"] == 3
    assert earlier_result(tmp_path, {**REQUEST, "sizes": (1, 3)}) is None
    assert earlier_result(tmp_path / "missing", REQUEST) is None


@pytest.mark.parametrize("spoil", [
    lambda folder: (folder / "a.csv").write_text("2"),
    lambda folder: (folder / "a.csv").unlink(),
    lambda folder: (folder / RESULT).write_text("{half"),
    lambda folder: (folder / RESULT).write_text("[]"),
    lambda folder: (folder / RESULT).write_bytes(b"\xff"),
    lambda folder: (folder / RESULT).write_text("{}"),
])  # fmt: skip
def test_a_result_that_is_not_what_it_was_is_made_again(tmp_path, spoil):
    finished(tmp_path)
    spoil(tmp_path)
    assert earlier_result(tmp_path, REQUEST) is None


def test_an_interrupted_result_is_made_again(tmp_path):
    finished(tmp_path)
    result = json.loads((tmp_path / RESULT).read_text())
    (tmp_path / RESULT).write_text(json.dumps({**result, "interrupted": True}))
    assert earlier_result(tmp_path, REQUEST) is None


def test_whose_a_folder_is(tmp_path):
    image = tmp_path / "a.npy"
    image.write_bytes(b"image")
    assert is_free(tmp_path / "out", Input(image))
    with Results(tmp_path / "out") as results:
        results.write(save)
        results.finish({}, {"place": str(image), "dataset": 1, "source": {"sha256": "0"}})
    assert is_free(tmp_path / "out", Input(image, 1, 3))
    assert not is_free(tmp_path / "out", Input(image, 2, 3))
    (tmp_path / "b.npy").write_bytes(b"other")
    assert not is_free(tmp_path / "out", Input(tmp_path / "b.npy", 1, 3))


def test_a_file_that_was_moved_has_its_folder(tmp_path):
    image = tmp_path / "moved.npy"
    image.write_bytes(b"image")
    source = provenance(image)["source"]
    with Results(tmp_path / "out") as results:
        results.write(save)
        results.finish({}, {"place": "/before/a.npy", "dataset": None, "source": source})
    assert is_free(tmp_path / "out", Input(image))
    # Another image of the same file has not.
    assert not is_free(tmp_path / "out", Input(image, 1, 3))


def test_what_a_killed_run_left_is_taken_away_a_day_later(tmp_path):
    for name, age in ((".logstar-old", 90_000), (".logstar-new", 80_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").touch()
        os.utime(tmp_path / name, (0, time.time() - age))
    finished(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".logstar-new", "a.csv", RESULT]


def test_a_text_is_the_former_one_or_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "summary.csv"
    write_whole(path, "former\n")
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new\n")
    assert path.read_text() == "former\n"
    assert list(tmp_path.iterdir()) == [path]


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
