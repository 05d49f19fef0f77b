"""Tuning anew beside the work: a job in another process, whose result is taken when it is ready."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import Any, Literal

from sklearn.base import clone

from logstar.detection import SignificanceDetector
from logstar.io import Micrograph

from ._bands import Bands, FrameRewards
from ._finder import AtomFinder

#: What a fit raises where the frame contradicts what it was told, or shows nothing to tune on.
_REFUSED = (ValueError, RuntimeError)


@dataclass(frozen=True)
class Retuned:
    """What came of tuning anew.

    Parameters
    ----------
    finder : AtomFinder
        Fitted to the frame.
    reasons : tuple of str
        Why its atoms are not to be trusted, in words.
    """

    finder: AtomFinder
    reasons: tuple[str, ...] = ()


def bands_of(finder: AtomFinder) -> Bands:
    """Begin the bands of a finder that was fitted to a frame."""
    tuned = FrameRewards(finder.qc_, finder.er_)
    return Bands(tuned, uncertainty=finder.expectation_.uncertainty)


def tune_anew(template: AtomFinder, micrograph: Micrograph) -> Retuned:
    """Tune on a frame as on the first one; if that does not fit, by the frame's own lattice.

    Parameters
    ----------
    template : AtomFinder
        Not fitted.
    micrograph : Micrograph
        The frame.

    Raises
    ------
    ValueError, RuntimeError
        If neither can be.
    """
    found, refusal = None, ""
    try:
        found = clone(template)._fit(micrograph)  # noqa: SLF001 - of this package
    except _REFUSED as error:
        refusal = str(error)
        if _is_told_nothing(template):
            raise
    if found is not None and (bands_of(found).is_trusted or _is_told_nothing(template)):
        return Retuned(found, _doubts(found))
    own = clone(template).set_params(
        lattice="auto", expected=None, distance_sum=None, visible=None, grain=None
    )
    try:
        seen = own._fit(micrograph)  # noqa: SLF001 - of this package
    except _REFUSED:
        if found is None:
            raise
        return Retuned(found, _doubts(found))
    if refusal == "":
        refusal = _doubts(found or seen)[0]
    return Retuned(
        seen, (f"what was told does not fit, atoms are by the frame's own lattice: {refusal}",)
    )


def _is_told_nothing(template: AtomFinder) -> bool:
    """Whether a lattice of the frame's own would be nothing new, or nothing that was asked for."""
    has_numbers = template.expected is not None or template.distance_sum is not None
    return not has_numbers and (template.lattice is None or isinstance(template.lattice, str))


def _doubts(finder: AtomFinder) -> tuple[str, ...]:
    if finder.verdict_.status == "failed":
        return finder.verdict_.reasons
    if bands_of(finder).is_trusted:
        return ()
    n_found, expected = len(finder.atoms_), finder.expectation_.count
    return (f"{n_found} atoms were found and {expected} expected, tuned as well as can be",)


def chances(finder: AtomFinder) -> tuple[str, ...]:
    """Say why number and distances of the atoms may be met by chance, as they can be in noise."""
    by_noise = isinstance(finder.detector_, SignificanceDetector)
    words = list(finder.evidence_.concerns(finder.polarity, is_significant=by_noise))
    expected = finder.expectation_
    if expected.lattice is not None and expected.image_lattice is None and expected.grains is None:
        words.append("the frame does not show the crystal's lattice")
    if not by_noise and not finder.plateau_.is_stable:
        words.append("the number of atoms hangs on the threshold")
    return tuple(words)


class Retuner:
    """Keeps at most one job of tuning anew.

    Parameters
    ----------
    template : AtomFinder
        Not fitted.
    executor : Executor, default=None
        Where jobs run. None is a process of its own, started at once: a thread would hold the
        interpreter for milliseconds at a time, and what it changes of Python's filters of warnings
        would be changed here too.
    """

    def __init__(self, template: AtomFinder, executor: Executor | None = None) -> None:
        self._template = template
        self._given = executor
        self._own: Any = None
        self._job: Future[Retuned] | None = None
        self._state: Literal["considered", "wanted", "dismissed"] = "dismissed"
        if executor is None:
            self._start()

    def consider(self, micrograph: Micrograph, *, wanted: bool) -> None:
        """Begin to tune on a frame, if nothing is under way; its result is not yet taken.

        Parameters
        ----------
        micrograph : Micrograph
            The frame.
        wanted : bool
            Whether it is known that the result, or that of the job under way, will be taken.
        """
        if self._job is not None and self._state == "dismissed":
            if not self._job.done():
                return
            self._job = None
        if self._job is None:
            # Whatever a file's metadata hold, they need not travel.
            plain = Micrograph(micrograph.image, micrograph.pixel_size, path=micrograph.path)
            self._job = self._submit(plain)
            self._state = "considered"
        if wanted:
            self._state = "wanted"

    def dismiss(self) -> None:
        """Do without the job under way: its frame was an exception."""
        self._state = "dismissed"

    @property
    def is_ready(self) -> bool:
        """Whether there is a result that is wanted."""
        return self._job is not None and self._state == "wanted" and self._job.done()

    def take(self) -> Retuned | str:
        """Return what is ready, or why there is nothing."""
        job, self._job = self._job, None
        self._state = "dismissed"
        if job is None:
            return "nothing was tuned"
        try:
            return job.result()
        except Exception as error:  # noqa: BLE001 - detection goes on whatever it is
            if isinstance(error, BrokenExecutor):
                # The process was killed: the next job needs another.
                self.close()
            return f"it could not be tuned anew: {error or type(error).__name__}"

    def close(self) -> None:
        """End the process, if it is an own one."""
        if self._own is not None:
            self._own.shutdown(wait=False, kill_workers=True)
            self._own = None

    def _submit(self, micrograph: Micrograph) -> Future[Retuned]:
        if self._given is not None:
            return self._given.submit(tune_anew, self._template, micrograph)
        if self._own is None:
            self._start()
        try:
            job: Future[Retuned] = self._own.submit(tune_anew, self._template, micrograph)
        except BrokenExecutor:
            # The process was killed while it had nothing to do.
            self.close()
            self._start()
            job = self._own.submit(tune_anew, self._template, micrograph)
        return job

    def _start(self) -> None:
        from joblib.externals.loky import ProcessPoolExecutor  # noqa: PLC0415 - slow to import

        self._own = ProcessPoolExecutor(max_workers=1)
        # Importing takes a second, which the first job need not wait for.
        self._own.submit(_warm_up)


def _warm_up() -> None:
    """Do nothing, in a process that had to import this module for it."""


def template_of(finder: AtomFinder) -> AtomFinder:
    """Copy what a finder is told, for jobs that have to be quick."""
    template: AtomFinder = clone(finder)
    template.set_params(refine=None, oracle=None, callback=None)
    return template
