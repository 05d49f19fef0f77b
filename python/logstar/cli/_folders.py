"""Folders of results: one for each image, whatever its file is called."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._inputs import Input

#: What --resume goes by, in each folder.
RESULT = "result.json"
#: The table of many files, in the folder of all.
SUMMARY = "summary.csv"
#: Before the names of folders where none is given for all.
PREFIX = "logstar-"
#: Bytes of a name. File systems take 255, of which files in it and numbers after it need some.
_LONGEST = 180
#: Characters that some file system takes for its own.
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
        Different also where upper and lower case, or a letter and its accent, are one.
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
    # Names that are nobody else's go first, so that no number after another's name makes them.
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
    """The same for names that some file systems take for one."""
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
