"""Going through a stack: which frame is found with whose settings, and when to tune anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from logstar._validation import Image, as_image

from ._bands import Bands, FrameRewards
from ._cluster import submit_to
from ._finder import AtomFinder
from ._frame_atoms import FrameAtoms, find_in_frame, settings_of

Retune: TypeAlias = Literal["never", "auto", "always"]


class FrameRecord(NamedTuple):
    """What became of a frame.

    Attributes
    ----------
    number : int
        From 0.
    columns : dict of str to ndarray
        The atoms.
    rewards : FrameRewards
        QC and ER.
    tuned_on : int
        The frame whose settings found them; -1 if none was tuned on yet.
    state : str
        "tuned" on itself; "within" or "outside" the bands of the frame that was tuned on; "left" if
        these were left, and no better settings were found; "again" if it was outside at first, and
        then done with the settings of the next; "untuned" if the frame is constant, and none was
        tuned on before.
    trusted : bool
        Whether number and distances are those of frames that agree with what is expected.
    """

    number: int
    columns: dict[str, NDArray[Any]]
    rewards: FrameRewards
    tuned_on: int
    state: str
    trusted: bool

    def packed(self) -> dict[str, Any]:
        """As plain values and arrays."""
        return {**self._asdict(), "rewards": list(self.rewards)}

    @classmethod
    def unpacked(cls, found: dict[str, Any]) -> FrameRecord:
        """Undo `packed`."""
        return cls(**{**found, "rewards": FrameRewards(*found["rewards"])})


class Settings(NamedTuple):
    """What frames are found with.

    Attributes
    ----------
    finder : AtomFinder
        Fitted to a frame.
    tuned_on : int
        Its number.
    bands : Bands
        Around its rewards.
    uncertainty : float
        Relative, of the expected number.
    """

    finder: AtomFinder
    tuned_on: int
    bands: Bands
    uncertainty: float

    @classmethod
    def of(cls, finder: AtomFinder, tuned_on: int, rewards: FrameRewards) -> Settings:
        """Begin bands around the rewards of a frame."""
        n = finder.expectation_.n_expected
        uncertainty = finder.expectation_.uncertainty if np.isfinite(n) else 0.0
        bands = Bands(rewards, uncertainty=uncertainty)
        return cls(settings_of(finder), tuned_on, bands, uncertainty)

    def restarted(self, rewards: FrameRewards) -> Settings:
        """Begin other bands."""
        return self._replace(bands=Bands(rewards, uncertainty=self.uncertainty))


class _Ahead(NamedTuple):
    """A frame whose atoms are being found.

    Attributes
    ----------
    number : int
        Of the frame.
    image : ndarray
        The frame.
    atoms : Future or None
        Of its atoms; None if nothing was tuned on yet.
    """

    number: int
    image: Image
    atoms: Any


class StackRun:
    """Finds the atoms of frames, one after the other as far as anyone can tell.

    Frames are worked on ahead, with the settings of the moment. Where these turn out to be tuned
    anew, what was begun is begun again: records do not depend on the number of threads.

    Parameters
    ----------
    finder : AtomFinder
        Not fitted; what is to be tuned.
    retune : {"never", "auto", "always"}
        When.
    n_threads : int
        Threads here.
    prefetch : int
        Frames that are in memory at a time, beside the two that may have to be done again.
    client : dask.distributed.Client or None
        Whose workers find atoms instead.
    """

    def __init__(
        self, finder: AtomFinder, retune: Retune, *, n_threads: int, prefetch: int, client: Any
    ) -> None:
        self._finder, self._retune = finder, retune
        self._n_threads, self._prefetch, self._client = n_threads, prefetch, client
        self._settings: Settings | None = None
        #: The last frame with its record, if it was outside and waits for what the next one says.
        self._held: tuple[FrameRecord, Image] | None = None

    def resume(self, records: Sequence[FrameRecord], image_of: Callable[[int], Any]) -> None:
        """Take the settings and bands that an earlier run had after its last record.

        Parameters
        ----------
        records : sequence of FrameRecord
            All of that run; what atoms they have does not matter.
        image_of : callable
            Gives the frame of a number.
        """
        # Done again with the settings of the next frame, which are tuned when that is reached.
        is_awaiting = bool(records) and records[-1].state == "again"
        if not records or records[-1].tuned_on < 0 or self._retune == "always" or is_awaiting:
            return
        tuned_on = records[-1].tuned_on
        fitted = self._fitted(as_image(image_of(tuned_on)))
        settings = Settings.of(fitted, tuned_on, records[-1].rewards)
        for record in records:
            if record.state in {"tuned", "left"}:
                settings = settings.restarted(record.rewards)
            elif record.state in {"within", "outside"}:
                settings.bands.judge(record.rewards)
        self._settings = settings

    def records(self, frames: Iterable[Any], start: int) -> Generator[FrameRecord]:
        """Yield the record of each frame.

        Parameters
        ----------
        frames : iterable of array-like of shape (n_rows, n_cols)
            Those that are to be done.
        start : int
            Number of the first.

        Yields
        ------
        record : FrameRecord
            In the order of the frames; at most the last one waits for the next.
        """
        source = enumerate(frames, start)
        with self._submitter() as submit:
            ahead: deque[_Ahead] = deque()
            while True:
                for number, frame in islice(source, self._prefetch - len(ahead)):
                    image = as_image(frame, name=f"frame {number}")
                    ahead.append(_Ahead(number, image, submit(self._work(), image)))
                if not ahead:
                    break
                first = ahead.popleft()
                before = self._finder_now
                yield from self._done(first)
                if self._finder_now is not before:
                    for one in ahead:
                        one.atoms.cancel()
                    ahead = deque(
                        _Ahead(n, image, submit(self._work(), image)) for n, image, _ in ahead
                    )
        yield from self._released()

    @property
    def _finder_now(self) -> AtomFinder | None:
        return None if self._settings is None else self._settings.finder

    @contextmanager
    def _submitter(self) -> Iterator[Callable[[Any, Image], Any]]:
        """Give what starts to work on a frame."""
        if self._client is not None:
            yield partial(submit_to, self._client)
            return
        with ThreadPoolExecutor(self._n_threads) as pool:
            try:
                yield pool.submit
            finally:
                # Whoever takes no more records has no use for what has not begun.
                pool.shutdown(cancel_futures=True)

    def _work(self) -> Callable[[Image], FrameAtoms | None]:
        """What to do with a frame by the settings of the moment."""
        if self._retune == "always":
            return partial(_tuned_atoms, self._finder)
        if self._settings is None:
            return _nothing
        return partial(find_in_frame, self._settings.finder)

    def _done(self, one: _Ahead) -> Iterator[FrameRecord]:
        """Decide on a frame, and yield what is settled."""
        atoms: FrameAtoms | None = one.atoms.result()
        if self._retune == "always":
            yield _by_itself(one.number, atoms)
        elif self._settings is None:
            yield self._begun(one)
        elif atoms is not None:
            yield from self._judged(one, atoms, self._settings)

    def _begun(self, one: _Ahead) -> FrameRecord:
        """Tune on the first frame that shows anything."""
        if one.image.min() == one.image.max():
            return _by_itself(one.number, None)
        return self._tuned(one, self._fitted(one.image))

    def _judged(self, one: _Ahead, atoms: FrameAtoms, settings: Settings) -> Iterator[FrameRecord]:
        state = settings.bands.judge(atoms.rewards)
        if self._retune == "never" and state == "left":
            state = "outside"
        if state == "left":
            held = self._held
            fitted = self._refitted(one.image)
            if fitted is not None:
                record = self._tuned(one, fitted)
                if held is not None:
                    self._held = None
                    yield self._again(*held)
                yield record
                return
            # No better settings are to be had: what is now is what further frames are compared to.
            self._settings = settings = settings.restarted(atoms.rewards)
        yield from self._released()
        trusted = state == "within" and settings.bands.is_trusted
        record = FrameRecord(
            one.number, atoms.columns, atoms.rewards, settings.tuned_on, state, trusted
        )
        if state == "outside" and self._retune == "auto":
            self._held = record, one.image
        else:
            yield record

    def _tuned(self, one: _Ahead, fitted: AtomFinder) -> FrameRecord:
        """Take the settings of a frame."""
        atoms = find_in_frame(fitted, one.image)
        self._settings = Settings.of(fitted, one.number, atoms.rewards)
        trusted = self._settings.bands.is_trusted
        return FrameRecord(one.number, atoms.columns, atoms.rewards, one.number, "tuned", trusted)

    def _again(self, record: FrameRecord, image: Image) -> FrameRecord:
        """Do a frame with the settings of the next."""
        if self._settings is None:
            return record
        atoms = find_in_frame(self._settings.finder, image)
        bands = self._settings.bands
        trusted = bands.is_trusted and bands.contains(atoms.rewards)
        tuned_on = self._settings.tuned_on
        return FrameRecord(record.number, atoms.columns, atoms.rewards, tuned_on, "again", trusted)

    def _released(self) -> Iterator[FrameRecord]:
        """Yield the frame that waited, as it is."""
        if self._held is not None:
            record, self._held = self._held[0], None
            yield record

    def _fitted(self, image: Image) -> AtomFinder:
        finder: AtomFinder = clone(self._finder)
        return finder.fit(image)

    def _refitted(self, image: Image) -> AtomFinder | None:
        """Tune anew; None if the frame shows nothing that one could."""
        try:
            fitted = self._fitted(image)
        except ValueError:
            # It is constant, or shows no lattice or another one.
            return None
        return fitted if len(fitted.atoms_) else None


def _nothing(_: Image) -> None:
    """Wait for the frame to be tuned on."""


def _tuned_atoms(finder: AtomFinder, image: Image) -> FrameAtoms | None:
    """Tune on a frame; None if it shows nothing that one could."""
    try:
        fitted: AtomFinder = clone(finder).fit(image)
    except ValueError:
        return None
    return find_in_frame(fitted, image)


def _by_itself(number: int, atoms: FrameAtoms | None) -> FrameRecord:
    """The record of a frame that has no settings but its own."""
    if atoms is None:
        nothing = {name: np.empty(0) for name in ("row", "col", "sigma", "response")}
        columns = {**nothing, "flagged": np.empty(0, dtype=bool)}
        return FrameRecord(number, columns, FrameRewards(np.nan, np.nan), -1, "untuned", False)
    trusted = Bands(atoms.rewards).is_trusted
    return FrameRecord(number, atoms.columns, atoms.rewards, number, "tuned", trusted)
