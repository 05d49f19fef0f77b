"""A detector whose ladder of sigmas is another one at each place."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._runtime import threads_of
from logstar._validation import FloatArray, Image

from . import DetectionPipeline, LoGStarDetector
from ._parameters import ladder_of, scaling_of
from ._scaling import Scaled
from ._tables import Part, candidate_tables, scaled_images

#: The least and the greatest sigma of a ladder.
Ends: TypeAlias = tuple[float, float]


class MosaicDetector(LoGStarDetector):
    """A `LoGStarDetector` whose ladder is another one at each pixel.

    All ladders are parts of one, with a common step. Candidates of each part are found over the
    whole image, and kept where the part holds; then they are pruned together, once.

    Parameters
    ----------
    min_sigma, max_sigma, threshold, overlap, sigma_step, exclude_border, polarity,
    intensity_range, mask, n_jobs
        As of `LoGStarDetector`; the ends are those of the one ladder, whose step is known.
    ladders : sequence of tuple of two float
        Ends of the parts, in pixels.
    which : ndarray of shape (n_rows, n_cols), int
        Index of the part that holds at each pixel.
    """

    def __init__(
        self,
        min_sigma: float = 1.0,
        max_sigma: float = 6.0,
        num_sigma: int = 10,
        threshold: float | ArrayLike = 0.05,
        overlap: float = 0.5,
        *,
        log_scale: bool = False,
        sigma_step: float | None = None,
        exclude_border: int | Literal[False] = 1,
        polarity: Literal["bright", "dark"] = "bright",
        intensity_range: tuple[float, float] | None = (0.1, 99.9),
        mask: ArrayLike | None = None,
        n_jobs: int | None = None,
        ladders: Sequence[Ends] = (),
        which: NDArray[np.intp] | None = None,
    ) -> None:
        super().__init__(
            min_sigma,
            max_sigma,
            num_sigma,
            threshold,
            overlap,
            log_scale=log_scale,
            sigma_step=sigma_step,
            exclude_border=exclude_border,
            polarity=polarity,
            intensity_range=intensity_range,
            mask=mask,
            n_jobs=n_jobs,
        )
        self.ladders = ladders
        self.which = which

    def tables(
        self, scaled: Scaled, ladder: FloatArray, threshold: float, n_threads: int
    ) -> list[FloatArray]:
        """Find the candidates of each part of a ladder, over the whole image."""
        parts = [self._part(ends, ladder) for ends in self.ladders]
        return candidate_tables(self, scaled, ladder, parts, threshold, n_threads)

    @staticmethod
    def _part(ends: Ends, ladder: FloatArray) -> Part:
        """Where in the ladder a part begins, and where the next after its last sigma is."""
        first, last = (int(np.argmin(np.abs(ladder - end))) for end in ends)
        return first, last + 1

    def _table(
        self, scaled: Scaled, ladder: FloatArray, threshold: float, n_threads: int
    ) -> FloatArray:
        if self.which is None:
            raise ValueError("which is None: it is not told which ladder holds at each pixel.")
        kept = []
        for index, table in enumerate(self.tables(scaled, ladder, threshold, n_threads)):
            rows, cols = table[:, :2].astype(np.intp).T
            kept.append(table[self.which[rows, cols] == index])
        joined = np.concatenate(kept)
        # The strongest first; of equals the upper, then the left one, as a scan would find them.
        return joined[np.lexsort((joined[:, 2], joined[:, 1], joined[:, 0], -joined[:, 3]))]


def mosaic_of(estimator: Any, ladders: Sequence[Ends]) -> Any:
    """Give a fitted detector, or pipeline with one at its end, that holds several ladders ready.

    Parameters
    ----------
    estimator : LoGStarDetector or DetectionPipeline
        Fitted; its detector has a `sigma_step`. It stays as it is.
    ladders : sequence of tuple of two float
        Ends of the ladders, in pixels: parts of one, with that step.

    Returns
    -------
    estimator : MosaicDetector or DetectionPipeline
        Fitted likewise. Its detector lacks `which`.
    """
    if isinstance(estimator, DetectionPipeline):
        other = copy.copy(estimator)
        name, last = estimator.steps[-1]
        other.steps = [*estimator.steps[:-1], (name, mosaic_of(last, ladders))]
        return other
    lows, highs = zip(*ladders, strict=True)
    parameters = estimator.get_params() | {"min_sigma": min(lows), "max_sigma": max(highs)}
    detector = MosaicDetector(**parameters, ladders=ladders)
    detector.sigmas_ = ladder_of(detector)
    return detector


def tables_of_ladders(mosaic: Any, image: Image, threshold: float) -> list[FloatArray]:
    """Find the candidates of each of a mosaic's ladders over a whole image.

    Parameters
    ----------
    mosaic : MosaicDetector or DetectionPipeline
        As `mosaic_of` gives it.
    image : ndarray of shape (n_rows, n_cols)
        The image.
    threshold : float
        The least threshold of interest.

    Returns
    -------
    tables : list of ndarray of shape (n, 4)
        Row, column, sigma and response, the strongest first: of a pipeline those that the raw image
        supports.
    """
    keep, detector = None, mosaic
    if isinstance(mosaic, DetectionPipeline):
        detector = mosaic.steps[-1][1]
        processed = mosaic._processed([image], None)  # noqa: SLF001 - of this package
        keep = mosaic._raw_test.by_detector(detector, processed)  # noqa: SLF001
        image = processed.shown[0]
    (scaled,) = scaled_images([image], scaling_of(detector))
    n_threads = threads_of(detector.n_jobs)
    tables: list[FloatArray] = detector.tables(scaled, detector.sigmas_, threshold, n_threads)
    return tables if keep is None else [table[keep(table, 0)] for table in tables]
