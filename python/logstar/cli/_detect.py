"""The command `detect` for one file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logstar import __version__

from ._arguments import check_physics
from ._batch import RESULT, write_result
from ._image_arguments import read_chosen

if TYPE_CHECKING:
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
    start = time.perf_counter()
    micrograph = read_chosen(args, args.file)
    seconds = time.perf_counter() - start
    if args.crystal is not None and micrograph.pixel_size is None:
        option = "--crystal" if args.cif is None else "--cif"
        notes = f" ({' '.join(micrograph.notes)})" if micrograph.notes else ""
        raise ValueError(
            f"{args.file} gives no pixel size{notes}; {option} needs one: pass --pixel-size, such "
            "as 0.2A."
        )
    parameters = {
        "lattice": "auto" if args.lattice else args.crystal and args.crystal.lattice,
        "expected": args.expected,
        "distance_sum": args.distance_sum,
        "polarity": args.polarity,
    }
    return execute(
        args,
        micrograph,
        parameters,
        source=str(args.file),
        crystal="its own lattice" if args.lattice else args.crystal and args.crystal.name,
        folder=args.out,
        read_seconds=seconds,
        dataset=args.dataset,
        formats=("csv", *(name for name in args.formats or () if name != "csv")),
    )


def execute(
    args: argparse.Namespace,
    micrograph: Any,
    parameters: dict[str, Any],
    *,
    source: str,
    crystal: str | None,
    folder: Path,
    read_seconds: float,
    dataset: int | None = None,
    formats: tuple[str, ...] = ("csv",),
) -> Run:
    """Tune, detect and write; what both commands share."""
    from logstar.tuning import AtomFinder  # noqa: PLC0415 - heavy; --help needs none of it

    from ._progress import progress_bar  # noqa: PLC0415
    from ._report import NothingFoundError, Run  # noqa: PLC0415

    # Before the search: nobody wants to learn after it that nothing can be written.
    folder.mkdir(parents=True, exist_ok=True)
    with progress_bar(args.n_iter) as progress:
        finder = AtomFinder(
            **parameters,
            denoise=args.denoise,
            n_iter=args.n_iter,
            random_state=args.random_state,
            callback=progress,
            n_jobs=-1,
        )
        finder._fit(micrograph, dataset)  # noqa: SLF001 - the command reads the file itself
    finder.seconds_ = {"read": read_seconds, **finder.seconds_}
    if finder.verdict_.status == "failed":
        raise NothingFoundError(finder.verdict_.reasons[0])
    run = Run(source=source, crystal=crystal, finder=finder, formats=formats)
    run.write(folder)
    return run
