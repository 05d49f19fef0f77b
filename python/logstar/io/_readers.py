"""Readers by format, and what they say of a file."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ._answers import answer
from ._child import first_line
from ._formats import EXTENSIONS, OWN_READERS, READERS
from ._isolation import ReaderError, read_isolated, size_of
from ._signal import Signal, frames_of

#: Extensions that are named where another is refused.
_WELL_KNOWN = (".dm3", ".dm4", ".ser", ".emd", ".hspy", ".hdf5", ".mrc", ".tif", ".png", ".npy")
#: Files that may be folders.
FOLDERS = (".zspy",)


def read_file(path: Path, **ask: Any) -> dict[str, Any]:
    """Answer what is asked of a file that exists and whose extension is known.

    Parameters
    ----------
    path : Path
        The file.
    **ask : object
        See `answer`.

    Returns
    -------
    answer : dict

    Raises
    ------
    FileNotFoundError
        If there is none.
    ImportError
        If the extra ``io`` is needed and missing.
    OSError
        If no reader can make sense of the file.
    ValueError
        If its extension is unknown.
    """
    extension = path.suffix.lower()
    folder = path.is_dir() and extension in FOLDERS
    if not path.is_file() and not folder:
        raise FileNotFoundError(f"{path}: {'a directory' if path.is_dir() else 'no such file'}.")
    if extension not in EXTENSIONS:
        some = ", ".join(one for one in _WELL_KNOWN if one in EXTENSIONS)
        raise ValueError(
            f"{path}: unknown extension {path.suffix!r}; known are {some} and others, which "
            "logstar.io.EXTENSIONS lists."
        )
    if size_of(path) == 0:
        raise OSError(f"{path} cannot be read: it is empty (0 bytes).")
    if extension == ".npy":
        return _read_npy(path, ask)
    errors: list[str] = []
    missing: list[str] = []
    nothing: dict[str, Any] | None = None
    for name in _readers(extension):
        try:
            found = read_isolated("images", name, path, **ask)
        except ReaderError as error:
            errors.append(f"as {name}: {error}")
            missing += [error.missing] if error.missing else []
            if error.hopeless:
                break
            continue
        if found["signals"]:
            return found
        nothing = found
    if nothing is not None:
        return nothing
    if len(missing) == len(errors):
        raise ImportError(
            f"{path}: {extension} files are read by RosettaSciIO with "
            f"{' or '.join(dict.fromkeys(missing))}, which is missing: pip install "
            '"logstar[io]"'
        )
    raise OSError(
        f"{path} cannot be read: it is broken, cut off or of another kind ({'; '.join(errors)})."
    )


def _readers(extension: str) -> list[str]:
    names = list(OWN_READERS.get(extension, ()))
    if extension in READERS:
        if importlib.util.find_spec("rsciio") is not None:
            names += READERS[extension]
        elif not names:
            raise ImportError(
                f"{extension} files are read by RosettaSciIO, which is missing: "
                'pip install "logstar[io]"'
            )
    return names


def _read_npy(path: Path, ask: dict[str, Any]) -> dict[str, Any]:
    """Read an array here: a header of one line needs no process of its own."""
    try:
        with _open_npy(path) as signals:
            return answer(signals, **ask)
    except Exception as error:
        # NumPy has many ways to say that it is none.
        raise OSError(
            f"{path} cannot be read: it is broken, cut off or of another kind "
            f"(as npy: {first_line(error)})."
        ) from error


@contextmanager
def _open_npy(path: Path) -> Iterator[list[Signal]]:
    # Mapped, a file shorter than its header promises is refused before memory is asked for.
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    colors = array.ndim >= 3 and array.shape[-1] in {3, 4}
    frames = frames_of(array, (-3, -2, -1) if colors else (-2, -1))
    yield [] if frames is None else [Signal(frames)]
