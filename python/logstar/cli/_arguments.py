"""The commands, and what each takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import _help
from ._options import (
    add_image,
    add_micrographs,
    add_output,
    add_physics,
    add_polarity,
    add_reports,
    add_search,
)
from ._parser import Parser, Version
from ._values import (
    FIELDS,
    GRIDS,
    integer_from,
    number_between,
    parse_kinds,
    parse_step,
    parse_tolerance,
)

SHELLS = ("bash", "zsh")


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
        action=Version,
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
    add_search(demo)
    add_output(demo, "logstar-demo")


def _add_info(commands: Any) -> None:
    info = _add_command(
        commands, "info", "say what is in a file: images, calibration, lattice; and what to run",
        _help.INFO,
    )  # fmt: skip
    info.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a micrograph, or a folder of them"
    )
    add_image(info, integer_from(0), "which image of a file that holds several, from 0")
    add_reports(info)


def _add_detect(commands: Any) -> None:
    detect = _add_command(
        commands, "detect", "find the atoms of a micrograph", _help.DETECT, _help.DETECT_EPILOG
    )
    add_micrographs(detect)
    group = detect.add_argument_group("movies")
    group.add_argument(
        "--retune",
        choices=("auto", "never", "always", "none"),
        help="with --dataset all: take each file, or folder of frames, as a movie, of which one "
        "file of atoms is written. Settings are tuned on its first frame, and with auto anew where "
        "frames change; always tunes on each. none takes images each for itself (default: auto for "
        "files that hold one stack, none for others)",
    )


def _add_segment(commands: Any) -> None:
    segment = _add_command(
        commands, "segment", "map the amorphous regions of a micrograph", _help.SEGMENT,
        _help.SEGMENT_EPILOG,
    )  # fmt: skip
    add_micrographs(segment)
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
    add_micrographs(maps)
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
    add_reports(compare)


def _add_oracle(commands: Any) -> None:
    oracle = _add_command(commands, "oracle", "convert weights of trained networks", _help.ORACLE)
    oracle.add_argument("action", choices=("convert",), metavar="convert", help="what to do")
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
    add_reports(oracle)


def _add_watch(commands: Any) -> None:
    watch = _add_command(
        commands, "watch", "find the atoms of each frame of a folder that fills", _help.WATCH,
        _help.WATCH_EPILOG,
    )  # fmt: skip
    watch.add_argument("folder", type=Path, metavar="FOLDER", help="where frames are written to")
    add_physics(watch)
    add_polarity(watch)
    add_search(watch)
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
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help=" or ".join(SHELLS))
    completion.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
