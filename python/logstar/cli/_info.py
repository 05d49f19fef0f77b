"""The command `info`: what is in a file, and what to run."""

from __future__ import annotations

import argparse
import math
import shlex
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logstar.exceptions import NotOneLatticeError
from logstar.io import NOT_SQUARE, ImageEntry, list_images, open_image
from logstar.tuning import Expectation
from logstar.tuning._large_images import is_large
from logstar.tuning._looked_at import LookedAt
from logstar.tuning._parts import representative_parts
from logstar.units import PixelSize

from ._detect import read
from ._estimates import Estimate, estimate
from ._printing import shown

if TYPE_CHECKING:
    import numpy as np

#: Greatest number of data sets that are printed; JSON has them all.
_MOST_SHOWN = 12
#: Side in pixels of the part of a large image that is looked at for a lattice.
_PART = 1024


@dataclass
class FileInfo:
    """What is known of a file.

    Attributes
    ----------
    path : Path
        The file.
    images : list of ImageEntry
        Its data sets.
    looked_at : str
        Which part of a large image was looked at for a lattice; empty for all of it.
    lattice : dict or None
        The lattice that the chosen image shows, in plain values.
    no_lattice : str
        Why there is none.
    estimates : list of Estimate
        What runs over its stacks and large images will take.
    suggestion : str
        A command.
    why : str
        What else there is to say about it.
    """

    path: Path
    images: list[ImageEntry]
    looked_at: str = ""
    lattice: dict[str, Any] | None = None
    no_lattice: str = ""
    estimates: list[Estimate] = field(default_factory=list)
    suggestion: str = ""
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "file": str(self.path),
            "images": [_plain_entry(entry) for entry in self.images],
            "looked_at": self.looked_at or None,
            "lattice": self.lattice,
            "no_lattice": self.no_lattice or None,
            "estimates": [one._asdict() for one in self.estimates],
            "suggestion": self.suggestion,
            "why": self.why,
        }

    def rows(self) -> list[tuple[str, str]]:
        """Everything as names and texts."""
        lines = [("file", str(self.path))]
        lines += [("images" if i == 0 else "", _entry(x)) for i, x in enumerate(self.images)]
        if len(self.images) > _MOST_SHOWN:
            more = len(self.images) - _MOST_SHOWN
            lines = [*lines[: _MOST_SHOWN + 1], ("", f"and {more} more; --json shows them")]
        if not self.images:
            lines.append(("images", "none; spectra and curves are no images"))
        if self.looked_at:
            lines.append(("looked at", self.looked_at))
        if self.lattice is not None:
            lines.append(("lattice", _lattice(self.lattice)))
            found = self.lattice
            if found["grains"] is not None:
                lines.append(
                    ("grains", f"{found['grains']}; --grain N looks at one, 1 the largest")
                )
            spread = found["n_expected_uncertainty"]
            lines.append(("atoms", f"{found['n_expected']:.1f} +- {spread:.1f} expected"))
        elif self.no_lattice:
            lines.append(("lattice", f"none: {self.no_lattice.removeprefix('no lattice: ')}"))
        lines += [("estimate" if i == 0 else "", str(x)) for i, x in enumerate(self.estimates)]
        if self.suggestion:
            lines.append(("run", self.suggestion))
        if self.why:
            lines.append(("", self.why))
        return lines


def inspect_file(args: argparse.Namespace, path: Path) -> FileInfo:
    """Look into a file.

    Raises
    ------
    ImportError, OSError, ValueError
        If it cannot be read.
    """
    info = FileInfo(path, list_images(path))
    if not info.images:
        info.why = "There is nothing to find atoms in."
        return info
    timed = (estimate(path, entry, args.channel) for entry in info.images)
    info.estimates = [one for one in timed if one is not None]
    problem = _what_is_missing(args, info)
    if problem:
        info.suggestion, info.why = problem
        return info
    with warnings.catch_warnings():
        # The entry's note says it already.
        warnings.simplefilter("ignore")
        image, pixel_size, info.looked_at = _pixels(args, info)
    options = _given(args)
    calibrated = pixel_size is not None
    crystal = "--cif CRYSTAL.cif --zone UVW"
    if not calibrated:
        crystal += f" --pixel-size {_size_to_give(_chosen(args, info))}"
    dark = "" if args.polarity == "dark" else " If atoms are dark (ABF): --polarity dark."
    try:
        expected = Expectation.from_image(image, polarity=args.polarity)
    except NotOneLatticeError as error:
        info.no_lattice = str(error)
        info.suggestion = _command(path, ["--lattice", "none", *options])
        info.why = (
            f"Single atoms, if there are any. A crystal that is known: {crystal}. Its numbers: "
            f"--expected N --distance-sum PX.{dark}"
        )
        return info
    info.lattice = _plain_lattice(expected, pixel_size)
    info.suggestion = _command(path, ["--lattice", "auto", *options])
    info.why = f"A known crystal is better: {crystal}.{dark}"
    return info


def _pixels(
    args: argparse.Namespace, info: FileInfo
) -> tuple[np.ndarray[Any, Any], PixelSize | None, str]:
    """The image that is chosen, of a large one a part that is like the rest, and which."""
    if not is_large(_chosen(args, info).shape) or args.average or args.resample or args.binning > 1:
        micrograph = read(args, info.path, args.dataset)
        return micrograph.image, micrograph.pixel_size, ""
    image = open_image(info.path, dataset=args.dataset, channel=args.channel)
    ((rows, cols),) = representative_parts(image, LookedAt.of(image.shape, None, None), 1, _PART)
    place = f"rows {rows.start} to {rows.stop}, columns {cols.start} to {cols.stop}"
    return image[rows, cols], image.pixel_size, f"{place}: a part that is like the rest"


def _what_is_missing(args: argparse.Namespace, info: FileInfo) -> tuple[str, str] | None:
    """Say which option must be given before the image can be read, if one must."""
    stacks = [entry for entry in info.images if entry.n_frames > 1]
    n_images = sum(entry.n_frames for entry in info.images)
    options = _given(args)
    if args.dataset is None and n_images > 1 and not (args.average and len(info.images) == 1):
        cure = ["--average"] if stacks and len(info.images) == 1 else ["--dataset", "0"]
        other = (
            f"Or one of the {n_images} images: --dataset 0 to {n_images - 1}; each of them: "
            "logstar detect with --dataset all."
        )
        return _command(info.path, [*cure, *options], "info"), other
    chosen = _chosen(args, info)
    if chosen.n_channels > 1 and args.channel is None and chosen.n_channels != 2:
        colors = f"It has {chosen.n_channels} channels; if they are equal, nothing is lost."
        return _command(info.path, ["--channel", "luminance", *options], "info"), colors
    if chosen.note == NOT_SQUARE and not args.resample:
        why = "Its pixels are not square; --resample interpolates them."
        return _command(info.path, ["--resample", *options], "info"), why
    return None


def _chosen(args: argparse.Namespace, info: FileInfo) -> ImageEntry:
    number = args.dataset or 0
    fitting = [entry for entry in info.images if entry.dataset <= number]
    return fitting[-1]


def _given(args: argparse.Namespace) -> list[str]:
    """The options that choose the image, as they were given."""
    options = []
    if args.polarity != "bright":
        options += ["--polarity", args.polarity]
    for name in ("dataset", "channel"):
        value = getattr(args, name)
        if value is not None:
            options += [f"--{name}", str(value)]
    options += [f"--{name}" for name in ("average", "resample") if getattr(args, name)]
    if args.binning > 1:
        options += ["--binning", str(args.binning)]
    return options


def _command(path: Path, options: list[str], command: str = "detect") -> str:
    return f"logstar {command} {_quoted(path)} {' '.join(options)}"


def _quoted(path: Path) -> str:
    """Write a path so that a shell takes it for one, whatever is in it."""
    text = str(path)
    if text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    # bash and zsh read escapes between $' and '.
    escaped = shown(text.replace("\\", "\\\\").replace("'", "\\'"))
    return f"$'{escaped}'"


def _plain_lattice(expected: Expectation, pixel_size: PixelSize | None) -> dict[str, Any]:
    lattice = expected.image_lattice
    if lattice is None:
        raise ValueError("an expectation of an image has its lattice")
    edges = [lattice.a, lattice.b]
    found: dict[str, Any] = {
        "edges_px": edges,
        "angle": lattice.angle,
        "columns_per_cell": len(lattice.columns),
        "nearest_distance_px": lattice.nearest_distance,
        "distance_sum_px": expected.distance_sum,
        "confidence": lattice.confidence,
        "grains": None if expected.grains is None else str(expected.grains),
        "n_grains": 1 if expected.grains is None else len(expected.grains),
        "field_share": expected.field_share,
        "n_expected": expected.n_expected,
        "n_expected_uncertainty": expected.uncertainty * expected.n_expected,
        "edges_A": None,
        "nearest_distance_A": None,
    }
    if pixel_size is not None:
        side = pixel_size.to("A").value
        found["edges_A"] = [edge * side for edge in edges]
        found["nearest_distance_A"] = lattice.nearest_distance * side
    return found


def _lattice(found: dict[str, Any]) -> str:
    n = found["columns_per_cell"]
    a, b = found["edges_px"]
    text = (
        f"{a:.2f} x {b:.2f} px, {found['angle']:.1f} degrees, {n} column{'s' if n > 1 else ''} a "
        f"cell, nearest {found['nearest_distance_px']:.2f} px"
    )
    if found["edges_A"] is not None:
        a, b = found["edges_A"]
        text += f" ({a:.3f} x {b:.3f} A, nearest {found['nearest_distance_A']:.3f} A)"
    return f"{text}, confidence {found['confidence']:.2f}"


def _plain_entry(entry: ImageEntry) -> dict[str, Any]:
    # JSON has no NaN.
    bounds = {name: getattr(entry, name) for name in ("low", "high")}
    finite = {name: value if math.isfinite(value) else None for name, value in bounds.items()}
    return asdict(entry) | finite


def _entry(entry: ImageEntry) -> str:
    last = entry.dataset + entry.n_frames - 1
    number = f"{entry.dataset}" if entry.n_frames == 1 else f"{entry.dataset}-{last}"
    channels = "" if entry.n_channels == 1 else f", {entry.n_channels} channels"
    parts = [f"{number}: {entry.shape[0]} x {entry.shape[1]} px{channels}, {entry.dtype}"]
    parts.append(f"{entry.low:.6g} to {entry.high:.6g}")
    if entry.n_not_finite:
        parts.append(f"{entry.n_not_finite} pixels NaN or infinite")
    parts.append(_size(entry))
    if entry.title:
        parts.append(repr(entry.title))
    return ", ".join(parts)


def _size(entry: ImageEntry) -> str:
    note = f" ({entry.note.removesuffix('.')})" if entry.note else ""
    if entry.pixel_size is None:
        return f"no pixel size{note}"
    height, width = entry.pixel_size
    size = f"{width:.5g}" if entry.note != NOT_SQUARE else f"{height:.5g} x {width:.5g}"
    if not entry.unit and size in note:
        return f"{size} per pixel, without a unit"
    return f"{size}{f' {entry.unit}' if entry.unit else ''}/px{note}"


def _size_to_give(entry: ImageEntry) -> str:
    """A pixel size that is to be given: of a file that leaves out the unit, with the commonest."""
    if entry.pixel_size is None or entry.unit:
        return "SIZE"
    return f"{entry.pixel_size[1]:.5g}nm, if it is in nm"
