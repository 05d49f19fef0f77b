"""Where results come from."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from logstar import __version__


def provenance(
    source: str | os.PathLike[str] | None = None,
    *,
    dataset: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    rewards: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Say where positions come from, so that they can be found again.

    Parameters
    ----------
    source : path-like, default=None
        The file of the micrograph; its name, size and SHA-256 are kept.
    dataset : int, default=None
        Which image of the file.
    parameters : mapping, default=None
        Those of the detector.
    rewards : mapping of str to float, default=None
        The quantities that judge the result, such as QC and ER.

    Returns
    -------
    provenance : dict
        Of plain values, with the version of logstar.

    Raises
    ------
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from logstar.io import provenance
    >>> provenance(parameters={"threshold": 0.1}, rewards={"qc": 0.01})["parameters"]
    {'threshold': 0.1}
    """
    found: dict[str, Any] = {"software": f"logstar {__version__}"}
    if source is not None:
        path = Path(source)
        found["source"] = {"name": path.name, **file_hash(path)}
        if dataset is not None:
            found["source"]["dataset"] = dataset
    if parameters is not None:
        found["parameters"] = plain(parameters)
    if rewards is not None:
        found["rewards"] = plain(rewards)
    return found


def file_hash(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, or of a folder's files by name."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest, size = hashlib.sha256(), 0
    for part in files:
        if path.is_dir():
            digest.update(part.relative_to(path).as_posix().encode() + b"\0")
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
    return {"size": size, "sha256": digest.hexdigest()}


def plain(value: Any) -> Any:
    """Make values that JSON can hold; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return repr(value)
