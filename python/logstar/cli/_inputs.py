"""What the arguments name: files, the files in folders, the images of stacks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ._folders import RESULT

#: All images of a file, as `--dataset` takes it.
ALL = "all"


@dataclass(frozen=True)
class Input:
    """One image that is to be worked on.

    Attributes
    ----------
    path : Path
        Its file.
    dataset : int or None
        Which image of it; None if there is one, or another option chooses.
    n_images : int
        How many images of the file are worked on.
    """

    path: Path
    dataset: int | None = None
    n_images: int = 1

    def __str__(self) -> str:
        return str(self.path) if self.n_images == 1 else f"{self.path} [{self.dataset}]"

    @property
    def place(self) -> Path:  # numpydoc ignore=RT01
        """The file, however it was named; a link is not what it points to."""
        # A folder above it may be named in several ways ("a/../b").
        return Path(os.path.realpath(self.path.parent)) / self.path.name


def files_of(
    named: Sequence[Path], *, recursive: bool = False, skip: Path | None = None
) -> list[Path]:
    """Take files as they are, and of folders the images in them, sorted by name.

    Parameters
    ----------
    named : sequence of Path
        Files and folders.
    recursive : bool, default=False
        Whether to look into the folders of folders. Hidden ones and those that hold results are
        left out.
    skip : Path, default=None
        A folder to leave out: where the results go.

    Raises
    ------
    ValueError
        If a file is named twice, or a folder holds no image.
    """
    found: dict[Path, Path] = {}
    for path in named:
        if is_folder_of_files(path):
            continue
        place = Input(path).place
        if place in found:
            raise ValueError(f"{path} is named twice.")
        found[place] = path
    files = list(found.values())
    for folder in named:
        if not is_folder_of_files(folder):
            continue
        images = list(_images_in(folder, recursive=recursive, skip=skip))
        if not images:
            more = "" if recursive else "; --recursive looks into its folders as well"
            raise ValueError(f"{folder} holds no image of a known format{more}.")
        # A file that was also named by itself is done once.
        for path in images:
            place = Input(path).place
            if place not in found:
                found[place] = path
                files.append(path)
    return files


def is_folder_of_files(path: Path) -> bool:
    """Whether a path is a folder of files; the format zspy is a folder that is read as one file."""
    return path.is_dir() and path.suffix.lower() != ".zspy"


def _images_in(folder: Path, *, recursive: bool, skip: Path | None) -> Iterator[Path]:
    from logstar.io import EXTENSIONS  # noqa: PLC0415 - heavy; --help needs none of it

    for at, folders, names in os.walk(folder):
        here = Path(at)
        inner = [name for name in sorted(folders) if not name.startswith(".")]
        # Folders that are read as one file, as those of the format zspy are.
        names += [name for name in inner if not is_folder_of_files(here / name)]
        folders[:] = [
            name
            for name in inner
            if recursive
            and is_folder_of_files(here / name)
            and not (here / name / RESULT).exists()
            and not (skip is not None and (here / name).resolve() == skip.resolve())
        ]
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in EXTENSIONS:
                yield here / name


def is_movie(path: Path) -> bool:
    """Whether a file holds one stack: frames of one shape, kind and calibration.

    A file that cannot be read is none, and fails when its turn comes.
    """
    from logstar.io import list_images  # noqa: PLC0415 - heavy; --help needs none of it

    try:
        entries = list_images(path)
    except Exception:  # noqa: BLE001 - reading it is tried again, and told where files are told of
        return False
    return len(entries) == 1 and entries[0].n_frames > 1


def images_of(path: Path, dataset: int | str | None) -> list[Input]:
    """List the images of a file that `dataset` means.

    A file that cannot be read is listed as one image, and fails when its turn comes.
    """
    if dataset != ALL:
        return [Input(path, dataset if isinstance(dataset, int) else None)]
    from logstar.io import list_images  # noqa: PLC0415 - heavy; --help needs none of it

    try:
        n_images = sum(entry.n_frames for entry in list_images(path))
    except Exception:  # noqa: BLE001 - reading it is tried again, and told where files are told of
        n_images = 1
    n_images = max(n_images, 1)
    return [Input(path, i, n_images) for i in range(n_images)]
