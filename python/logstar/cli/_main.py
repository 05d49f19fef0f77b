"""The commands, from arguments to an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logstar import __version__

from . import _batch
from ._arguments import build_parser, check_physics
from ._detect import detect, execute, request_of

if TYPE_CHECKING:
    from ._report import Run
    from ._segment import Segmentation

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
        if args.command == "info":
            return _info(args)
        if args.command == "detect" and (len(args.files) > 1 or args.resume):
            return _detect_all(args)
        run = _COMMANDS[args.command](args)
    except KeyboardInterrupt:
        return _fail(args, "interrupted before anything was evaluated.", INTERRUPTED)
    except ValueError as error:
        return _fail(args, error, BAD_INPUT)
    except Exception as error:  # noqa: BLE001 - people get a sentence, --debug shows where
        return _fail(args, error, FAILED)
    _print(json.dumps(run.as_dict(), indent=2) if args.json else run.summary())
    return INTERRUPTED if run.finder.search_.interrupted_ else OK


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
    from logstar.io import Micrograph  # noqa: PLC0415
    from logstar.metrics import detection_metrics  # noqa: PLC0415

    start = time.perf_counter()
    scene = load_ybco(noisy=args.noisy)
    seconds = time.perf_counter() - start
    run = execute(
        args,
        Micrograph(scene.image, scene.pixel_size),
        {"lattice": scene.lattice},
        source=f"YBa2Cu3O7 [100], simulated{' at low dose' if args.noisy else ''}",
        crystal="ybco",
        folder=args.out or Path("logstar-demo"),
        read_seconds=seconds,
    )
    run.truth = detection_metrics(run.finder.atoms_.positions, scene.positions)
    return run


def _info(args: argparse.Namespace) -> int:
    from ._info import inspect_file  # noqa: PLC0415 - heavy; --help needs none of it

    found: list[dict[str, Any]] = []
    code = OK
    for path in args.files:
        try:
            info = inspect_file(args, path)
        except Exception as error:  # noqa: BLE001 - the other files are not to suffer
            code = _fail(args, error, FAILED)
            found.append({"file": str(path), "error": str(error)})
            continue
        found.append(info.as_dict())
        if not args.json:
            _print(("" if path == args.files[0] else "\n") + info.summary())
    if args.json:
        _print(json.dumps({"version": __version__, "files": found}, indent=2))
    return code


def _detect_all(args: argparse.Namespace) -> int:
    """Detect in many files; one table and one exit code."""
    check_physics(args)
    rows = list(
        _batch.detect_all(
            args,
            lambda one: ((run := detect(one)).as_dict(), run.finder.search_.interrupted_),
            request_of,
            lambda file, error: _told(args, file, error),
        )
    )
    folder = args.out or Path()
    folder.mkdir(parents=True, exist_ok=True)
    summary = folder / ("summary.csv" if args.out else "logstar-summary.csv")
    _batch.write_summary(summary, rows)
    statuses = {row.status for row in rows}
    if args.json:
        table = [row.as_dict() for row in rows]
        _print(json.dumps({"version": __version__, "files": table, "summary": str(summary)}))
    else:
        _print(f"{_batch.table(rows)}\n{summary}")
    if _batch.INTERRUPTED in statuses:
        return INTERRUPTED
    return FAILED if _batch.FAILED in statuses else OK


def _told(args: argparse.Namespace, file: Path, error: Exception) -> str:
    message = " ".join(str(error).split()) or type(error).__name__
    named = message if str(file) in message else f"{file}: {message}"
    _fail(args, named, FAILED)
    return message


def _segment(args: argparse.Namespace) -> Segmentation:
    from ._segment import segment  # noqa: PLC0415 - heavy; --help needs none of it

    run = detect(args)
    return segment(
        run,
        args.out,
        threshold=args.threshold,
        polarity=args.polarity,
        random_state=args.random_state,
    )


_COMMANDS: dict[str, Callable[[argparse.Namespace], Run | Segmentation]] = {
    "demo": _demo,
    "detect": detect,
    "segment": _segment,
}
