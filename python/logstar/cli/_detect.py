"""The command `detect` for one image: read, find atoms, write."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logstar import __version__

from ._inputs import Input
from ._printing import shown
from ._progress import Stages
from ._results import Results
from ._start import wait_for_drawing
from ._values import Crystal

if TYPE_CHECKING:
    from logstar.io import Micrograph
    from logstar.tuning import AtomFinder, Report, TiledAtoms

#: Options that a result depends on: an earlier one is kept only if they are the same.
_OPTIONS = (
    *(
        "lattice",
        "expected",
        "distance_sum",
        "atom_size",
        "visible",
        "calibration",
        "force",
        "grain",
        "polarity",
    ),
    *("average", "channel", "resample", "binning", "roi", "n_iter", "random_state", "denoise"),
    *("refine", "tile", "window"),
    *("formats", "zone", "plots"),
)
#: Those of `logstar map` alone.
_OF_MAPS = (
    *("fields", "reference", "measure", "axes", "radius", "kinds", "step", "grids", "grid_step"),
)
#: Files that a reader reads beside the one that is named: the extension of the latter, and a
#: pattern of what follows its stem in the names of the former.
_COMPANIONS = {".emi": "_*.ser", ".mib": ".hdr", ".rpl": ".raw", ".xml": "*.raw"}


#: What is done of an image that is found by tiles, while it runs.
_RUNNING = "positions.running"


class NothingFoundError(RuntimeError):
    """No atom was found, said as a sentence."""


@dataclass
class Outcome:
    """What was found in one image, and where it is written.

    Attributes
    ----------
    source : str
        The image, as people know it.
    folder : Path
        Where the files are.
    finder : AtomFinder or TiledAtoms
        Fitted; the latter if it was found by tiles.
    seconds : dict of str to float
        How long each part took.
    files : dict of str to Path
        What was written.
    crystal : str or None
        Name of the crystal.
    interrupted : str
        Where it was interrupted; empty if it was not.
    more : list of tuple of two str
        Further rows of the report, each a name and a text.
    more_values : dict
        Further entries of the result as JSON, as plain values.
    """

    source: str
    folder: Path
    finder: AtomFinder | TiledAtoms
    seconds: dict[str, float]
    files: dict[str, Path]
    crystal: str | None = None
    interrupted: str = ""
    more: list[tuple[str, str]] = field(default_factory=list)
    more_values: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The verdict on the atoms: "ok" or "check"."""
        return self.finder.verdict_.status

    def rows(self) -> list[tuple[str, str]]:
        """Everything as names and texts."""
        # The report's own time lacks what is outside the finder; all parts follow below.
        rows = [row for row in self._report().rows if row[0] != "time"] + self.more
        parts = ", ".join(f"{part} {value:.2f}" for part, value in self.seconds.items())
        if self.interrupted:
            rows.append(("INTERRUPTED", self.interrupted))
        rows.append(("time", f"{sum(self.seconds.values()):.2f} s ({parts})"))
        paths = map(str, self.files.values())
        return rows + [("written" if i == 0 else "", path) for i, path in enumerate(paths)]

    def _report(self) -> Report:
        return self.finder.report(source=self.source, crystal=self.crystal)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "version": __version__,
            **self._report().as_dict(),
            **self.more_values,
            "interrupted": bool(self.interrupted),
            "seconds": {part: round(value, 3) for part, value in self.seconds.items()},
            "files": {kind: str(path) for kind, path in self.files.items()},
        }


def request_of(args: argparse.Namespace, one: Input) -> dict[str, Any]:
    """Describe what is asked for; an earlier result with the same description is as good.

    Raises
    ------
    OSError
        If an input cannot be read.
    """
    from logstar.io import provenance  # noqa: PLC0415 - heavy; --help needs none of it

    files = {name: getattr(args, name) for name in ("cif", "mask")}
    pattern = _COMPANIONS.get(one.path.suffix.lower())
    companions = [] if pattern is None else one.path.parent.glob(escape(one.path.stem) + pattern)
    names = _OPTIONS + (_OF_MAPS if args.command == "map" else ())
    options = {name: getattr(args, name) for name in names}
    return {
        "version": __version__,
        "command": args.command,
        "place": str(one.place),
        "dataset": one.dataset,
        "source": provenance(one.path)["source"],
        "companions": [provenance(path)["source"] for path in sorted(companions)],
        "crystal": args.crystal and args.crystal.name,
        "pixel_size": args.pixel_size and str(args.pixel_size),
        "amorphous_above": getattr(args, "threshold", None),
        "retune": getattr(args, "retune", None),
        **{name: path and provenance(path)["source"] for name, path in files.items()},
        **options,
    }


def read(args: argparse.Namespace, path: Path, dataset: int | None) -> Micrograph:
    """Read the image of a file that the options choose."""
    from logstar.io import read_image  # noqa: PLC0415 - heavy; --help needs none of it

    return read_image(
        path,
        dataset=dataset,
        average=args.average,
        channel=args.channel,
        resample=args.resample,
        binning=args.binning,
    )


def physics_of(args: argparse.Namespace, crystal: Crystal | None) -> dict[str, Any]:
    """Parameters of `AtomFinder` that say what an image shows, as the options give them."""
    told = None if crystal is None else crystal.lattice
    names = (
        "polarity", "expected", "distance_sum", "atom_size", "visible", "grain", "calibration",
        "force",
    )  # fmt: skip
    return {
        "lattice": "auto" if args.lattice == "auto" else told,
        **{name: getattr(args, name) for name in names},
    }


def refine_of(args: argparse.Namespace) -> dict[str, Any]:
    """What --refine says, as a parameter; not given, it is left to the default of what is called.

    That is joint for an image, of which each position counts, and None for a movie.
    """
    if args.refine is None:
        return {}
    return {"refine": None if args.refine == "none" else args.refine}


def detect(
    args: argparse.Namespace,
    crystal: Crystal | None,
    one: Input,
    results: Results,
    stages: Stages,
) -> Outcome:
    """Find the atoms of one image and write them.

    Parameters
    ----------
    args : Namespace
        Of the whole command.
    crystal : Crystal or None
        That of the options.
    one : Input
        The image.
    results : Results
        Where to write.
    stages : Stages
        Is told what is being done.

    Returns
    -------
    outcome : Outcome

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted before anything was evaluated.
    NothingFoundError
        If there is no atom.
    Exception
        As `find_atoms`.
    """
    mask = None
    if args.mask is not None:
        from logstar.io import read_mask  # noqa: PLC0415 - rarely needed

        mask = read_mask(args.mask)
    try:
        outcome = find(
            args,
            one.path,
            stages,
            source=str(one),
            roi=args.roi,
            dataset=one.dataset,
            average=args.average,
            channel=args.channel,
            resample=args.resample,
            binning=args.binning,
            pixel_size=args.pixel_size,
            mask=mask,
            tile=args.tile,
            checkpoint=_checkpoint(results, resume=args.resume),
            **physics_of(args, crystal),
        )
    except ValueError:
        if crystal is not None and args.pixel_size is None:
            _check_calibrated(args, one)
        raise
    if crystal is not None:
        outcome.crystal = crystal.name
    write(outcome, results, args, stages)
    return outcome


def _checkpoint(results: Results, *, resume: bool) -> Path:
    """Where an image that is found by tiles keeps what is done, until it is whole."""
    path = results.folder / _RUNNING
    if not resume:
        path.unlink(missing_ok=True)
    return path


def _check_calibrated(args: argparse.Namespace, one: Input) -> None:
    """Say that there is no pixel size, and what the file says instead."""
    from logstar.io import open_image  # noqa: PLC0415 - heavy; --help needs none of it

    micrograph: Any
    if args.average or args.resample or args.binning > 1:
        micrograph = read(args, one.path, one.dataset)
    else:
        micrograph = open_image(one.path, dataset=one.dataset, channel=args.channel)
    if micrograph.pixel_size is None:
        option = "--crystal" if args.cif is None else "--cif"
        notes = "".join(f" {note[:1].upper()}{note[1:]}" for note in micrograph.notes)
        raise ValueError(
            f"{one.path} gives no pixel size; {option} needs one: pass --pixel-size, such as "
            f"0.2A.{notes}"
        ) from None


def find(
    args: argparse.Namespace, image: Any, stages: Stages, *, source: str, **parameters: Any
) -> Outcome:
    """Find the atoms of an image in memory or in a file, in the way that all commands share.

    Raises
    ------
    NothingFoundError
        If there is no atom.
    """
    from logstar.exceptions import NoAtomsWarning  # noqa: PLC0415 - heavy; --help needs none of it
    from logstar.tuning import AtomFinder, RunProgress, find_atoms  # noqa: PLC0415

    def tell(state: RunProgress) -> None:
        stages.counted(state.stage, state.n_done, state.n_total)

    stages.begin("reading")
    with warnings.catch_warnings():
        # The verdict says so as well.
        warnings.simplefilter("ignore", NoAtomsWarning)
        finder = find_atoms(
            image,
            denoise=args.denoise,
            window=args.window,
            **refine_of(args),
            n_iter=args.n_iter,
            n_jobs=-1,
            random_state=args.random_state,
            callback=stages.evaluated,
            progress=tell,
            **parameters,
        )
    if finder.verdict_.status == "failed":
        raise NothingFoundError("; ".join(finder.verdict_.reasons))
    outcome = Outcome(source, Path(), finder, dict(finder.seconds_), {})
    if isinstance(finder, AtomFinder) and finder.search_.interrupted_:
        outcome.interrupted = "before the end of the search; this is what was evaluated until then"
    return outcome


def write(outcome: Outcome, results: Results, args: argparse.Namespace, stages: Stages) -> None:
    """Write what was found."""
    chosen = getattr(args, "formats", None) or ()
    formats = ("csv", *(name for name in dict.fromkeys(chosen) if name != "csv"))

    def save(folder: Path, plots: bool) -> Mapping[str, Path]:
        return outcome.finder.save(
            folder,
            formats=formats,
            plots=plots,
            source=shown(outcome.source),
            crystal=outcome.crystal,
        )

    write_files(outcome, results, save, args, stages)


def write_files(
    outcome: Outcome,
    results: Results,
    save: Callable[[Path, bool], Mapping[str, Path]],
    args: argparse.Namespace,
    stages: Stages,
) -> None:
    """Write files of an outcome; interrupted while they are drawn, without the pictures.

    Parameters
    ----------
    outcome : Outcome
        Is told of files and seconds.
    results : Results
        Where to write.
    save : callable
        Takes a folder and whether to draw, gives the files that it wrote.
    args : Namespace
        Of the whole command.
    stages : Stages
        Is told what is being done.
    """
    start = time.perf_counter()
    stages.begin("drawing" if args.plots else "writing")
    wait_for_drawing()
    try:
        results.write(lambda folder: save(folder, args.plots))
    except KeyboardInterrupt:
        outcome.interrupted = "while it was drawn; the pictures are missing"
        results.write(lambda folder: save(folder, False))
    outcome.folder = results.folder
    outcome.files = results.all_files
    taken = time.perf_counter() - start
    outcome.seconds["write"] = outcome.seconds.get("write", 0.0) + taken
