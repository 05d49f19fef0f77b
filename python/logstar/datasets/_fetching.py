"""Files from the web, kept in a folder, checked by their SHA-256."""

from __future__ import annotations

import hashlib
import os
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

#: Environment variable that names the folder.
FOLDER_VARIABLE = "LOGSTAR_DATA"
#: The largest of the files has 1 MB.
_MOST_BYTES = 2**24
#: Seconds without a byte after which a server is given up.
_SECONDS = 60.0


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address that always gives the same.

    Parameters
    ----------
    name : str
        What it is called in the folder.
    url : str
        Where it is.
    sha256 : str
        Of its content.
    """

    name: str
    url: str
    sha256: str


def data_folder(data_home: str | os.PathLike[str] | None) -> Path:
    """Where downloaded files are kept."""
    if data_home is not None:
        return Path(data_home).expanduser()
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "logstar"


def fetch(
    file: RemoteFile, data_home: str | os.PathLike[str] | None, *, download_if_missing: bool
) -> Path:
    """Give the path of a file, which is downloaded if it is not there.

    Raises
    ------
    OSError
        If it cannot be had; the message says what to put where.
    """
    folder = data_folder(data_home)
    path = folder / file.name
    found = path.is_file()
    if found and _sha256(path) == file.sha256:
        return path
    state = "is there with another content" if found else "is not there"
    cure = f"Save {file.url} as {path} by hand, or set {FOLDER_VARIABLE} to the folder it is in"
    if not download_if_missing:
        raise OSError(f"{path} {state} and download_if_missing is False. {cure}.")
    try:
        content = _download(file)
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, content)
    except Exception as error:
        # Whatever went wrong between here and there.
        raise OSError(
            f"{path} {state} and cannot be downloaded ({type(error).__name__}: {error}). "
            f"Without a network: {cure[0].lower()}{cure[1:]}."
        ) from error
    return path


def _download(file: RemoteFile) -> bytes:
    """Give the content of a file, which is small enough to be held."""
    with urllib.request.urlopen(file.url, timeout=_SECONDS) as response:
        content: bytes = response.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{file.url} gives more than {_MOST_BYTES / 1e6:.0f} MB")
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise ValueError(f"its SHA-256 is {found} instead of {file.sha256}")
    return content


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, with the permissions that the user's files have."""
    for leftover in path.parent.glob(f".{path.name}.*.part"):
        # Writing takes milliseconds: whoever wrote it was killed.
        if time.time() - leftover.stat().st_mtime > _SECONDS:
            leftover.unlink(missing_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
