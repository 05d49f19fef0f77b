"""Options that several commands have, by what they are about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ._values import (
    FORMATS,
    integer_from,
    number_between,
    parse_channel,
    parse_crystal,
    parse_dataset,
    parse_elements,
    parse_pixel_size,
    parse_roi,
    parse_tile,
    parse_tolerance,
    parse_window,
    parse_zone,
)


def add_micrographs(parser: Any) -> None:
    """Add all that says what to find atoms in, what to expect, and what to write."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="the micrograph, or many, or folders of them",
    )
    parser.add_argument(
        "--recursive", action="store_true", help="look into the folders of folders as well"
    )
    add_physics(parser)
    image = add_image(
        parser, parse_dataset, "which image of a file that holds several, from 0; or all"
    )
    image.add_argument(
        "--roi",
        type=parse_roi,
        metavar="ROWS,COLS",
        help="find atoms in a part only, such as 100:600,0:512 (what is left out is the edge)",
    )
    image.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="find atoms only where this image (tif, png or npy) is not 0",
    )
    image.add_argument(
        "--tile",
        type=parse_tile,
        default="auto",
        metavar="PX",
        help="tune on parts of the image and find atoms by tiles of this side, for images larger "
        "than memory; or none (default auto: tiles of 2048 for more than 4096 x 4096 pixels)",
    )
    add_search(parser)
    output = add_output(parser, "logstar-FILE")
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
        help="leave out what is there, from the same options and content, and unchanged",
    )


def add_physics(parser: Any) -> None:
    """Add what physics expects: a crystal, a lattice, or numbers."""
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
        "--visible",
        type=parse_elements,
        metavar="LIST",
        help="columns of the crystal that the image shows, such as Sr,Ti,O (default: those that "
        "are bright enough; with --polarity dark light ones as well)",
    )
    physics.add_argument(
        "--lattice",
        choices=("auto", "none"),
        help="auto: take the lattice that the image shows; none: single atoms, found by what "
        "stands out of noise at one false atom per million pixels, or --expected of them",
    )
    physics.add_argument(
        "--pixel-size",
        type=parse_pixel_size,
        metavar="SIZE",
        help="such as 0.2966A, 0.02966nm or 29.66pm; overrides that of the file",
    )
    physics.add_argument(
        "--calibration",
        choices=("correct", "keep"),
        default="correct",
        help="which pixel size the results have: that which the crystal's lattice gives where the "
        "image shows it, or that of the file (default correct)",
    )
    physics.add_argument(
        "--expected",
        type=number_between(1, 1e9),
        metavar="N",
        help="number of atoms in the image",
    )
    physics.add_argument(
        "--distance-sum",
        type=number_between(1, 1e6, "px"),
        metavar="PX",
        help="least sum of the distances of an atom to its four nearest neighbours, in pixels; "
        "0.85 of the crystal's is a good choice",
    )
    physics.add_argument(
        "--atom-size",
        type=parse_tolerance,
        metavar="SIZE",
        help="sigma of atoms, in pixels such as 2.5 or as a length such as 0.5A (default: from the "
        "lattice, or estimated from the image)",
    )
    physics.add_argument(
        "--grain",
        type=integer_from(1),
        metavar="N",
        help="look at one grain only; 1 is the largest, logstar info tells how many there are",
    )
    physics.add_argument(
        "--force",
        action="store_true",
        help="go on where the image's lattice is certainly not that of the crystal",
    )


def add_polarity(parser: Any) -> None:
    """Add the option that says whether atoms are bright."""
    parser.add_argument(
        "--polarity",
        choices=("bright", "dark"),
        default="bright",
        help="atoms are bright (HAADF, default) or dark (ABF)",
    )


def add_image(parser: Any, dataset: Any, help_of_dataset: str) -> Any:
    """Add the options that choose an image of a file, or make one of a stack or of colours."""
    image = parser.add_argument_group("the image")
    add_polarity(image)
    image.add_argument("--dataset", type=dataset, metavar="I", help=help_of_dataset)
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
    return image


def add_search(parser: Any) -> None:
    """Add what concerns the search and the positions it leads to."""
    group = parser.add_argument_group("search")
    group.add_argument(
        "--n-iter",
        type=integer_from(1),
        metavar="N",
        help="ladders of sigmas to try, each with all thresholds and overlaps (default: all there "
        "are)",
    )
    group.add_argument(
        "--denoise",
        choices=("none", "auto"),
        default="none",
        help="find atoms in the image denoised by principal components of windows, and test each "
        "in the raw image: for noise that the eye hardly sees through (default none)",
    )
    group.add_argument(
        "--window",
        type=parse_window,
        metavar="PX",
        help="side of windows that the threshold follows as a smooth field, or auto for windows of "
        "about 40 atoms (default: one threshold for the image)",
    )
    group.add_argument(
        "--refine",
        choices=("joint", "window", "none"),
        help="refine rows and columns to a fraction of a pixel, with errors: all peaks fitted "
        "together, each in a window of its own (quicker, biased by neighbours), or not at all "
        "(default joint; of movies none)",
    )
    group.add_argument(
        "--random-state",
        type=integer_from(0),
        default=0,
        metavar="SEED",
        help="seed of the search (default %(default)s); the same seed gives the same atoms",
    )


def add_output(parser: Any, out: str) -> Any:
    """Add what is written, and where; `out` names the folder that is taken otherwise."""
    group = parser.add_argument_group("output")
    group.add_argument("--out", type=Path, metavar="DIR", help=f"output folder (default {out})")
    group.add_argument(
        "--no-plots", action="store_false", dest="plots", help="draw nothing, which is faster"
    )
    group.add_argument(
        "--strict", action="store_true", help="exit status 3 where the verdict is check"
    )
    add_reports(group)
    return group


def add_reports(parser: Any) -> None:
    """Add the ways in which results and errors are told."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, for machines")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
