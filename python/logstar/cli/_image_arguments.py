"""Arguments that say which image of a file is meant, and the command `info`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logstar.io import Micrograph

FORMATS = ("csv", "json", "parquet", "hdf5", "xyz")

_INFO_DESCRIPTION = """\
Say what is in files: images, their calibration and intensities; the lattice that the image shows;
and what to run next. Nothing is written.

Exit codes: 0 done, 1 a file could not be read, 2 wrong usage, 130 interrupted.
"""


def add_info(commands: Any) -> None:
    """Add the command `info`."""
    info = commands.add_parser(
        "info",
        help="say what is in a file: images, calibration, lattice; and what to run",
        description=_INFO_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    info.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a micrograph")
    add_image(info)
    info.add_argument("--json", action="store_true", help="print one JSON object, for machines")
    info.add_argument("--debug", action="store_true", help="show the traceback of an error")


def add_image(parser: Any) -> None:
    """Add what says which image is meant, and how to make one of what is none."""
    image = parser.add_argument_group("the image")
    image.add_argument(
        "--polarity",
        choices=("bright", "dark"),
        default="bright",
        help="atoms are bright (HAADF, default) or dark (ABF)",
    )
    image.add_argument(
        "--dataset",
        type=integer_from(0),
        metavar="I",
        help="which image of a file that holds several, from 0",
    )
    image.add_argument("--average", action="store_true", help="take the mean of a stack of images")
    image.add_argument(
        "--channel",
        type=parse_channel,
        metavar="C",
        help="of a colour image the channel, from 0, or luminance",
    )
    image.add_argument("--resample", action="store_true", help="make pixels square that are not")
    image.add_argument(
        "--binning",
        type=integer_from(1),
        default=1,
        metavar="N",
        help="take the mean of blocks of N x N pixels",
    )


def read_chosen(args: argparse.Namespace, path: Path) -> Micrograph:
    """Read the image of a file that the arguments choose."""
    from logstar.io import read_image  # noqa: PLC0415 - heavy; --help needs none of it

    given = getattr(args, "pixel_size", None)
    return read_image(
        path,
        dataset=args.dataset,
        average=args.average,
        channel=args.channel,
        resample=args.resample,
        binning=args.binning,
        # That of the file's pixels; binned ones are larger.
        pixel_size=None if given is None else f"{given.value!r} {given.unit}",
    )


def integer_from(low: int) -> Any:
    """Make a reader of integers that are not below `low`."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < low:
            bounds = "above 0" if low == 1 else f"from {low}"
            raise argparse.ArgumentTypeError(f"must be an integer {bounds}, got {text!r}")
        return int(text)

    return read


def parse_channel(text: str) -> int | str:
    """Read a channel's number, or "luminance"."""
    if text == "luminance":
        return text
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an integer from 0 or luminance, got {text!r}")
    return int(text)
