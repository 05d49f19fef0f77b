"""Folders of results: one for each image, whatever its file is called."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._inputs import Input

#: File in each folder of results that tells --resume what they are.
RESULT = "result.json"
#: The table of many files, in the folder of all.
SUMMARY = "summary.csv"
#: What names of folders begin with where no --out is given.
PREFIX = "logstar-"
#: Greatest length of a name in bytes. File systems allow 255; the rest is for the prefix and for
#: numbers that tell equal names apart.
_LONGEST = 180
#: Characters that some file system forbids in names.
_RESERVED = frozenset('/\\:*?"<>|')


def output_folders(
    inputs: Sequence[Input],
    out: Path | None,
    is_free: Callable[[Path, Input], bool] = lambda _folder, _of: True,
) -> list[Path]:
    """Give each image a folder of its own, with as short a name as tells them apart.

    Parameters
    ----------
    inputs : sequence of Input
        All different.
    out : Path or None
        The folder of all; None makes folders beside one another here.
    is_free : callable, default=every folder is
        Takes a folder and an image, says whether the folder holds no other image's results.

    Returns
    -------
    folders : list of Path
        Different also on file systems that ignore case, or ways to write an accent.
    """
    parent, prefix = (Path(), PREFIX) if out is None else (out, "")
    names = [_name(prefix, one.path.stem, one) for one in inputs]
    counts = Counter(map(_as_one, names))
    # With the extension, then with the folder before it, and so on.
    for n_parts in range(1, max(len(one.place.parts) for one in inputs)):
        if max(counts.values()) == 1:
            break
        names = [
            _name(prefix, "-".join(one.place.parts[1:][-n_parts:]), one)
            if counts[_as_one(name)] > 1
            else name
            for name, one in zip(names, inputs, strict=True)
        ]
        counts = Counter(map(_as_one, names))
    # Names that only one image has are given first, so that none of them is taken already by a name
    # with a number after it.
    taken = {_as_one(SUMMARY), _as_one(f"{PREFIX}{SUMMARY}"), _as_one(RESULT)}
    order = sorted(range(len(names)), key=lambda i: counts[_as_one(names[i])] > 1)
    folders = [Path()] * len(names)
    for i in order:
        name, number = names[i], 1
        while _as_one(name) in taken or not is_free(parent / name, inputs[i]):
            number += 1
            name = f"{names[i]}-{number}"
        taken.add(_as_one(name))
        folders[i] = parent / name
    return folders


def _as_one(name: str) -> str:
    """Fold a name, so that names which some file systems take for the same become equal."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _name(prefix: str, name: str, one: Input) -> str:
    """Make a name that every file system takes and no shell takes for something else."""
    letters = (c if c.isprintable() and c not in _RESERVED else "_" for c in name)
    text = "".join(letters).encode()[:_LONGEST].decode(errors="ignore").strip(" .")
    if not text or (text.startswith("-") and not prefix):
        text = f"_{text}"
    if one.n_images > 1:
        text += f"-{one.dataset:0{len(str(one.n_images - 1))}d}"
    return prefix + text
