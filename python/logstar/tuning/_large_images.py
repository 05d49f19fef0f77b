"""Which images are found by tiles: one policy for the main job, the command and its estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

#: Pixels of the largest image that is worked on as a whole, 4096 x 4096. Beyond, parts of an image
#: tell all that there is to tune on, at a fraction of the time and the memory.
LARGEST_WHOLE = 2**24
#: Side in pixels of tiles: smaller ones take less memory, and more time for their halos.
TILE = 2048
#: Parameters of `AtomFinder` that are about an image as a whole, and what leaves each as it is.
_OF_WHOLE = {
    "denoise": "none",
    "expected": None,
    "distance_sum": None,
    "grain": None,
    "oracle": None,
    "window": None,
}


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether an image is found by tiles, however it is held, unless somebody says otherwise."""
    return math.prod(shape) > LARGEST_WHOLE


def needs_whole(parameters: Mapping[str, Any]) -> str | None:
    """Name a parameter that is about an image as a whole; None if there is none.

    Parameters
    ----------
    parameters : mapping
        Of `AtomFinder`.
    """
    for name, neutral in _OF_WHOLE.items():
        value = parameters.get(name, neutral)
        if value is not None and not (isinstance(value, str) and value == neutral):
            return name
    return "lattice" if parameters.get("lattice", "auto") is None else None


def check_of_parts(parameters: Mapping[str, Any]) -> None:
    """Refuse what is about an image as a whole.

    Raises
    ------
    ValueError
        For such a parameter.
    """
    name = needs_whole(parameters)
    if name is not None:
        raise ValueError(
            f"{name}={parameters[name]!r} is about an image as a whole, and not for one that is "
            "found by tiles; tile=None finds it as a whole, in memory."
        )


def tile_for(
    shape: tuple[int, ...], tile: int | Literal["auto"] | None, parameters: Mapping[str, Any]
) -> int | None:
    """Decide whether an image is found by tiles.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    tile : int, "auto" or None
        As of `find_atoms`.
    parameters : mapping
        Of `AtomFinder`.

    Returns
    -------
    tile : int or None
        Side of the tiles; None if it is found as a whole.

    Raises
    ------
    ValueError
        If it is large, and something is asked that is about an image as a whole.
    """
    if tile is None or (tile == "auto" and not is_large(shape)):
        return None
    check_of_parts(parameters)
    return TILE if tile == "auto" else tile
