"""In what order, by how many threads and with what in common several settings are swept."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from logstar._runtime import in_order, threads_of
from logstar._sweeping import Front, Interval
from logstar._validation import FloatArray, Image

from . import ScaleSpaceCandidates
from ._criteria import Criteria
from ._exact_front import Bounds, exact_front, strongest
from ._parameters import check_parameters, check_sizes, ladder_of, scaling_of
from ._scaling import Scaled
from ._shared_candidates import Request, SharedCandidates, Tables
from ._tables import SMALL, CandidateTest, Part, candidate_tables, scaled_images

if TYPE_CHECKING:
    from ._detector import LoGStarDetector

#: Makes the test of candidates for the detector of a setting; None tests nothing.
TestMaker: TypeAlias = "Callable[[LoGStarDetector], CandidateTest | None]"

#: Candidates of several ladders are found at once and kept until it is their turn. This is the
#: greatest product of the images' pixels and the number of ladders for which that is done: 16
#: ladders at 2048 px, four at 4096 px. In strong noise the candidates of ten ladders at 2048 px
#: take 25 MB.
_PIXELS_AT_ONCE = 1 << 26


def bounds_of(ranges: Mapping[str, Interval]) -> Bounds:
    """Read the bounds of threshold and overlap.

    Raises
    ------
    ValueError
        For other parameters.
    """
    if set(ranges) != {"threshold", "overlap"}:
        raise ValueError(f"threshold and overlap are swept, both or none; got {sorted(ranges)}.")
    return {name: (float(each.low), float(each.high)) for name, each in ranges.items()}


class SweepPlan:
    """How a detector is swept at several settings.

    Parameters
    ----------
    detector : LoGStarDetector
        Its own parameters hold where a setting names none; it is not modified.
    images : list of Image
        What it sees.
    settings : sequence of mapping
        Values of its parameters.
    criteria : Criteria
        What is scored.
    bounds : dict of str to tuple of float
        Between which values threshold and overlap are swept.
    make_test : callable, default=None
        Makes the test of candidates for each setting's detector.
    """

    def __init__(
        self,
        detector: LoGStarDetector,
        images: list[Image],
        settings: Sequence[Mapping[str, Any]],
        criteria: Criteria,
        bounds: Bounds,
        make_test: TestMaker | None = None,
    ) -> None:
        # By the constructor: `clone` and `set_params` take a good part of a small image's time.
        own = detector.get_params(deep=False) if settings else {}
        self._detectors = [type(detector)(**{**own, **setting}) for setting in settings]
        self._images = images
        self._criteria = criteria
        self._bounds = bounds
        self._make_test = make_test
        # Plateaus may reach below the least threshold that is swept.
        self._least = min(bounds["threshold"][0], criteria.least_threshold)
        # Resolved once: `n_jobs` of -1 costs a look at the machine each time it is read.
        self._n_threads = threads_of(detector.n_jobs)
        is_small = max(image.size for image in images) <= SMALL
        n = len(self._detectors)
        self._n_at_once = max(1, min(self._n_threads, n)) if is_small else 1
        # The last settings may be fewer than are swept at a time: they share all the threads.
        n_last = n % self._n_at_once
        self._n_own_threads = [
            self._n_threads // (n_last if index >= n - n_last else self._n_at_once)
            for index in range(n)
        ]
        self._scaled_images: dict[Any, list[Scaled]] = {}
        # Fronts by the candidates that they are of: ladders whose ends differ where nothing is
        # found have the same.
        self._known: dict[Any, Front] = {}
        self._requests = [self._request(each) for each in self._detectors]
        self._shared = SharedCandidates(
            self._requests,
            self._find,
            max(1, _PIXELS_AT_ONCE // sum(image.size for image in images)),
        )

    def fronts(self) -> Iterator[Front]:
        """Yield the front of one setting after another; each can be had once."""
        return in_order(self._front, range(len(self._detectors)), self._n_at_once)

    def _front(self, index: int) -> Front:
        detector = self._detectors[index]
        if self._requests[index] is None:
            # What was found wrong then is said now, when it is the setting's turn.
            check_parameters(detector)
            check_sizes(detector, self._images)
        test = None if self._make_test is None else self._make_test(detector)
        kept = [
            strongest(
                table if test is None else table[test(table, place)],
                self._least,
                self._criteria,
                self._bounds,
            )
            for place, table in enumerate(self._shared.take(index))
        ]
        key = tuple((len(table), _digest(table), least) for table, least in kept)
        known = self._known.get(key)
        if known is not None:
            return copy.deepcopy(known)
        n_threads = self._n_own_threads[index]
        candidates = [
            ScaleSpaceCandidates(table, threshold=least, n_jobs=n_threads) for table, least in kept
        ]
        found = exact_front(candidates, self._criteria, self._bounds)
        self._known[key] = found
        return found

    def _find(self, index: int, ladder: FloatArray, parts: Sequence[Part]) -> list[Tables]:
        """Find the candidates of each part of a ladder, all else as at the setting `index`."""
        detector = self._detectors[index]
        # A call for several ladders may use every thread: the other settings wait for it.
        n_threads = self._n_threads if len(parts) > 1 else self._n_own_threads[index]
        found = [
            candidate_tables(detector, image, ladder, parts, self._least, n_threads)
            for image in self._scaled(scaling_of(detector))
        ]
        return [list(tables) for tables in zip(*found, strict=True)]

    def _scaled(self, scaling: tuple[str, tuple[float, float] | None]) -> list[Scaled]:
        if scaling not in self._scaled_images:
            n_threads = self._n_threads
            self._scaled_images[scaling] = scaled_images(self._images, scaling, n_threads=n_threads)
        return self._scaled_images[scaling]

    def _request(self, detector: LoGStarDetector) -> Request | None:
        """What candidates depend on; None for a setting that will be refused at its turn."""
        try:
            check_parameters(detector)
            check_sizes(detector, self._images)
            key = scaling_of(detector), int(detector.exclude_border), id(detector.mask)
            return Request(ladder_of(detector), key)
        except (TypeError, ValueError):
            return None


def _digest(table: FloatArray) -> bytes:
    """What tells a table from others, without keeping it."""
    return hashlib.sha256(np.ascontiguousarray(table).data).digest()
