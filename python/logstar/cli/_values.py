"""Readers of single values: from the text of an argument to what it means, or to a sentence."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from logstar.lattice import Lattice
    from logstar.units import PixelSize

#: Formats of the table of positions.
FORMATS = ("csv", "json", "parquet", "hdf5", "xyz")
#: What `logstar map` maps, and the formats of its grids.
FIELDS = ("strain", "polarization", "displacement", "spacing", "vacancies")
GRIDS = ("npz", "vtk")
#: How the crystals that have a name are written.
CRYSTALS = "ybco, perovskite:a=ANGSTROM"
#: Least and greatest side of a pixel in angstrom; those of every microscope lie well between them.
_PIXEL_SIZES = (1e-4, 1e3)
#: Least and greatest edge of a cell in angstrom: less than an atom, and more than any perovskite.
_EDGES = (1.0, 100.0)
#: Greatest number of digits; a longer number is a slip, whatever it is for.
_MOST_DIGITS = 18
#: Least side of tiles in pixels, as of `logstar.tuning.detect_tiled`.
_LEAST_TILE = 64
_RANGE = re.compile(r"\s*([0-9]*)\s*:\s*([0-9]*)\s*")
_ELEMENT = re.compile(r"[A-Z][a-z]?[0-9]*")

#: Rows and columns of a part of an image, each as (start, stop) with the stop not included; None is
#: the image's edge.
Roi = tuple[tuple[int | None, int | None], tuple[int | None, int | None]]


@dataclass(frozen=True)
class Crystal:
    """A crystal to be laid over an image as soon as its pixel size is known.

    Attributes
    ----------
    name : str
        As people know it.
    lattice : callable
        Makes the `Lattice` of a pixel size in angstrom, as `AtomFinder` takes it.
    """

    name: str
    lattice: Callable[..., Lattice]


def number_between(low: float, high: float, what: str = "") -> Callable[[str], float]:
    """Make a reader of numbers from `low` to `high`; `what` names their unit."""
    unit = f" {what}" if what else ""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"must be a number from {low:g} to {high:g}{unit}, got {text!r}"
            )
        return value

    return read


def integer_from(low: int) -> Callable[[str], int]:
    """Make a reader of integers that are not below `low`."""

    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) < low:
            bounds = "above 0" if low == 1 else f"from {low}"
            raise argparse.ArgumentTypeError(f"must be an integer {bounds}, got {text[:40]!r}")
        return int(text)

    return read


def parse_dataset(text: str) -> int | str:
    """Read the number of an image, or "all"."""
    if text == "all":
        return text
    try:
        return integer_from(0)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; or all of them: all") from None


def parse_tile(text: str) -> int | str | None:
    """Read the side of tiles in pixels, "auto" or "none"."""
    if text in {"auto", "none"}:
        return text if text == "auto" else None
    try:
        return integer_from(_LEAST_TILE)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; or auto, or none") from None


def parse_channel(text: str) -> int | str:
    """Read a channel's number, or "luminance"."""
    if text == "luminance":
        return text
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise argparse.ArgumentTypeError(
            f"must be an integer from 0 or luminance, got {text[:40]!r}"
        )
    return int(text)


def parse_window(text: str) -> int | Literal["auto"]:
    """Read the side of windows in pixels, or "auto"."""
    if text == "auto":
        return "auto"
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise argparse.ArgumentTypeError(f"must be a number of pixels or auto, got {text[:40]!r}")
    return int(text)


def parse_roi(text: str) -> Roi:
    """Read rows and columns such as "100:600,0:512"; what is left out is the edge."""
    ranges = [_RANGE.fullmatch(part) for part in text.split(",")]
    if len(ranges) != 2 or any(len(part) > 2 * _MOST_DIGITS for part in text.split(",")):
        ranges = [None]
    bounds: list[tuple[int | None, int | None]] = []
    for found in ranges:
        if found is None:
            raise argparse.ArgumentTypeError(
                f"must be rows and columns such as 100:600,0:512, got {text[:40]!r}"
            )
        first, last = (int(bound) if bound else None for bound in found.groups())
        if last is not None and last <= (first or 0):
            raise argparse.ArgumentTypeError(f"{found[0].strip()} of {text[:40]!r} holds nothing")
        bounds.append((first, last))
    return bounds[0], bounds[1]


def parse_elements(text: str) -> tuple[str, ...]:
    """Read element symbols such as "Sr,Ti,O"."""
    names = tuple(part.strip() for part in text.split(","))
    wrong = [name for name in names if not _ELEMENT.fullmatch(name)]
    if wrong or len(set(names)) < len(names):
        what = f"not {wrong[0]!r}" if wrong else "each once"
        raise argparse.ArgumentTypeError(
            f"must be element symbols such as Sr,Ti,O, {what}, got {text[:40]!r}"
        )
    return names


def parse_kinds(text: str) -> tuple[str, str]:
    """Read two kinds of columns such as "Ti,Ba"."""
    names = [part.strip() for part in text.split(",")]
    if len(names) != 2 or not all(names):
        raise argparse.ArgumentTypeError(
            f"must be two kinds of columns such as Ti,Ba, got {text[:40]!r}"
        )
    return names[0], names[1]


def parse_step(text: str) -> tuple[int, int]:
    """Read a step of some cells along a and b, such as "1,0"."""
    parts = text.split(",")
    found = [re.fullmatch(r"\s*[+-]?[0-9]{1,6}\s*", part) for part in parts]
    if len(parts) != 2 or not all(found) or not any(map(int, parts)):
        raise argparse.ArgumentTypeError(
            f"must be two whole numbers of cells, not both 0, such as 1,0, got {text[:40]!r}"
        )
    return int(parts[0]), int(parts[1])


def parse_pixel_size(text: str) -> PixelSize:
    """Read a number with its unit of length."""
    size = _length(text, "0.2A")
    _check_range(size.to("A").value, text, _PIXEL_SIZES, "A")
    return size


def parse_tolerance(text: str) -> float | PixelSize:
    """Read a distance: a number is one in pixels, a number with a unit one in that."""
    try:
        value = float(text.strip().removesuffix("px"))
    except ValueError:
        return _length(text, "0.5A or 2px")
    _check_range(value, text, (1e-6, 1e6), "px")
    return value


def _length(text: str, example: str) -> PixelSize:
    from logstar.units import PixelSize  # noqa: PLC0415 - --help needs no NumPy

    try:
        return PixelSize.of(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number above 0 with its unit, such as {example}, got {text[:40]!r}"
        ) from None


def _check_range(value: float, text: str, bounds: tuple[float, float], unit: str) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(
            f"must be from {low:g} to {high:g} {unit}, got {text[:40]!r}"
        )


def parse_crystal(text: str) -> Crystal:
    """Read the name of a crystal and its parameters."""
    name, _, parameters = text.strip().partition(":")
    is_ybco = name.lower() == "ybco" and not parameters
    if not is_ybco and name.lower() != "perovskite":
        raise argparse.ArgumentTypeError(
            f"unknown crystal {text[:40]!r}; known are {CRYSTALS}, any other is given by --cif and "
            "--zone"
        )
    a = 0.0 if is_ybco else _perovskite_edge(parameters)
    # Heavy, and what is refused needs none of it.
    from logstar.lattice import Lattice  # noqa: PLC0415

    if is_ybco:
        return Crystal("ybco", Lattice.ybco)
    return Crystal(f"perovskite:a={a:g}", partial(Lattice.perovskite, a))


def _perovskite_edge(parameters: str) -> float:
    key, _, value = parameters.partition("=")
    if key.strip() != "a":
        raise argparse.ArgumentTypeError(
            "perovskite needs its lattice constant in angstrom: perovskite:a=3.905"
        )
    try:
        return number_between(*_EDGES, what="A, perovskite:a=ANGSTROM")(value)
    except argparse.ArgumentTypeError as error:
        try:
            in_angstrom = 10 * float(value)
        except ValueError:
            in_angstrom = 0.0
        if not _EDGES[0] < in_angstrom < 10 * _EDGES[0]:
            raise
        hint = f"; if that is in nm, give perovskite:a={in_angstrom:.6g}"
        raise argparse.ArgumentTypeError(f"{error}{hint}") from None


def parse_zone(text: str) -> tuple[int, int, int]:
    """Read the indices of a zone axis."""
    from logstar.lattice import parse_zone_axis  # noqa: PLC0415 - --help needs no NumPy

    try:
        return parse_zone_axis(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def crystal_of_cif(path: Path, zone: tuple[int, int, int]) -> Crystal:
    """Take the crystal of a CIF along a direction.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    from logstar.lattice import Lattice  # noqa: PLC0415 - --help needs no NumPy

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    indices = " ".join(map(str, zone))
    return Crystal(f"{path.stem} [{indices}]", partial(Lattice.from_cif, path, zone))
