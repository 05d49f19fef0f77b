"""Files that have their names only once they are whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to, of the same name; what is there at the end takes the given place.

    Until then, and if anything goes wrong, a file that was there before stays as it is. What is no
    file, such as a device, is written to directly.

    Parameters
    ----------
    path : Path
        Where the file is to be.

    Raises
    ------
    OSError
        If it cannot be written; it names the file that was asked for.
    """
    place = Path(os.path.realpath(path))
    try:
        if place.exists() and not place.is_file():
            yield path
            return
        # In a folder of its own beside it, so that writers may name and open it as they like.
        with tempfile.TemporaryDirectory(prefix=".logstar-", dir=place.parent) as folder:
            part = Path(folder) / place.name
            yield part
            part.replace(place)
    except OSError as error:
        if error.errno is None:
            raise OSError(f"{path} cannot be written: {error}") from error
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
