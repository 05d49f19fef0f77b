"""Frames as a microscope makes them: atoms of each at once, and new settings when these fail."""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from logstar._validation import FloatArray, Image, as_image, check_real
from logstar.detection import SignificanceDetector, atom_significance
from logstar.exceptions import NoAtomsWarning
from logstar.io import AtomTable, Micrograph
from logstar.refinement import Refinement
from logstar.units import PixelSize

from ._bands import Bands, FrameRewards, State
from ._choice import ER, QC, SIGNIFICANCE
from ._finder import AtomFinder
from ._frame_atoms import find_in_frame
from ._frames import as_frame
from ._overlap import overlapping_lattice
from ._refining import columns_of, refine_atoms
from ._retuning import Retuned, Retuner, bands_of, chances, template_of
from ._window_ladders import without_windows

#: Relative change of the distances of atoms, in told pixels, that is another magnification or
#: another crystal: lattices of frames are known to 0.3 %, and drift bends a scan by a percent or
#: two.
_OTHER_LATTICE = 0.04
#: Relative difference of two pixel sizes that are told apart.
_OTHER_SIZE = 1e-3
#: After tuning in vain the next attempt waits for so many frames, twice as many each time.
_FIRST_WAIT, _LONGEST_WAIT = 2, 64
#: Refinement is begun if this many times what it took at the beginning is left of the latency.
_SAFETY = 1.3
_STATES = ("auto", "never")


@dataclass(frozen=True, eq=False)
class LiveResult:
    """What was found in one frame.

    Parameters
    ----------
    atoms : AtomTable
        "row", "col" and "sigma" in pixels, "response", "support" if the image was denoised, and
        "flagged", the atoms that are too close to their neighbours; of refined atoms the columns of
        the refinement besides. The strongest first.
    rewards : dict of str to float
        "qc" and "er"; of single atoms "significance", the share that noise could explain. NaN where
        nothing is expected.
    retuned : bool
        Whether this is the first frame of new settings.
    trusted : bool
        Whether the frame is as the one that was tuned on, and that one had as many atoms as
        expected.
    reasons : tuple of str
        Why it is not trusted; empty if it is.
    refined : bool
        Whether positions are refined to a fraction of a pixel.
    seconds : float
        How long it took.
    number : int
        The frame's number, from 0.

    Examples
    --------
    >>> from logstar import AtomTable
    >>> from logstar.tuning import LiveResult
    >>> atoms = AtomTable.from_array([[1.0, 2.0, 3.0]])
    >>> LiveResult(atoms, {"qc": 0.0, "er": 0.0}, retuned=False, trusted=True)
    LiveResult(frame 0: 1 atom, qc 0.000, er 0.000)
    """

    atoms: AtomTable
    rewards: Mapping[str, float]
    retuned: bool
    trusted: bool
    reasons: tuple[str, ...] = ()
    refined: bool = False
    seconds: float = math.nan
    number: int = 0

    def __repr__(self) -> str:
        n = len(self.atoms)
        values = "".join(f", {name} {value:.3f}" for name, value in self.rewards.items())
        said = (", retuned" if self.retuned else "") + ("" if self.trusted else ", not trusted")
        return f"LiveResult(frame {self.number}: {n} atom{'s' if n != 1 else ''}{values}{said})"


class _Look(NamedTuple):
    """What settings find in a frame, and what that says of them."""

    columns: dict[str, NDArray[np.generic]]
    rewards: FrameRewards
    state: State

    @property
    def detections(self) -> FloatArray:
        """Row, column and sigma."""
        return np.column_stack([self.columns[name] for name in ("row", "col", "sigma")])


class LiveFinder:
    """Find the atoms of frames as they come, and tune anew beside that when it has to be.

    The first frame is tuned on, unless `finder` is fitted already. The next ones are searched with
    its settings, in milliseconds. Where number or distances of the atoms leave the band in which
    quiet frames vary, another process tunes on that frame; if the next frames leave it as well, its
    settings take over as soon as they are ready, and detection never waits for them. A frame that
    alone is off, such as by a flash of the gun, changes nothing.

    Parameters
    ----------
    finder : AtomFinder
        What is expected of frames, as of one image; fitted or not.
    latency : float, default=0.05
        Seconds that a frame may take. Positions are refined, as `finder.refine` says, where that is
        likely to fit in.
    retune : {"auto", "never"}, default="auto"
        Whether to tune anew where frames leave their band. With "never" they are merely not
        trusted.
    executor : concurrent.futures.Executor, default=None
        Where it is tuned anew, such as on another machine. None is a process of this object's own.
    clock : callable, default=time.perf_counter
        What time it is, in seconds.

    Attributes
    ----------
    finder_ : AtomFinder
        Fitted: the settings now, and the frame that they were tuned on. After the first time
        without refined positions.
    n_frames_ : int
        Number of frames that were processed.
    n_retuned_ : int
        How many times new settings took over.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    See Also
    --------
    frames : Iterates over a folder that fills, or what an instrument serves.

    Notes
    -----
    A frame is trusted if it is within the band, and if the frame that was tuned on had as many
    atoms as expected. A step of magnification that was not told ends in frames that are not
    trusted: where the crystal that was told does not fit, atoms are by the frame's own lattice, and
    where the distances of atoms, in the pixel size that was told, have changed by more than 4 %
    since the first frame, the reasons say so. A frame with another pixel size of its own, as a
    `Micrograph` has, is tuned on as a matter of course. After tuning in vain the next attempt
    waits, up to 64 frames; the last settings that were trusted are tried on each frame meanwhile,
    and are back as soon as they fit.

    Examples
    --------
    >>> from logstar import AtomFinder, Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import LiveFinder
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> with LiveFinder(AtomFinder(crystal, refine="window"), latency=10) as live:
    ...     for seed in range(3):
    ...         scene = make_scene(
    ...             crystal, (128, 128), origin=(3, 4), noise=0.05, random_state=seed
    ...         )
    ...         result = live.process(scene.image)
    >>> result.trusted, result.refined, live.n_retuned_
    (True, True, 0)
    """

    def __init__(
        self,
        finder: AtomFinder,
        latency: float = 0.05,
        retune: Literal["auto", "never"] = "auto",
        *,
        executor: Executor | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not isinstance(finder, AtomFinder):
            raise TypeError(f"finder must be an AtomFinder, got {finder!r}.")
        if retune not in _STATES:
            raise ValueError(f"retune={retune!r} must be one of {_STATES}.")
        self._latency = check_real(latency, name="latency", low=0, low_included=False)
        self._clock = clock
        self._told = finder
        self._is_tuned = False
        self._retuner: Retuner | None = None
        if retune == "auto":
            self._retuner = Retuner(template_of(finder), executor)
        self._reasons: tuple[str, ...] = ()
        self._failure = ""
        self._former: tuple[Retuned, Bands] | None = None
        self._n_vain = self._wait = 0
        self.n_frames_ = self.n_retuned_ = 0
        if hasattr(finder, "verdict_"):
            self._begin(finder)

    def process(self, frame: Any) -> LiveResult:
        """Find the atoms of the next frame.

        Parameters
        ----------
        frame : array-like of shape (n_rows, n_cols), Micrograph, or what `frames` takes
            The frame.

        Returns
        -------
        result : LiveResult
            Its atoms.

        Raises
        ------
        TypeError, ValueError
            For what is no image, and if the first frame cannot be tuned on; see `AtomFinder.fit`.
        """
        start = self._clock()
        micrograph = as_frame(frame)
        image = as_image(micrograph.image, name="frame")
        if not self._is_tuned:
            self._begin(clone(self._told)._fit(micrograph))  # noqa: SLF001 - of this package
        retuned = self._take_over() or self._return(image, micrograph)
        look = self._look(image, micrograph)
        if self._consider(look, micrograph) and self._take_over():
            # New settings were ready before it was known that they are needed.
            retuned = True
            look = self._look(image, micrograph)
        reasons = self._reasons_of(look, image)
        atoms, refined = self._table(image, look, start)
        result = LiveResult(
            atoms,
            self._named(look.rewards),
            retuned=retuned,
            trusted=not reasons,
            reasons=reasons,
            refined=refined,
            seconds=self._clock() - start,
            number=self.n_frames_,
        )
        self.n_frames_ += 1
        return result

    def close(self) -> None:
        """End the process that tunes anew."""
        if self._retuner is not None:
            self._retuner.close()

    def __enter__(self) -> Self:
        """Enter a block at whose end the process is ended."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        self.close()

    # Settings.

    def _begin(self, finder: AtomFinder) -> None:
        """Take the first settings."""
        failed = finder.verdict_.status == "failed"
        self._settle(Retuned(finder, finder.verdict_.reasons if failed else ()))
        self._may_be_chance = bool(chances(finder))
        self._length = self._length_of(finder)
        self._is_tuned = True
        self._seconds_an_atom = math.inf
        if self._told.refine is not None and len(finder.atoms_):
            # Twice, as the first call of all pays for imports.
            self._seconds_an_atom = min(self._time_refinement(finder) for _ in range(2))

    def _settle(self, tuned: Retuned, bands: Bands | None = None) -> None:
        """Take settings, whose bands begin anew unless they are known."""
        if self._is_tuned and self._is_good:
            self._former = Retuned(self.finder_), self._bands
        self.finder_: AtomFinder = tuned.finder
        self._bands: Bands = bands_of(tuned.finder) if bands is None else bands
        if bands is None and isinstance(tuned.finder.detector_, SignificanceDetector):
            atoms = tuned.finder.atoms_
            columns = {name: atoms[name] for name in ("row", "col")}
            share = self._explained_by_noise(tuned.finder.image_, columns)
            self._bands = Bands(self._bands.tuned._replace(significance=share))
        # Whether there is time to refine is known only when the atoms are.
        self._coarse = _without_refinement(tuned.finder)
        self._reasons = tuned.reasons
        self._failure = ""

    def _take_over(self) -> bool:
        """Take new settings if there are any that are wanted."""
        if self._retuner is None or not self._retuner.is_ready:
            return False
        tuned = self._retuner.take()
        if isinstance(tuned, str):
            self._failure = tuned
            self._waits_longer()
            return False
        self._settle(tuned)
        self.n_retuned_ += 1
        length = self._length_of(tuned.finder)
        if abs(length / self._length - 1) > _OTHER_LATTICE:
            ratio = length / self._length
            other = (
                f"distances of atoms are {ratio:.2f} times those of the first frame: another "
                "magnification or another crystal, which was not told"
            )
            self._reasons = (*self._reasons, other)
        if not self._reasons and not self._may_be_chance:
            self._reasons = chances(tuned.finder)
        if not self._is_good:
            self._waits_longer()
        return True

    @property
    def _is_good(self) -> bool:
        """Whether frames within the band are trusted."""
        return not self._reasons and self._bands.is_trusted

    def _return(self, image: Image, micrograph: Micrograph) -> bool:
        """Take former settings that were trusted, if those of now are not, and the former fit."""
        if self._former is None or self._is_good or self._is_other(image, micrograph):
            return False
        tuned, bands = self._former
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoAtomsWarning)
            rewards = find_in_frame(_without_refinement(tuned.finder), image).rewards
        if bands.judge(rewards) != "within":
            return False
        self._settle(tuned, bands)
        self.n_retuned_ += 1
        return True

    def _waits_longer(self) -> None:
        self._wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**self._n_vain)
        self._n_vain += 1

    def _length_of(self, finder: AtomFinder) -> float:
        """Length by which lattices are compared, in what pixels were told to be."""
        told = finder.pixel_size
        size = finder.file_pixel_size_ if told is None else PixelSize.of(told)
        length = finder.expectation_.distance_sum
        if not math.isfinite(length):
            return 1.0
        return length if size is None else length * size.to("A").value

    def _consider(self, look: _Look, micrograph: Micrograph) -> bool:
        """Decide what the state of a frame means; tell whether new settings are wanted."""
        retuner = self._retuner
        if look.state == "within":
            self._failure = ""
            if self._is_good:
                self._n_vain = self._wait = 0
            if retuner is not None:
                retuner.dismiss()
            return False
        if retuner is None or micrograph.image.min() == micrograph.image.max():
            return False
        if self._wait > 0:
            self._wait -= 1
            return False
        retuner.consider(micrograph, wanted=look.state == "left")
        return look.state == "left"

    # Frames.

    def _look(self, image: Image, micrograph: Micrograph) -> _Look:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoAtomsWarning)
            columns, rewards = find_in_frame(self._settings_for(image), image)
        if self._is_other(image, micrograph):
            # Numbers and distances were expected of frames of another kind.
            return _Look(columns, FrameRewards(math.nan, math.nan), "left")
        if isinstance(self.finder_.detector_, SignificanceDetector):
            rewards = rewards._replace(significance=self._explained_by_noise(image, columns))
        return _Look(columns, rewards, self._bands.judge(rewards))

    def _settings_for(self, image: Image) -> AtomFinder:
        """The settings, with one threshold where their field is of frames of another shape."""
        finder = self._coarse
        if finder.windows_ is None or image.shape == finder.image_.shape:
            return finder
        other = copy.copy(finder)
        other.detector_ = without_windows(finder)
        return other

    def _is_other(self, image: Image, micrograph: Micrograph) -> bool:
        """Whether a frame has another shape or pixel size than was tuned on."""
        if image.shape != self.finder_.image_.shape:
            return True
        sizes = micrograph.pixel_size, self.finder_.file_pixel_size_
        now, then = (None if size is None else size.to("A").value for size in sizes)
        return now is not None and then is not None and abs(now / then - 1) > _OTHER_SIZE

    def _explained_by_noise(self, image: Image, columns: Mapping[str, Any]) -> float:
        """Share of the atoms that noise could explain."""
        atoms = np.column_stack([columns["row"], columns["col"]])
        size = float(self.finder_.params_["atom_size"])
        if len(atoms) == 0 or image.min() == image.max():
            return 1.0
        found = atom_significance(image, atoms, size=size, polarity=self.finder_.polarity)
        return float(np.mean(found <= 0))

    def _named(self, rewards: FrameRewards) -> dict[str, float]:
        named = {QC: rewards.qc, ER: rewards.er}
        if isinstance(self.finder_.detector_, SignificanceDetector):
            named[SIGNIFICANCE] = rewards.significance
        return named

    def _reasons_of(self, look: _Look, image: Image) -> tuple[str, ...]:
        """Say why a frame is not trusted."""
        reasons = list(self._reasons)
        if image.min() == image.max():
            reasons.append("the frame is constant")
        elif look.state != "within":
            reasons.append(self._describe(look))
            reasons += [self._failure] * bool(self._failure)
        elif not self._bands.is_trusted and not reasons:
            reasons.append(f"QC is {self._bands.tuned.qc:.3f} as tuned, not near 0")
        return tuple(reasons)

    def _describe(self, look: _Look) -> str:
        values, centre = self._named(look.rewards), self._named(self._bands.centre)
        widths = self._named(self._bands.half_widths)
        outside = [
            f"{name} {values[name]:.3f} (quiet frames {centre[name]:.3f} +- {widths[name]:.3f})"
            for name in values
            if abs(values[name] - centre[name]) > widths[name]
        ]
        return (
            "outside the band: " + ", ".join(outside) if outside else "another shape or pixel size"
        )

    def _table(self, image: Image, look: _Look, start: float) -> tuple[AtomTable, bool]:
        table = AtomTable(look.columns, pixel_size=self.finder_.pixel_size_)
        left = self._latency - (self._clock() - start)
        if len(table) == 0 or _SAFETY * self._seconds_an_atom * len(table) > left:
            return table, False
        return table.with_columns(**columns_of(self._refine(image, look.detections))), True

    def _refine(self, image: Image, found: FloatArray) -> Refinement:
        finder = self.finder_
        return refine_atoms(
            image,
            found,
            how=self._told.refine,  # type: ignore[arg-type] # not None where this is called
            polarity=finder.polarity,
            overlap=overlapping_lattice(finder.expectation_) is not None,
            n_jobs=finder.n_jobs,
        )

    def _time_refinement(self, finder: AtomFinder) -> float:
        start = self._clock()
        sigma = finder.atoms_["sigma"]
        self._refine(finder.image_, np.column_stack([finder.atoms_.positions, sigma]))
        return (self._clock() - start) / len(finder.atoms_)


def _without_refinement(finder: AtomFinder) -> AtomFinder:
    """The settings alone; they share all else with the finder."""
    coarse = copy.copy(finder)
    coarse.refine = None
    return coarse
