"""The main job over a stack or movie: frames one by one, results as they come."""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from logstar import __version__
from logstar._runtime import threads_of
from logstar._validation import check_integer
from logstar.exceptions import CorrelatedNoiseWarning, NoAtomsWarning, UndersampledWarning
from logstar.io import ImageStack, open_stack
from logstar.io._frame_tables import check_format
from logstar.lattice import Lattice
from logstar.model_selection._fingerprint import fingerprint

from ._cluster import check_client
from ._finder import AtomFinder
from ._long_run import Stage, TellsProgress
from ._record_log import RecordLog, check_same, read_records
from ._stack_atoms import StackAtoms, frames_of_records, kinds_of, write_atoms
from ._stack_run import FrameRecord, Retune, StackRun

_RETUNE = ("never", "auto", "always")
#: Added to the name of the file of results while they come in.
_LOG = ".running"
#: Frames that are taken ahead of their results, for each thread.
_AHEAD = 2
#: Parameters of `AtomFinder` on which no result depends.
_WITHOUT_EFFECT = ("n_jobs", "callback")


def find_atoms_in_stack(
    source: Any,
    *,
    out: str | os.PathLike[str] | None = None,
    retune: Retune = "auto",
    n_jobs: int | None = None,
    client: Any = None,
    prefetch: int | None = None,
    resume: bool = False,
    progress: TellsProgress | None = None,
    dataset: int | None = None,
    channel: Any = None,
    resample: bool = False,
    binning: int = 1,
    refine: Any = None,
    **parameters: Any,
) -> StackAtoms:
    """Find the atoms of each frame of a stack or movie.

    The first frame is tuned on, and the others are found with its settings. Where number and
    distances of the atoms leave the band of quiet frames, settings are tuned anew on the frame that
    left it. Frames are loaded one by one, and results are written as they come: memory does not
    grow with the movie, and a run that was killed goes on where it was.

    Parameters
    ----------
    source : path-like, array, signal or iterable of images
        What `logstar.io.open_stack` takes, or has opened.
    out : path-like, default=None
        File for the atoms of all frames: h5 or hdf5 (extra ``io``), or parquet (extra
        ``parquet``); one that is there is replaced. While frames come in, they are in a file beside
        it whose name ends in ".running". None keeps them in memory.
    retune : {"never", "auto", "always"}, default="auto"
        "auto" tunes anew when two of three frames are outside the bands; the one before them is
        then done again as well, if it was outside. "always" tunes on each frame for itself, "never"
        on the first alone.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. The result does not depend on it.
    client : dask.distributed.Client, default=None
        Whose workers find the atoms; tuning and writing stay here. The result is the same.
    prefetch : int, default=None
        Frames that are in memory ahead of their results; None is two for each thread.
    resume : bool, default=False
        Whether to go on with what an earlier run with the same `out` left. If that had come to its
        end, its result is opened.
    progress : callable, default=None
        Called with a `RunProgress` after each frame.
    dataset, channel, resample, binning : optional
        As of `logstar.io.open_stack`.
    refine : {"joint", "window"} or None, default=None
        As of `AtomFinder`, and None in its place: finding the atoms of a frame of 512 x 512 pixels
        takes 4 ms, refining them in windows 20 ms and jointly 70 ms.
    **parameters : dict
        Further ones of `AtomFinder`; a `pixel_size` is that of the source's pixels, and grows with
        `binning`.

    Returns
    -------
    atoms : StackAtoms
        A table for each frame, and what became of the frames. With `out`, backed by that file.

    Raises
    ------
    BlockingIOError
        If another process writes to `out`.
    FileNotFoundError, ImportError, OSError
        If the source cannot be read, or `out` not be written.
    TypeError, ValueError
        As `logstar.io.open_stack` and `AtomFinder.fit` of the first frame that is not constant; for
        a run to go on with that is of another stack or of other parameters.

    See Also
    --------
    find_atoms : One image.
    logstar.tracking.link_atoms : From frames to trajectories.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import find_atoms_in_stack
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> clear = make_scene(crystal, (96, 96), random_state=0).image
    >>> movie = clear + 0.05 * np.random.default_rng(0).standard_normal((3, 96, 96))
    >>> found = find_atoms_in_stack(movie, lattice=crystal)
    >>> [len(atoms) for atoms in found]
    [40, 40, 40]
    """
    if retune not in _RETUNE:
        raise ValueError(f"retune must be one of {_RETUNE}, got {retune!r}.")
    check_client(client)
    n_threads = threads_of(n_jobs)
    if prefetch is None:
        n_workers = n_threads if client is None else max(1, sum(client.nthreads().values()))
        prefetch = _AHEAD * n_workers
    prefetch = check_integer(prefetch, name="prefetch", low=1)
    path = None if out is None else Path(out)
    if path is not None:
        # Not after a run of hours.
        check_format(path)
    if path is None and resume:
        raise ValueError("resume=True needs out, the file of the earlier run.")
    stack = open_stack(
        source,
        dataset=dataset,
        channel=channel,
        resample=resample,
        binning=binning,
        pixel_size=parameters.pop("pixel_size", None),
    )
    finder = AtomFinder(**parameters, pixel_size=stack.pixel_size, refine=refine, n_jobs=n_jobs)
    run = StackRun(finder, retune, n_threads=n_threads, prefetch=prefetch, client=client)
    header = _header(stack, finder, retune)
    with warnings.catch_warnings():
        # The state of each frame says so. Threads share these filters, so they are set here.
        for kind in (NoAtomsWarning, CorrelatedNoiseWarning, UndersampledWarning):
            warnings.simplefilter("ignore", kind)
        if path is None:
            return StackAtoms(list(_told(run, stack, stack.frames(), 0, progress)), header)
        return _on_file(run, stack, path, header, resume=resume, progress=progress)


def _told(
    run: StackRun,
    stack: ImageStack,
    frames: Iterator[NDArray[Any]],
    start: int,
    progress: TellsProgress | None,
) -> Iterator[FrameRecord]:
    """Yield the records of frames that are still to be done, and tell of each."""
    stage = Stage("frames", stack.n_frames, progress, start)
    with closing(run.records(frames, start)) as records:
        for record in records:
            yield record
            stage.step()


def _on_file(
    run: StackRun,
    stack: ImageStack,
    path: Path,
    header: dict[str, Any],
    *,
    resume: bool,
    progress: TellsProgress | None,
) -> StackAtoms:
    log_path = path.with_name(path.name + _LOG)
    if resume and path.exists() and not log_path.exists():
        found = StackAtoms.load(path)
        check_same(path, found.header.get("run"), header["run"])
        if stack.n_frames not in {None, len(found)}:
            raise ValueError(
                f"{path} holds the {len(found)} frames of a run that has come to its end, and the "
                f"stack has {stack.n_frames}; give another path, or resume=False."
            )
        return found
    with RecordLog(log_path, header, resume=resume) as log:
        before = [_without_atoms(record) for record in _records(log_path)]
        frames = _left_of(run, stack, before)
        for record in _told(run, stack, frames, len(before), progress):
            log.append(record.packed())
        _convert(log_path, path, header)
    log_path.unlink()
    return StackAtoms.load(path)


def _left_of(
    run: StackRun, stack: ImageStack, before: Sequence[FrameRecord]
) -> Iterator[NDArray[Any]]:
    """Have a run go on after some records, and give the frames that follow."""
    if stack.is_repeatable:
        run.resume(before, stack.__getitem__)
        return stack.frames(len(before))
    # What comes one after another comes once: the frame that was tuned on is kept in passing.
    frames = stack.frames()
    kept: dict[int, NDArray[Any]] = {}
    for number, image in enumerate(islice(frames, len(before))):
        if number == before[-1].tuned_on:
            kept[number] = np.array(image)
    run.resume(before, kept.__getitem__)
    return frames


def _records(path: Path) -> Iterator[FrameRecord]:
    found = read_records(path)
    next(found)
    return map(FrameRecord.unpacked, found)


def _without_atoms(record: FrameRecord) -> FrameRecord:
    return record._replace(columns={})


def _convert(log_path: Path, path: Path, header: dict[str, Any]) -> None:
    """Make a file of results of a whole log, a frame in memory at a time.

    Raises
    ------
    OSError
        If there is no room for it: where a disk is full HDF5 may raise anything, or hang. The log
        stays, for a run that resumes.
    """
    # Compressed, the file is smaller than the log.
    needed, free = log_path.stat().st_size, shutil.disk_usage(path.absolute().parent).free
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"{os.strerror(errno.ENOSPC)}: it may take {needed / 1e6:.0f} MB, of which "
            f"{free / 1e6:.0f} are free; make room, and go on with resume=True",
            str(path),
        )
    counts: list[int] = []
    plain: list[FrameRecord] = []

    def looked_at() -> Iterator[dict[str, NDArray[Any]]]:
        for record in _records(log_path):
            counts.append(len(record.columns["row"]))
            plain.append(_without_atoms(record))
            yield record.columns

    kinds = kinds_of(looked_at())
    frames = frames_of_records(plain, counts)
    tables = (record.columns for record in _records(log_path))
    write_atoms(path, tables, kinds, frames, header)


def _header(stack: ImageStack, finder: AtomFinder, retune: Retune) -> dict[str, Any]:
    """What a file says of all frames, and what has to be the same for a run to go on."""
    asked = clone(finder).set_params(**dict.fromkeys(_WITHOUT_EFFECT))
    problem = fingerprint({"finder": asked, "retune": retune}, {"first frame": stack.first})
    problem["logstar"] = __version__
    size = stack.pixel_size
    if size is None and isinstance(finder.lattice, Lattice):
        size = finder.lattice.pixel_size
    found: dict[str, Any] = {"software": f"logstar {__version__}"}
    if stack.path is not None:
        found["source"] = {"name": stack.path.name}
    return {
        "kind": "stack",
        "run": problem,
        "shape": list(stack.shape),
        "pixel_size": None if size is None else [size.value, size.unit],
        "origin": list(stack.origin),
        "provenance": found,
    }
