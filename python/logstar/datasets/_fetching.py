"""Files from the web, kept in a folder, checked by their SHA-256."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Environment variable that names the folder.
FOLDER_VARIABLE = "LOGSTAR_DATA"


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
    ImportError
        If it must be downloaded and pooch is not there.
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
    pooch = _pooch(f"{path} {state}", cure)
    try:
        pooch.retrieve(file.url, f"sha256:{file.sha256}", fname=file.name, path=folder)
    except Exception as error:
        # Whatever went wrong between here and there.
        raise OSError(
            f"{path} {state} and cannot be downloaded ({type(error).__name__}: {error}). "
            f"Without a network: {cure[0].lower()}{cure[1:]}."
        ) from error
    return path


def _pooch(state: str, cure: str) -> Any:
    try:
        import pooch  # noqa: PLC0415 - an extra; what is there already needs none
    except ImportError as error:
        raise ImportError(
            f'{state}; downloading needs pooch: pip install "logstar[fetch]". {cure}.'
        ) from error
    # It tells of each download on stderr.
    pooch.get_logger().setLevel("WARNING")
    return pooch


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
