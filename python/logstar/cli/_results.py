"""Results on disk: whole or not at all, and recognised when they are asked for again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ._folders import RESULT
from ._inputs import Input

#: Beginning of the name of the folder in which files stand until they are whole.
_STAGE = ".logstar-"
#: Age in seconds from which such a folder is taken for what a killed run left: a day, which no run
#: takes for one image.
_STALE = 86_400


class Results:
    """A folder that results come into: each file appears when it is whole.

    As a context it makes the folder, so that nobody learns after a search that nothing can be
    written, and takes away again what it made and nothing was put into.

    Parameters
    ----------
    folder : Path
        Where the results are to be.

    Attributes
    ----------
    files : dict of str to Path
        What was written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}
        self._made: list[Path] = []
        self._stage = folder
        self._former: dict[str, Any] = {}

    def __enter__(self) -> Self:
        missing = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            for path in reversed(missing):
                path.mkdir(exist_ok=True)
                self._made.append(path)
            _remove_stale(self.folder)
            self._stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=self.folder))
        except OSError as error:
            self._leave()
            # The error names the folder that was asked for, not the temporary one inside it.
            raise OSError(error.errno, error.strerror, str(self.folder)) from None
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._stage != self.folder:
            shutil.rmtree(self._stage, ignore_errors=True)
        for path in reversed(self._made):
            with suppress(OSError):
                path.rmdir()

    def write(self, save: Callable[[Path], Mapping[str, Path]]) -> None:
        """Have files written elsewhere, and put them into the folder when all are whole.

        Parameters
        ----------
        save : callable
            Takes a folder and writes into it, gives the files by what they are.
        """
        try:
            files = save(self._stage)
        except OSError as error:
            # The error names the place that was asked for, not the temporary one.
            if error.filename is None or not Path(error.filename).is_relative_to(self._stage):
                raise
            place = self.folder / Path(error.filename).relative_to(self._stage)
            raise OSError(error.errno, error.strerror, str(place)) from error
        # The record of an earlier run goes first: it is untrue once one of its files is replaced.
        with suppress(OSError, ValueError):
            self._former = _load(self.folder)
        (self.folder / RESULT).unlink(missing_ok=True)
        for kind, path in files.items():
            self.files[kind] = self.folder / path.relative_to(self._stage)
            path.replace(self.files[kind])

    @property
    def stage(self) -> Path:
        """Where a file may be made before `write` puts it into the folder."""
        return self._stage

    @property
    def all_files(self) -> dict[str, Path]:
        """What was written, and what `finish` will write."""
        return {**self.files, "result": self.folder / RESULT}

    def finish(self, result: Mapping[str, Any], request: Mapping[str, Any]) -> None:
        """Write what was found, what was asked for, and the digests of all files, as the last.

        Files of an earlier run of the same command that this one has no counterpart of, such as
        zooms on what there was to doubt, are taken away before, if they are what they were.

        Parameters
        ----------
        result : mapping
            Of plain values.
        request : mapping
            As `request_of` makes it.
        """
        digests = {path.name: _digest(path) for path in self.files.values()}
        with suppress(OSError, KeyError, TypeError, AttributeError):
            if self._former["request"]["command"] == request["command"]:
                _remove_unchanged(self.folder, self._former["digests"], keep=digests)
        whole = {**result, "request": request, "digests": digests}
        write_whole(self.folder / RESULT, json.dumps(whole, indent=1))


def _remove_unchanged(folder: Path, digests: Mapping[str, str], *, keep: Mapping[str, str]) -> None:
    for name, digest in digests.items():
        path = folder / name
        # The names of files that are written here hold no folders.
        if name not in keep and path.name == name and path.is_file() and _digest(path) == digest:
            path.unlink()


def _remove_stale(folder: Path) -> None:
    """Take away what killed runs left."""
    for path in folder.glob(f"{_STAGE}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE:
                shutil.rmtree(path)


def write_whole(path: Path, text: str) -> None:
    """Write a text so that at any time the file holds either its former text or all of this one.

    Raises
    ------
    OSError
        If it cannot be written; the former one is still there.
    """
    handle, name = tempfile.mkstemp(prefix=f"{_STAGE}{path.name}-", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A temporary file is its owner's alone; others may read this one as any file.
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def earlier_result(folder: Path, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give what was found before, if the same was asked for and every file is what it was.

    Parameters
    ----------
    folder : Path
        Where it would be.
    request : mapping
        What is asked for now; it holds the digests of the inputs.

    Returns
    -------
    result : dict or None
    """
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        result = _load(folder)
        digests: dict[str, str] = result["digests"]
        # As JSON, in which tuples are lists.
        same = result["request"] == json.loads(json.dumps(request))
        if same and not result["interrupted"] and digests:
            whole = all(_digest(folder / name) == digest for name, digest in digests.items())
            return result if whole else None
    return None


def is_free(folder: Path, one: Input) -> bool:
    """Whether a folder holds no results of another image.

    A file that was moved is known by its content.
    """
    try:
        before = _load(folder)["request"]
        if before["place"] == str(one.place):
            return bool(before["dataset"] == one.dataset)
        from logstar.io import provenance  # noqa: PLC0415 - heavy; --help needs none of it

        same = before["source"]["sha256"] == provenance(one.path)["source"]["sha256"]
        return bool(same and before["dataset"] == one.dataset)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True


def _load(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return loaded


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
