"""What the command line takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from . import _help
from ._inputs import ALL
from ._printing import Output, complain, one_line
from ._values import (
    CRYSTALS,
    FIELDS,
    FORMATS,
    GRIDS,
    Crystal,
    crystal_of_cif,
    integer_from,
    number_between,
    parse_channel,
    parse_crystal,
    parse_dataset,
    parse_elements,
    parse_kinds,
    parse_pixel_size,
    parse_roi,
    parse_step,
    parse_tolerance,
    parse_zone,
)

#: Exit status of wrong usage, and of anything else that could not be done.
NOT_DONE = 2
SHELLS = ("bash", "zsh")


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and writes to any standard output."""

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 - argparse's signature
        """Write the help."""
        self.tell(self.format_help().rstrip())

    def tell(self, text: str) -> None:
        """Write to standard output; where that cannot be, end with exit status 2."""
        output = Output()
        output.say(text)
        if output.problem is not None:
            complain(f"logstar: error: standard output cannot be written: {output.problem}.")
            raise SystemExit(NOT_DONE)

    def error(self, message: str) -> NoReturn:
        """End with exit status 2."""
        complain(f"{self.prog}: error: {one_line(message)} (see {self.prog} --help)")
        raise SystemExit(NOT_DONE)


class _Version(argparse.Action):
    """Write the version and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        if isinstance(parser, Parser):
            parser.tell(str(self.const))
        parser.exit()


def build_parser(version: str) -> argparse.ArgumentParser:
    """Make the parser of the whole command."""
    parser = Parser(
        prog="logstar",
        description=_help.COMMAND,
        epilog=_help.COMMAND_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version",
        action=_Version,
        nargs=0,
        const=f"logstar {version}",
        help="show the version and exit",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_info(commands)
    _add_detect(commands)
    _add_segment(commands)
    _add_map(commands)
    _add_compare(commands)
    _add_oracle(commands)
    _add_watch(commands)
    _add_completion(commands)
    return parser


def _add_command(
    commands: Any, name: str, text: str, description: str, epilog: str | None = None
) -> Any:
    return commands.add_parser(
        name,
        help=text,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="find the atoms of the shipped micrograph and compare with the truth",
        description="Tune on the shipped micrograph of YBa2Cu3O7, simulated and so with known "
        "atoms; find them, compare with the truth, and write the same files as detect.",
    )
    demo.add_argument("--noisy", action="store_true", help="take the micrograph at low dose")
    _add_search(demo)
    _add_output(demo, "logstar-demo")


def _add_info(commands: Any) -> None:
    info = _add_command(
        commands, "info", "say what is in a file: images, calibration, lattice; and what to run",
        _help.INFO,
    )  # fmt: skip
    info.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a micrograph")
    _add_image(info, integer_from(0), "which image of a file that holds several, from 0")
    _add_reports(info)


def _add_detect(commands: Any) -> None:
    detect = _add_command(
        commands, "detect", "find the atoms of a micrograph", _help.DETECT, _help.DETECT_EPILOG
    )
    _add_micrographs(detect)
    group = detect.add_argument_group("movies")
    group.add_argument(
        "--retune",
        choices=("never", "auto", "always"),
        help="with --dataset all: take each file, or folder of frames, as a movie, of which one "
        "file of atoms is written. Settings are tuned on its first frame, and with auto anew where "
        "frames change; always tunes on each (default: images are done each for itself)",
    )


def _add_segment(commands: Any) -> None:
    segment = _add_command(
        commands, "segment", "map the amorphous regions of a micrograph", _help.SEGMENT,
        _help.SEGMENT_EPILOG,
    )  # fmt: skip
    _add_micrographs(segment)
    group = segment.add_argument_group("regions")
    group.add_argument(
        "--threshold",
        type=number_between(0, 1),
        default=None,
        metavar="P",
        help="probability above which a place is amorphous, 0 to 1 (default 0.7)",
    )


def _add_map(commands: Any) -> None:
    maps = _add_command(
        commands, "map", "map strain, polarization, displacement, spacings and vacancies",
        _help.MAP, _help.MAP_EPILOG,
    )  # fmt: skip
    _add_micrographs(maps)
    group = maps.add_argument_group("fields")
    group.add_argument(
        "--field",
        action="append",
        choices=FIELDS,
        dest="fields",
        help="what to map; may be given several times (default strain)",
    )
    group.add_argument(
        "--reference",
        choices=("fit", "crystal"),
        default="fit",
        help="what strain and displacement are measured from: the lattice fitted to each grain "
        "(default), or the crystal at the pixel size of the results",
    )
    group.add_argument(
        "--measure",
        choices=("infinitesimal", "lagrangian"),
        default="infinitesimal",
        help="of strain: linear (default), or what no rotation changes",
    )
    group.add_argument(
        "--axes",
        choices=("image", "a"),
        default="image",
        help="of strain: x along columns and y along rows (default), or x along the edge a",
    )
    group.add_argument(
        "--radius",
        type=number_between(1, 1e6, "px"),
        metavar="PX",
        help="how far the atoms are that strain is fitted to (default: all eight cells around)",
    )
    group.add_argument(
        "--kinds",
        type=parse_kinds,
        default=("B", "A"),
        metavar="KIND,NEIGHBORS",
        help="polarization: the kind that is displaced from the centre of its neighbours, such as "
        "Ti,Ba (default B,A)",
    )
    group.add_argument(
        "--step",
        type=parse_step,
        default=(1, 0),
        metavar="A,B",
        help="spacing: how many cells along a and b the other atom is (default 1,0)",
    )
    group.add_argument(
        "--grid",
        action="append",
        choices=GRIDS,
        dest="grids",
        help="write fields on a square grid as well, for NumPy or ParaView; may be given twice",
    )
    group.add_argument(
        "--grid-step",
        type=number_between(1, 1e6, "px"),
        metavar="PX",
        help="distance of the grid's nodes (default: a quarter of the distance of atoms)",
    )


def _add_compare(commands: Any) -> None:
    compare = _add_command(commands, "compare", "compare two tables of positions", _help.COMPARE)
    compare.add_argument("found", type=Path, metavar="FOUND", help="positions to be judged")
    compare.add_argument("reference", type=Path, metavar="REFERENCE", help="positions to judge by")
    compare.add_argument(
        "--tolerance",
        type=parse_tolerance,
        metavar="LENGTH",
        help="greatest distance of two that are matched, such as 2px or 0.5A (default a quarter of "
        "the reference's median distance of nearest neighbours)",
    )
    _add_reports(compare)


def _add_oracle(commands: Any) -> None:
    oracle = _add_command(commands, "oracle", "convert weights of trained networks", _help.ORACLE)
    oracle.add_argument("action", choices=("convert",), help="what to do")
    oracle.add_argument("weights", type=Path, metavar="FILE", help="a checkpoint of PyTorch")
    oracle.add_argument(
        "--architecture",
        default="auto",
        metavar="NAME",
        help="atomai-unet, atomai-dilnet, atomnet, atomnet-cubic, ferronet or window-classifier "
        "(default auto: by the names of the weights)",
    )
    oracle.add_argument(
        "--spacing",
        type=number_between(1, 1000),
        metavar="PX",
        help="distance of nearest neighbours in the images that it was trained on, in pixels; "
        "images are scaled to it (default: they are not scaled)",
    )
    oracle.add_argument(
        "--out", type=Path, metavar="FILE", help="the ONNX file (default FILE with suffix .onnx)"
    )
    _add_reports(oracle)


def _add_watch(commands: Any) -> None:
    watch = _add_command(
        commands, "watch", "find the atoms of each frame of a folder that fills", _help.WATCH,
        _help.WATCH_EPILOG,
    )  # fmt: skip
    watch.add_argument("folder", type=Path, metavar="FOLDER", help="where frames are written to")
    _add_physics(watch)
    watch.add_argument(
        "--polarity",
        choices=("bright", "dark"),
        default="bright",
        help="atoms are bright (HAADF, default) or dark (ABF)",
    )
    _add_search(watch)
    group = watch.add_argument_group("frames")
    group.add_argument(
        "--latency",
        type=number_between(0.001, 3600, "s"),
        default=0.05,
        metavar="S",
        help="seconds that a frame may take; positions are refined where that fits in (default "
        "0.05)",
    )
    group.add_argument(
        "--retune",
        choices=("auto", "never"),
        default="auto",
        help="tune anew where frames change (default), or keep the settings of the "
        "first frame whatever comes",
    )
    group.add_argument(
        "--timeout",
        type=number_between(0, 1e9, "s"),
        metavar="S",
        help="end when no frame has come for so many seconds (default: only Ctrl-C ends it)",
    )
    group.add_argument(
        "--new-only", action="store_true", help="leave out what is in the folder to begin with"
    )
    group.add_argument(
        "--out", type=Path, metavar="DIR", help="output folder (default logstar-watch-FOLDER)"
    )
    # Checked together with the options of the commands that have these.
    watch.set_defaults(dataset=None, average=False)
    watch.add_argument("--json", action="store_true", help="print one JSON object a frame")
    watch.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _add_completion(commands: Any) -> None:
    completion = _add_command(
        commands, "completion", "print the script of a shell's completion", _help.COMPLETION
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")
    completion.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)


def _add_micrographs(parser: Any) -> None:
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
    _add_physics(parser)
    image = _add_image(
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
    _add_search(parser)
    output = _add_output(parser, "logstar-FILE")
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


def _add_image(parser: Any, dataset: Any, help_of_dataset: str) -> Any:
    """Add the options that choose an image of a file, or make one of a stack or of colours."""
    image = parser.add_argument_group("the image")
    image.add_argument(
        "--polarity",
        choices=("bright", "dark"),
        default="bright",
        help="atoms are bright (HAADF, default) or dark (ABF)",
    )
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


def _add_search(parser: Any) -> None:
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


def _add_output(parser: Any, out: str) -> Any:
    group = parser.add_argument_group("output")
    group.add_argument("--out", type=Path, metavar="DIR", help=f"output folder (default {out})")
    group.add_argument(
        "--no-plots", action="store_false", dest="plots", help="draw nothing, which is faster"
    )
    group.add_argument(
        "--strict", action="store_true", help="exit status 3 where the verdict is check"
    )
    _add_reports(group)
    return group


def _add_reports(parser: Any) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, for machines")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def check_together(args: argparse.Namespace) -> Crystal | None:
    """Check what the parser alone cannot: which options go together.

    Returns
    -------
    crystal : Crystal or None
        That of --crystal or --cif.

    Raises
    ------
    OSError, ValueError
        Saying what to give.
    """
    by_number = [args.expected is not None, args.distance_sum is not None]
    if (args.cif is None) != (args.zone is None):
        given, missing = ("--cif", "--zone")[:: 1 if args.zone is None else -1]
        raise ValueError(f"{given} needs {missing} as well.")
    ways = [args.crystal is not None, args.cif is not None, args.lattice is not None]
    # Numbers are welcome where there is no lattice.
    alone = args.lattice == "none"
    if sum(ways) + (any(by_number) and not alone) > 1:
        raise ValueError(
            "give --crystal, or --cif with --zone, or --lattice auto, or --expected with "
            "--distance-sum, but not both or several."
        )
    if any(by_number) and not all(by_number) and not alone:
        given, missing = ("--expected", "--distance-sum")[:: 1 if by_number[0] else -1]
        raise ValueError(f"{given} needs {missing} as well: the count alone can be met by chance.")
    if not any(ways) and not any(by_number):
        raise ValueError(
            f"say what physics expects: --crystal ({CRYSTALS}), --cif FILE --zone UVW, --lattice "
            "auto or none, or --expected N with --distance-sum PX."
        )
    if args.command == "map" and (alone or not any(ways)):
        raise ValueError(
            "map needs a lattice, whose sites atoms are on: --crystal, --cif or --lattice auto."
        )
    if args.visible is not None and not any(ways[:2]):
        raise ValueError("--visible names columns of a crystal; it needs --crystal or --cif.")
    if args.dataset == ALL and args.average:
        raise ValueError("give --dataset all or --average, but not both.")
    if args.command == "detect" and args.retune is not None:
        _check_movie(args)
    if args.cif is not None:
        return crystal_of_cif(args.cif, args.zone)
    crystal: Crystal | None = args.crystal
    return crystal


def _check_movie(args: argparse.Namespace) -> None:
    """Check what goes with --retune.

    Raises
    ------
    ValueError
        Saying what to give.
    """
    if args.dataset != ALL:
        raise ValueError("--retune is for movies: give --dataset all as well.")
    others = sorted(set(args.formats or ()) - {"hdf5", "parquet"})
    if others:
        raise ValueError(f"--format {others[0]} holds one image; movies are hdf5 or parquet.")
