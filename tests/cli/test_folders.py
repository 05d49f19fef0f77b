"""A folder for each image, whatever it is called."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from logstar.cli._folders import RESULT, SUMMARY, output_folders
from logstar.cli._inputs import Input


def names(*files: str) -> list[str]:
    return [path.name for path in output_folders([Input(Path(f)) for f in files], Path("out"))]


def test_the_shortest_names_that_tell_apart():
    assert names("x/a.dm3", "x/b.dm3") == ["a", "b"]
    assert names("x/a.dm3", "x/a.tif", "b.tif") == ["a.dm3", "a.tif", "b"]
    assert names("/x/a.dm3", "/y/a.dm3") == ["x-a.dm3", "y-a.dm3"]
    assert names("/p/x/a.dm3", "/q/x/a.dm3", "/q/y/a.dm3") == [
        "p-x-a.dm3", "q-x-a.dm3", "y-a.dm3",
    ]  # fmt: skip


def test_files_near_the_root_do_not_shorten_the_names_of_others():
    assert names("/a.dm3", "/p/x/b.dm3", "/q/x/b.dm3") == ["a", "p-x-b.dm3", "q-x-b.dm3"]


def test_a_dash_in_a_folder_is_no_slash():
    assert len(set(names("/a-b/c/x.npy", "/a/b-c/x.npy"))) == 2


def test_a_number_makes_no_other_files_name():
    # Both a.npy need the number that a third file already has for a name.
    assert names("/p/a.npy", "/p/A.NPY", "/p/a-2.npy")[2] == "a-2"
    assert len({name.casefold() for name in names("/p/a.npy", "/p/A.NPY", "/p/a-2.npy")}) == 3


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("..npy", "_"),
        ("...npy", "_"),
        ("-rf.npy", "_-rf"),
        ("a\nb.npy", "a_b"),
        ("\x1b[31mred.npy", "_[31mred"),
        ("\udcff.npy", "_"),
        ("summary.csv.npy", "summary.csv-2"),
        ("result.json.npy", "result.json-2"),
        ("x" * 251 + ".npy", "x" * 180),
    ],
)
def test_names_that_mean_something_else(file, name):
    assert names(file) == [name]


def test_images_of_a_stack_are_numbered_in_order():
    stack = [Input(Path("s.npy"), i, 11) for i in range(11)]
    folders = output_folders([*stack, Input(Path("s-03.npy"))], None)
    assert [folder.name for folder in folders[:3]] == [
        "logstar-s-00",
        "logstar-s-01",
        "logstar-s-02",
    ]
    assert len(set(folders)) == 12


def test_a_folder_of_another_image_is_not_taken():
    taken = Path("out/a")
    (folder,) = output_folders([Input(Path("a.npy"))], Path("out"), lambda path, _: path != taken)
    assert folder == Path("out/a-2")


#: Parts of names that have gone wrong somewhere, and that make names collide.
PIECES = ["a", "A", "b", "-", ".", "..", "a-b", "é", "e\u0301", "ß", "ss", "\n", "\x1b[2J",
          "\udcff", "\udc80", " ", "summary.csv", "result", ".json", "-2", "x" * 120, "ü" * 60,
          "\u202e", "~", "$HOME", "*", "?", "\\", ":", "con", "\u212b", "\x7f"]  # fmt: skip
NAME = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
FILE = st.builds(
    lambda folders, stem, suffix: Path("/", *folders, stem + suffix),
    st.lists(NAME.filter(lambda name: name not in {".", ".."}), max_size=3),
    NAME,
    st.sampled_from([".npy", ".NPY", ".tif", ".dm4", ""]),
)


@given(st.lists(FILE, min_size=1, max_size=6, unique_by=str), st.booleans())
def test_two_images_never_share_a_folder(files, given_out):
    inputs = [one for i, file in enumerate(files) for one in
              ([Input(file)] if i % 2 else [Input(file, n, 3) for n in range(3)])]  # fmt: skip
    out = Path("out") if given_out else None
    folders = output_folders(inputs, out)
    # Where letters of either case, or an accent and its letter, are one.
    alike = {unicodedata.normalize("NFC", str(folder)).casefold() for folder in folders}
    assert len(alike) == len(inputs)
    for folder in folders:
        assert folder.parent == (out or Path())
        assert folder.name not in {"", ".", "..", SUMMARY, RESULT}
        assert folder.name.isprintable()
        assert not folder.name.startswith("-")
        assert len(os.fsencode(folder.name)) <= 240


@given(st.lists(FILE, min_size=1, max_size=6, unique_by=str))
def test_every_folder_can_be_made(tmp_path_factory, files):
    out = tmp_path_factory.mktemp("out")
    folders = output_folders([Input(file) for file in files], out)
    for folder in folders:
        folder.mkdir()
    assert len(list(out.iterdir())) == len(files)
