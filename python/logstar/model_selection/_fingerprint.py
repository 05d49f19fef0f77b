"""Fingerprints of search problems: what has to agree for one search to go on where another ended.

A fingerprint is a flat dict of text, so that differences can be named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import joblib
import numpy as np

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
#: Greatest depth to which parts of parts are described. Estimators within estimators and the
#: lattices of scorers are far less deep.
_MAX_DEPTH = 8


def fingerprint(parts: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, str]:
    """Describe a problem.

    Parameters
    ----------
    parts : dict of str to object
        Estimators, scorers, options: described by class and parameters. Functions go by their
        name; what they do is not seen.
    data : dict of str to object
        Described by a digest of their contents.

    Returns
    -------
    fingerprint : dict of str to str
        Names such as ``"estimator.svc.C"`` to text.
    """
    found: dict[str, str] = {}
    for name, part in parts.items():
        _describe(name, part, found, ())
    for name, value in data.items():
        found[name] = "None" if value is None else digest(value)
    return found


def digest(value: Any) -> str:
    """Shape, if there is one, and hash of the contents."""
    shape = getattr(value, "shape", None)
    text: str = joblib.hash(value)
    return text if shape is None else f"{shape} {text}"


def _describe(name: str, value: Any, found: dict[str, str], above: tuple[int, ...]) -> None:
    children: Mapping[str, Any] = {}
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        found[name] = repr(value)
        return
    if isinstance(value, np.generic):
        found[name] = repr(value.item())
        return
    if isinstance(value, np.ndarray):
        found[name] = digest(value)
        return
    if hasattr(value, "__qualname__"):
        found[name] = f"{value.__module__}.{value.__qualname__}"
        return
    if isinstance(value, Mapping):
        found[name] = f"{type(value).__name__} of {len(value)}"
        children = {str(key): item for key, item in value.items()}
    elif isinstance(value, Sequence):
        found[name] = f"{type(value).__name__} of {len(value)}"
        children = {str(index): item for index, item in enumerate(value)}
    elif is_dataclass(value):
        found[name] = type(value).__qualname__
        children = {f.name: getattr(value, f.name) for f in fields(value) if f.repr}
    elif hasattr(value, "get_params"):
        found[name] = type(value).__qualname__
        children = value.get_params(deep=False)
    elif hasattr(value, "__dict__"):
        found[name] = type(value).__qualname__
        children = vars(value)
    else:
        found[name] = _ADDRESS.sub("", repr(value))
    # What holds itself would go on for ever.
    if len(above) < _MAX_DEPTH and id(value) not in above:
        for key, child in sorted(children.items()):
            _describe(f"{name}.{key}", child, found, (*above, id(value)))
