"""What the command line takes, and the help that teaches it."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._image_arguments import FORMATS, add_image, add_info, integer_from

if TYPE_CHECKING:
    from logstar.lattice import Lattice

#: All ladders that there are to try.
DEFAULT_N_ITER = 10

_DESCRIPTION = """\
Find every atom in an atomically resolved micrograph, with no labels and no training: the
parameters of a Laplacian-of-Gaussian detector are tuned until the result agrees with physics.

Two quantities are made small at once, and a compromise on their Pareto front is chosen:
  QC   (found - expected) / expected     is the number of atoms right?
  ER   flagged / expected                how many are closer to their four nearest neighbours
                                         than the crystal allows?
"""

_EPILOG = """\
examples:
  logstar demo                                          everything, on the shipped micrograph
  logstar info film.dm4                                 what is in it, and what to run
  logstar detect film.dm4 --crystal ybco                the pixel size is in the file
  logstar detect film.tif --crystal perovskite:a=3.905 --pixel-size 0.2A
  logstar detect film.dm4 --cif SrTiO3.cif --zone 110   any crystal, along any direction
  logstar detect film.png --lattice auto                no crystal: the image shows its lattice
  logstar detect film.npy --expected 784 --distance-sum 58.4     no crystal, lengths in pixels
  logstar detect abf.hspy --crystal perovskite:a=3.905 --polarity dark --json > result.json
  logstar detect *.dm4 --lattice auto --out found --resume       many files, one table

exit codes:
  0    done
  1    failed: the file cannot be read, nothing was found, ...
  2    wrong usage or input
  130  interrupted by Ctrl-C; what was evaluated until then is still written, if anything was
"""

_DETECT_DESCRIPTION = """\
Tune on a micrograph, then find its atoms. Of many, each is tuned for itself; what fails is told,
and the rest is done.

Say what physics expects, in one of these ways:
  --crystal, or --cif --zone   number and distances of atoms follow from crystal and pixel size,
                               which is corrected where the image shows the lattice
  --lattice auto               both follow from the lattice that the image shows
  --expected, --distance-sum   both as numbers, the first within 3 %; no pixel size is needed

Where the expected number is uncertain (edges, calibration), the setting among those that agree
with it is chosen whose atoms are the same over the widest range of thresholds.
"""

_DETECT_EPILOG = """\
crystals:
  ybco               YBa2Cu3O7 along [100]: Ba, Y and Cu columns
  perovskite:a=3.99  ABO3 along [001]: A and B columns; a in angstrom
  --cif FILE         any other: pip install "logstar[crystal]"

formats:
  dm3 dm4 ser emi emd hspy zspy hdf5 h5 mrc and all else that RosettaSciIO reads as an image:
                          pip install "logstar[io]"
  tif tiff npy, and png jpg bmp gif ... pictures:  always

what is written into DIR:
  positions.csv   row, col, sigma (pixels and units), response, and whether the atom is flagged;
                  with --denoise also support, its signal-to-noise ratio in the raw image
  pareto.csv      the front: QC and ER with the parameters, and which was chosen
  atoms.png       atoms over the image, flagged ones red; the front with the chosen point
  quality.png     zooms on what is to be doubted, worst first, then on the weakest atoms (where a
                  lattice is known)

  result.json     all of it for machines, and what --resume goes by
Many files have a folder each, DIR/NAME, and DIR/summary.csv.

QC and ER: see logstar --help.  Exit codes: 0 done, 1 failed (of many files: any), 2 wrong usage or
input, 130 interrupted (what was evaluated is written).
"""

_SEGMENT_DESCRIPTION = """\
Find the atoms of a micrograph as `logstar detect` does, compare each with its own kind, and map
the regions that are not crystal, or find that there is none.
"""

_SEGMENT_EPILOG = """\
what is written into DIR:
  mask.tif, mask.png, mask.npy   255 (npy: True) where it is amorphous
  regions.csv                    area, perimeter, compactness, centroid, atoms of each region
  amorphous.png                  regions on the image, probability, atoms, principal components

Crystals, formats and exit codes: see logstar detect --help.
"""

_PIXEL_SIZE = re.compile(r"([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(\S*)")
_CRYSTALS = "ybco, perovskite:a=ANGSTROM"


@dataclass(frozen=True)
class PixelSize:
    """Side of a pixel with its unit."""

    value: float
    unit: str


@dataclass(frozen=True)
class Crystal:
    """A crystal to be laid over an image as soon as its pixel size is known."""

    name: str
    lattice: Callable[[float], Lattice]


def build_parser(version: str) -> argparse.ArgumentParser:
    """Make the parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog="logstar",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"logstar {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_demo(commands)
    add_info(commands)
    _add_detect(commands)
    _add_segment(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="find the atoms of the shipped micrograph and compare with the truth",
        description="Tune on the shipped micrograph of YBa2Cu3O7, simulated and so with known "
        "atoms; find them, compare with the truth, and write the same files as detect.",
    )
    demo.add_argument("--noisy", action="store_true", help="take the micrograph at low dose")
    _add_common(demo, "logstar-demo")


def _add_detect(commands: Any) -> None:
    detect = commands.add_parser(
        "detect",
        help="find the atoms of a micrograph",
        description=_DETECT_DESCRIPTION,
        epilog=_DETECT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    detect.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="the micrograph, or many"
    )
    _add_physics(detect)
    add_image(detect)
    output = _add_common(detect, "logstar-FILE")
    output.add_argument(
        "--format",
        action="append",
        choices=FORMATS,
        dest="formats",
        help="write positions in this format as well; may be given several times",
    )
    output.add_argument(
        "--resume",
        action="store_true",
        help="leave out files whose results are there, from the same options and the same content",
    )


def _add_segment(commands: Any) -> None:
    segment = commands.add_parser(
        "segment",
        help="map the amorphous regions of a micrograph",
        description=_SEGMENT_DESCRIPTION,
        epilog=_SEGMENT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    segment.add_argument("files", nargs=1, type=Path, metavar="FILE", help="the micrograph")
    _add_physics(segment)
    add_image(segment)
    group = segment.add_argument_group("regions")
    group.add_argument(
        "--threshold",
        type=share,
        default=None,
        metavar="P",
        help="probability above which a place is amorphous, 0 to 1 (default 0.7)",
    )
    _add_common(segment, "logstar-FILE")
    segment.set_defaults(formats=None)


def _add_physics(parser: Any) -> None:
    physics = parser.add_argument_group("what physics expects")
    physics.add_argument(
        "--crystal", type=parse_crystal, metavar="NAME", help="ybco or perovskite:a=3.99"
    )
    physics.add_argument(
        "--cif", type=Path, metavar="FILE", help="the crystal's structure; needs --zone"
    )
    physics.add_argument(
        "--zone",
        type=parse_zone,
        metavar="UVW",
        help="the direction that the crystal is seen along, such as 110 or '1 -1 0'",
    )
    physics.add_argument(
        "--lattice", choices=("auto",), help="take the lattice that the image shows"
    )
    physics.add_argument(
        "--pixel-size",
        type=parse_pixel_size,
        metavar="SIZE",
        help="such as 0.2966A, 0.02966nm or 29.66pm; overrides that of the file",
    )
    physics.add_argument(
        "--expected", type=positive, metavar="N", help="number of atoms in the image"
    )
    physics.add_argument(
        "--distance-sum",
        type=positive,
        metavar="PX",
        help="least sum of the distances of an atom to its four nearest neighbours, in pixels; "
        "0.85 of the crystal's is a good choice",
    )


def _add_common(parser: Any, out: str) -> Any:
    group = parser.add_argument_group("search and output")
    group.add_argument(
        "--n-iter",
        type=integer_from(1),
        default=DEFAULT_N_ITER,
        metavar="N",
        help="ladders of sigmas to try, each with all thresholds and overlaps (default "
        "%(default)s, all there are)",
    )
    group.add_argument(
        "--denoise",
        choices=("none", "auto"),
        default="none",
        help="find atoms in the image denoised by principal components of windows, and test each "
        "in the raw image: for noise that the eye hardly sees through (default none)",
    )
    group.add_argument(
        "--random-state",
        type=integer_from(0),
        default=0,
        metavar="SEED",
        help="seed of the search (default %(default)s); the same seed gives the same atoms",
    )
    group.add_argument("--out", type=Path, metavar="DIR", help=f"output folder (default {out})")
    group.add_argument("--json", action="store_true", help="print one JSON object, for machines")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return group


def check_physics(args: argparse.Namespace) -> None:
    """Check what the parser alone cannot: which options go together.

    Raises
    ------
    ValueError
        Saying what to give.
    """
    by_number = [args.expected is not None, args.distance_sum is not None]
    if (args.cif is None) != (args.zone is None):
        given, missing = ("--cif", "--zone")[:: 1 if args.zone is None else -1]
        raise ValueError(f"{given} needs {missing} as well.")
    ways = [args.crystal is not None, args.cif is not None, args.lattice is not None]
    if sum(ways) + any(by_number) > 1:
        raise ValueError(
            "give --crystal, or --cif with --zone, or --lattice auto, or --expected with "
            "--distance-sum, but not both or several."
        )
    if any(by_number) and not all(by_number):
        given, missing = ("--expected", "--distance-sum")[:: 1 if by_number[0] else -1]
        raise ValueError(f"{given} needs {missing} as well: the count alone can be met by chance.")
    if not any(ways) and not any(by_number):
        raise ValueError(
            f"say what physics expects: --crystal ({_CRYSTALS}), --cif FILE --zone UVW, --lattice "
            "auto, or --expected N with --distance-sum PX."
        )
    if args.cif is not None:
        args.crystal = crystal_of_cif(args.cif, args.zone)


def positive(text: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return value


def share(text: str) -> float:
    """Read a number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text!r}")
    return value


def parse_pixel_size(text: str) -> PixelSize:
    """Read a number with its unit of length."""
    from logstar.units import normalize_unit  # noqa: PLC0415 - --help needs none of it

    match = _PIXEL_SIZE.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"must be a number with a unit like 0.2A, got {text!r}")
    value, unit = match.groups()
    if not unit:
        raise argparse.ArgumentTypeError(
            f"{text!r} has no unit; write {text}A, {text}nm or {text}pm"
        )
    try:
        return PixelSize(positive(value), normalize_unit(unit))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"unit of {text!r} must be A, nm or pm, got {unit!r}"
        ) from None


def parse_crystal(text: str) -> Crystal:
    """Read the name of a crystal and its parameters."""
    from logstar.lattice import Lattice  # noqa: PLC0415 - NumPy would slow --help down

    name, _, parameters = text.strip().partition(":")
    if name.lower() == "ybco" and not parameters:
        return Crystal("ybco", Lattice.ybco)
    if name.lower() == "perovskite":
        key, _, value = parameters.partition("=")
        if key.strip() != "a":
            raise argparse.ArgumentTypeError(
                "perovskite needs its lattice constant in angstrom: perovskite:a=3.905"
            )
        a = positive(value)
        return Crystal(f"perovskite:a={a:g}", lambda pixel_size: Lattice.perovskite(a, pixel_size))
    raise argparse.ArgumentTypeError(f"unknown crystal {text!r}; known are {_CRYSTALS}")


def parse_zone(text: str) -> tuple[int, int, int]:
    """Read the indices of a zone axis."""
    from logstar.lattice import parse_zone_axis  # noqa: PLC0415 - NumPy would slow --help down

    try:
        return parse_zone_axis(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def crystal_of_cif(path: Path, zone: tuple[int, int, int]) -> Crystal:
    """Take the crystal of a CIF along a direction."""
    from logstar.lattice import Lattice  # noqa: PLC0415 - NumPy would slow --help down

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    indices = " ".join(map(str, zone))
    return Crystal(
        f"{path.stem} [{indices}]", lambda pixel_size: Lattice.from_cif(path, zone, pixel_size)
    )
