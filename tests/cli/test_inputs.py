"""What the arguments name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from logstar.cli._inputs import ALL, Input, files_of, images_of, is_movie


@pytest.fixture
def session(tmp_path, monkeypatch) -> Path:
    """A folder of files, folders, results and rubbish."""
    monkeypatch.chdir(tmp_path)
    places = ["b.npy", "a.TIF", "notes.txt", ".hidden.npy", "deep/er/c.dm4", "deep/d.npy",
              ".git/e.npy", "old/atoms.png", "old/result.json", "z.zspy/data"]  # fmt: skip
    for place in places:
        path = tmp_path / "session" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Path("session")


def test_a_folder_is_its_images(session):
    assert files_of([session]) == [session / "a.TIF", session / "b.npy", session / "z.zspy"]


def test_folders_of_folders_without_what_is_hidden_or_a_result(session):
    found = files_of([session], recursive=True)
    assert [str(path.relative_to(session)) for path in found] == [
        "a.TIF", "b.npy", "z.zspy", "deep/d.npy", "deep/er/c.dm4",
    ]  # fmt: skip
    found = files_of([session], recursive=True, skip=session / "deep")
    assert len(found) == 3


def test_a_file_is_taken_whatever_it_is_called(session):
    assert files_of([Path("x.docx")]) == [Path("x.docx")]
    # Of a folder it is done once, and first.
    assert files_of([session, session / "b.npy"])[0] == session / "b.npy"
    assert len(files_of([session, session / "b.npy"])) == 3


def test_what_is_named_twice(session):
    for again in ("session/../session/b.npy", str(Path("session/b.npy").resolve())):
        with pytest.raises(ValueError, match="is named twice"):
            files_of([session / "b.npy", Path(again)])
    # A link is a file of its own.
    Path("link.npy").symlink_to(session / "b.npy")
    assert len(files_of([session / "b.npy", Path("link.npy")])) == 2


@pytest.mark.usefixtures("session")
def test_a_folder_without_images():
    Path("empty").mkdir()
    with pytest.raises(ValueError, match="holds no image of a known format; --recursive"):
        files_of([Path("empty")])
    with pytest.raises(ValueError, match=r"holds no image of a known format\."):
        files_of([Path("empty")], recursive=True)


def test_images_of_a_stack(tmp_path):
    path = tmp_path / "stack.npy"
    np.save(path, np.zeros((3, 16, 16)))
    assert images_of(path, ALL) == [Input(path, i, 3) for i in range(3)]
    assert images_of(path, 2) == [Input(path, 2)]
    assert images_of(path, None) == [Input(path)]
    np.save(path, np.zeros((16, 16)))
    assert images_of(path, ALL) == [Input(path, 0)]
    # What cannot be read is told of when it is its turn.
    assert images_of(tmp_path / "missing.npy", ALL) == [Input(tmp_path / "missing.npy", 0)]


def test_images_are_called_by_file_and_number():
    assert str(Input(Path("a.npy"))) == "a.npy"
    assert str(Input(Path("a.npy"), 2, 3)) == "a.npy [2]"


def test_a_file_that_holds_one_stack_is_a_movie(tmp_path):
    np.save(tmp_path / "movie.npy", np.zeros((3, 8, 9)))
    np.save(tmp_path / "image.npy", np.zeros((8, 9)))
    with tifffile.TiffWriter(tmp_path / "both.tif") as tiff:
        tiff.write(np.zeros((3, 8, 9), np.float32), photometric="minisblack")
        tiff.write(np.zeros((8, 8), np.float32))
    names = ("movie.npy", "image.npy", "both.tif", "missing.tif")
    assert [is_movie(tmp_path / name) for name in names] == [True, False, False, False]
