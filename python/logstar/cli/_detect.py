"""The command `detect` for one file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from logstar import __version__

from ._arguments import PixelSize, check_physics
from ._batch import RESULT, write_result
from ._image_arguments import read_chosen

if TYPE_CHECKING:
    from logstar.io import Micrograph
    from logstar.lattice import Lattice

    from ._report import Run


def request_of(args: argparse.Namespace) -> dict[str, Any]:
    """What was asked for: an earlier result is as good if this is the same."""
    from logstar.io import provenance  # noqa: PLC0415 - heavy; --help needs none of it

    pixel_size = args.pixel_size
    names = ("lattice", "expected", "distance_sum", "polarity", "dataset", "average", "channel")
    others = ("resample", "binning", "n_iter", "random_state", "denoise", "formats", "zone")
    return {
        "version": __version__,
        "source": provenance(args.file)["source"],
        "crystal": args.crystal and args.crystal.name,
        "cif": args.cif and provenance(args.cif)["source"],
        "pixel_size": pixel_size and [pixel_size.value, pixel_size.unit],
        **{name: getattr(args, name) for name in (*names, *others)},
    }


def detect(args: argparse.Namespace) -> Run:
    """Detect in one file: `file`, or the first of `files`."""
    if not hasattr(args, "file"):
        (args.file,) = args.files
        args.out = args.out or Path(f"logstar-{args.file.stem}")
        check_physics(args)
    request = request_of(args) if args.file.exists() else {}
    (args.out / RESULT).unlink(missing_ok=True)
    run = _detect_one(args)
    write_result(args.out, run.as_dict(), request)
    return run


def _detect_one(args: argparse.Namespace) -> Run:
    from logstar.tuning._expectation import TYPED_UNCERTAINTY, Expectation  # noqa: PLC0415 - heavy

    start = time.perf_counter()
    micrograph = read_chosen(args, args.file)
    seconds = time.perf_counter() - start
    size = micrograph.pixel_size
    calibration = None if size is None else PixelSize(size.value, size.unit)
    if args.expected is not None:
        expectation = Expectation.from_numbers(
            args.expected, args.distance_sum, micrograph.image.shape, TYPED_UNCERTAINTY
        )
    else:
        crystal = None if args.lattice else _lattice(args, calibration, micrograph)
        expectation = Expectation.from_image(micrograph.image, crystal, args.polarity)
    return execute(
        args,
        source=str(args.file),
        image=micrograph.image,
        calibration=calibration,
        crystal="its own lattice" if args.lattice else args.crystal and args.crystal.name,
        expectation=expectation,
        polarity=args.polarity,
        folder=args.out,
        read_seconds=seconds,
        path=args.file,
        dataset=args.dataset,
        formats=("csv", *(name for name in args.formats or () if name != "csv")),
    )


def _lattice(
    args: argparse.Namespace, calibration: PixelSize | None, micrograph: Micrograph
) -> Lattice:
    from logstar.units import convert_length  # noqa: PLC0415 - heavy; --help needs none of it

    if calibration is None:
        option = "--crystal" if args.cif is None else "--cif"
        notes = f" ({' '.join(micrograph.notes)})" if micrograph.notes else ""
        raise ValueError(
            f"{args.file} gives no pixel size{notes}; {option} needs one: pass --pixel-size, such "
            "as 0.2A."
        )
    pixel_size = convert_length(calibration.value, calibration.unit, to="A")
    lattice: Lattice = args.crystal.lattice(pixel_size)
    return lattice


def execute(
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
    **about: Any,
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
            denoise=args.denoise,
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
        **about,
    )
    start = time.perf_counter()
    run.write(folder)
    run.seconds["write"] = time.perf_counter() - start
    return run
