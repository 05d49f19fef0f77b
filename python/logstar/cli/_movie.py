"""The command `detect` for movies: tuned on a frame, and anew where frames change."""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from logstar import __version__

from ._detect import NothingFoundError, physics_of, refine_of, request_of
from ._inputs import Input
from ._printing import shown
from ._progress import Stages
from ._results import Results
from ._values import Crystal

if TYPE_CHECKING:
    from logstar.io import ImageStack
    from logstar.tuning import RunProgress, StackAtoms

_ATOMS, _FRAMES = "positions", "frames.csv"
#: Tunings whose frames are told of before it becomes hard to read.
_MOST_TOLD = 8


@dataclass
class MovieOutcome:
    """What was found in a movie, and where it is written.

    Attributes
    ----------
    source : str
        The movie, as people know it.
    atoms : StackAtoms
        Of its frames.
    shape : tuple of int
        Rows and columns of a frame.
    seconds : float
        How long it took.
    files : dict of str to Path
        What was written.
    """

    source: str
    atoms: StackAtoms
    shape: tuple[int, int]
    seconds: float
    files: dict[str, Path]

    @property
    def is_trusted(self) -> bool:
        """Whether every frame agrees with what is expected."""
        return bool(self.atoms.frames["trusted"].all())

    @property
    def _tuned(self) -> list[int]:
        return [int(i) for i in np.flatnonzero(self.atoms.frames["state"] == "tuned")]

    def rows(self) -> list[tuple[str, str]]:
        """Everything as names and texts."""
        frames, size = self.atoms.frames, self.atoms.pixel_size
        n_frames, n_rows, n_cols = len(self.atoms), *self.shape
        counts, tuned = frames["n_atoms"], self._tuned
        told = ", ".join(map(str, tuned[:_MOST_TOLD]))
        more = f" and {len(tuned) - _MOST_TOLD} more" if len(tuned) > _MOST_TOLD else ""
        n_trusted = int(frames["trusted"].sum())
        calibration = "" if size is None else f", {size}"
        rows = [
            ("movie", f"{shown(self.source)}, {n_frames} x {n_rows} x {n_cols} px{calibration}"),
            ("found", f"{counts.sum()} atoms, {counts.min()} to {counts.max()} a frame"),
            ("tuned", f"on frame{'s' if len(tuned) > 1 else ''} {told}{more}"),
            ("trusted", f"{n_trusted} of {n_frames} frames agree with what is expected"),
            ("time", f"{self.seconds:.2f} s ({n_frames / self.seconds:.1f} frames a second)"),
        ]
        paths = map(str, self.files.values())
        return rows + [("written" if i == 0 else "", path) for i, path in enumerate(paths)]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        frames = self.atoms.frames
        return {
            "version": __version__,
            "source": self.source,
            "n_frames": len(self.atoms),
            "shape": list(self.shape),
            "n_found": int(frames["n_atoms"].sum()),
            "tuned_on": self._tuned,
            "n_trusted": int(frames["trusted"].sum()),
            "interrupted": False,
            "seconds": {"movie": round(self.seconds, 3)},
            "files": {kind: str(path) for kind, path in self.files.items()},
        }


def detect_movie(
    args: argparse.Namespace,
    crystal: Crystal | None,
    path: Path,
    results: Results,
    stages: Stages,
) -> MovieOutcome:
    """Find the atoms of each frame of a movie, and write them as they come.

    Parameters
    ----------
    args : Namespace
        Of the whole command.
    crystal : Crystal or None
        That of the options.
    path : Path
        The movie: a file, or a folder of frames.
    results : Results
        Where to write.
    stages : Stages
        Is told how far it is.

    Returns
    -------
    outcome : MovieOutcome

    Raises
    ------
    NothingFoundError
        If no frame has an atom.
    Exception
        As `find_atoms_in_stack`.
    """
    from logstar.io import open_stack  # noqa: PLC0415 - heavy; --help needs none of it
    from logstar.tuning import find_atoms_in_stack  # noqa: PLC0415

    start = time.perf_counter()
    stages.begin("reading")
    stack = open_stack(
        path,
        channel=args.channel,
        resample=args.resample,
        binning=args.binning,
        pixel_size=args.pixel_size,
    )
    extension = "parquet" if "parquet" in (args.formats or ()) else "h5"

    def tell(state: RunProgress) -> None:
        stages.counted("frames", state.n_done, state.n_total)

    atoms = find_atoms_in_stack(
        stack,
        out=results.folder / f"{_ATOMS}.{extension}",
        retune=args.retune,
        n_jobs=-1,
        resume=args.resume,
        progress=tell,
        denoise=args.denoise,
        window=args.window,
        mask=_mask_of(args, stack),
        n_iter=args.n_iter,
        random_state=args.random_state,
        **refine_of(args),
        **physics_of(args, crystal),
    )
    if not atoms.frames["n_atoms"].any():
        raise NothingFoundError(f"{path}: no frame has an atom.")

    def save(folder: Path) -> Mapping[str, Path]:
        _write_frames(folder / _FRAMES, atoms)
        return {"frames": folder / _FRAMES}

    results.write(save)
    results.files["positions"] = results.folder / f"{_ATOMS}.{extension}"
    seconds = time.perf_counter() - start
    outcome = MovieOutcome(str(path), atoms, stack.shape, seconds, results.all_files)
    results.finish(outcome.as_dict(), request_of(args, Input(path)))
    return outcome


def _mask_of(args: argparse.Namespace, stack: ImageStack) -> Any:
    """Where to look, by --mask and --roi."""
    from logstar.io import read_mask  # noqa: PLC0415 - heavy; --help needs none of it
    from logstar.tuning._source import field_of_roi  # noqa: PLC0415

    mask = None if args.mask is None else read_mask(args.mask)
    if args.roi is None:
        return mask
    field = field_of_roi(args.roi, stack.shape)
    return field if mask is None else field & mask


def _write_frames(path: Path, atoms: StackAtoms) -> None:
    """Write a line for each frame."""
    frames = atoms.frames
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["frame", *frames])
        for i, row in enumerate(zip(*(column.tolist() for column in frames.values()), strict=True)):
            cells = [f"{x:.6g}" if isinstance(x, float) else int(x) if isinstance(x, bool) else x
                     for x in row]  # fmt: skip
            writer.writerow([i, *cells])
