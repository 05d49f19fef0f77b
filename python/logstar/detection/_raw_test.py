"""Whether the raw image shows what was found in a processed one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray, Image

from ._processed import Processed
from ._support import SupportMap
from ._tables import CandidateTest

if TYPE_CHECKING:
    from ._detector import LoGStarDetector


class RawTest(NamedTuple):
    """Which candidates in processed images are kept.

    Attributes
    ----------
    unsupported : {"drop", "flag"}
        Whether those that the raw image does not support are left out.
    min_evidence : float
        From which evidence on it supports them.
    """

    unsupported: Literal["drop", "flag"]
    min_evidence: float

    def by_detector(self, detector: LoGStarDetector, processed: Processed) -> CandidateTest | None:
        """Give the test of a detector's candidates; None if all are kept."""
        if self._keeps_all(processed):
            return None
        return self.by_maps(support_maps(detector, processed), processed)

    def by_maps(self, maps: list[SupportMap], processed: Processed) -> CandidateTest | None:
        """Give the test by the support that is known of each image; None if all are kept."""
        return None if self._keeps_all(processed) else partial(self._is_kept, maps, processed)

    def _keeps_all(self, processed: Processed) -> bool:
        return self.unsupported == "flag" and not processed.movers

    def _is_kept(
        self, maps: list[SupportMap], processed: Processed, table: FloatArray, index: int
    ) -> NDArray[np.bool_]:
        kept = processed.is_inside(table)
        if self.unsupported == "drop":
            kept &= maps[index].at(table[:, :2]).evidence >= self.min_evidence
        return kept


def support_maps(detector: LoGStarDetector, processed: Processed) -> list[SupportMap]:
    """Say of each image how far the raw one supports what the processed one shows."""
    pairs = zip(processed.raw, processed.shown, strict=True)
    return [_support_map(detector, *pair) for pair in pairs]


def _support_map(detector: LoGStarDetector, raw: Image, processed: Image) -> SupportMap:
    sign = 1 if detector.polarity == "bright" else -1
    # The middle of the ladder is what atoms are expected to be like, whatever is detected: so that
    # a candidate's support is the same at all thresholds.
    sigma = float(np.sqrt(float(detector.min_sigma) * float(detector.max_sigma)))
    return SupportMap.of(sign * raw, sign * processed, sigma=sigma)
