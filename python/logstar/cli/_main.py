"""The commands, from arguments to an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from logstar import __version__

from ._arguments import PixelSize, build_parser, check_physics

if TYPE_CHECKING:
    from logstar.io import Micrograph
    from logstar.lattice import Lattice

    from ._report import Run

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `logstar`.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None takes those of the process.

    Returns
    -------
    code : int
        0 done, 1 failed, 2 wrong usage or input, 130 interrupted.

    Examples
    --------
    >>> from logstar.cli import main
    >>> main(["detect", "film.dm3", "--crystal", "ybco"])
    1
    """
    try:
        args = build_parser(__version__).parse_args(argv)
    except SystemExit as stop:
        # argparse leaves for --help and for wrong usage, which it has explained.
        return int(stop.code or 0)
    with warnings.catch_warnings():
        # People cannot do anything about deprecations.
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        warnings.simplefilter("default", RuntimeWarning)
        warnings.showwarning = _print_warning
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    try:
        run = _demo(args) if args.command == "demo" else _detect(args)
    except KeyboardInterrupt:
        return _fail(args, "interrupted before anything was evaluated.", INTERRUPTED)
    except ValueError as error:
        return _fail(args, error, BAD_INPUT)
    except Exception as error:  # noqa: BLE001 - people get a sentence, --debug shows where
        return _fail(args, error, FAILED)
    _print(json.dumps(run.as_dict(), indent=2) if args.json else run.summary())
    return INTERRUPTED if run.tuned.search.interrupted_ else OK


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Whoever read the output has enough of it (`| head`); the files are written. Python would
        # complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(args: argparse.Namespace, error: Exception | str, code: int) -> int:
    if args.debug:
        traceback.print_exc()
    message = " ".join(str(error).split()) or type(error).__name__
    print(f"logstar: error: {message}", file=sys.stderr)
    return code


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    first_line = next(iter(str(message).splitlines()), "")
    print(f"logstar: warning: {first_line}", file=sys.stderr)


def _demo(args: argparse.Namespace) -> Run:
    from logstar.datasets import load_ybco  # noqa: PLC0415 - heavy; --help needs none of it
    from logstar.metrics import detection_metrics  # noqa: PLC0415

    from ._expectation import Expectation  # noqa: PLC0415

    start = time.perf_counter()
    scene = load_ybco(noisy=args.noisy)
    seconds = time.perf_counter() - start
    run = _execute(
        args,
        source=f"YBa2Cu3O7 [100], simulated{' at low dose' if args.noisy else ''}",
        image=scene.image,
        calibration=PixelSize(scene.pixel_size, scene.unit),
        crystal="ybco",
        expectation=Expectation.from_image(scene.image, scene.lattice),
        polarity="bright",
        folder=args.out or Path("logstar-demo"),
        read_seconds=seconds,
    )
    run.truth = detection_metrics(run.tuned.detections, scene.positions)
    return run


def _detect(args: argparse.Namespace) -> Run:
    check_physics(args)
    from logstar.io import read_image  # noqa: PLC0415 - heavy; --help needs none of it

    from ._expectation import TYPED_UNCERTAINTY, Expectation  # noqa: PLC0415

    start = time.perf_counter()
    micrograph = read_image(args.file, dataset=args.dataset)
    seconds = time.perf_counter() - start
    calibration = _calibration(args.pixel_size, micrograph)
    if args.expected is not None:
        expectation = Expectation.from_numbers(
            args.expected, args.distance_sum, micrograph.image.shape, TYPED_UNCERTAINTY
        )
    else:
        crystal = None if args.lattice else _lattice(args, calibration, micrograph)
        expectation = Expectation.from_image(micrograph.image, crystal, args.polarity)
    return _execute(
        args,
        source=str(args.file),
        image=micrograph.image,
        calibration=calibration,
        crystal="its own lattice" if args.lattice else args.crystal and args.crystal.name,
        expectation=expectation,
        polarity=args.polarity,
        folder=args.out or Path(f"logstar-{args.file.stem}"),
        read_seconds=seconds,
    )


def _calibration(given: PixelSize | None, micrograph: Micrograph) -> PixelSize | None:
    if given is not None:
        return given
    if micrograph.pixel_size is None or micrograph.unit is None:
        return None
    return PixelSize(micrograph.pixel_size, micrograph.unit)


def _lattice(
    args: argparse.Namespace, calibration: PixelSize | None, micrograph: Micrograph
) -> Lattice:
    from logstar.io import convert_length  # noqa: PLC0415 - heavy; --help needs none of it

    if calibration is None:
        option = "--crystal" if args.cif is None else "--cif"
        gives, example = "no pixel size", "such as 0.2A"
        if micrograph.pixel_size is not None:
            gives = f"the pixel size {micrograph.pixel_size:.5g} without a unit"
            example = f"{micrograph.pixel_size:.5g}nm if these are nm"
        raise ValueError(
            f"{args.file} gives {gives}; {option} needs one: pass --pixel-size, {example}."
        )
    pixel_size = convert_length(calibration.value, calibration.unit, to="A")
    lattice: Lattice = args.crystal.lattice(pixel_size)
    return lattice


def _execute(
    args: argparse.Namespace,
    *,
    source: str,
    image: Any,
    calibration: PixelSize | None,
    crystal: str | None,
    expectation: Any,
    polarity: Literal["bright", "dark"],
    folder: Path,
    read_seconds: float,
) -> Run:
    """Tune, detect and write; what both commands share."""
    from ._progress import progress_bar  # noqa: PLC0415 - heavy; --help needs none of it
    from ._report import Run  # noqa: PLC0415
    from ._tuning import tune_and_detect  # noqa: PLC0415

    # Before the search: nobody wants to learn after it that nothing can be written.
    folder.mkdir(parents=True, exist_ok=True)
    with progress_bar(args.n_iter) as progress:
        tuned = tune_and_detect(
            image,
            expectation,
            polarity=polarity,
            n_iter=args.n_iter,
            random_state=args.random_state,
            progress=progress,
        )
    run = Run(
        source=source,
        image=image,
        pixel_size=None if calibration is None else calibration.value,
        unit=None if calibration is None else calibration.unit,
        crystal=crystal,
        expectation=expectation,
        tuned=tuned,
        truth=None,
        seconds={
            "read": read_seconds,
            "tune": tuned.search_seconds,
            "detect": tuned.detect_seconds,
        },
    )
    start = time.perf_counter()
    run.write(folder)
    run.seconds["write"] = time.perf_counter() - start
    return run
