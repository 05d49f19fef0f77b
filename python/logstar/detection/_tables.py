"""From images to tables of candidates, the first steps of detecting and of sweeping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logstar import _core
from logstar._validation import FloatArray, Image

from ._parameters import mask_of
from ._scale_space import find_tables_of_parts
from ._scaling import Scaled, scale_intensities

if TYPE_CHECKING:
    from ._detector import LoGStarDetector

#: First index into a ladder, and the one after the last.
Part: TypeAlias = tuple[int, int]
#: Given a table of candidates and the index of their image, returns a mask of those that may be
#: atoms.
CandidateTest: TypeAlias = Callable[[FloatArray, int], NDArray[np.bool_]]

#: Images of up to this many pixels are worked on several at a time. On larger ones threads share
#: the work on one scale space as well, and there is memory for one.
SMALL = 1 << 20
#: With at least so many images for each thread they are worked on several at a time.
_IMAGES_PER_THREAD = 2


def threads_for(images: Sequence[Image], n_threads: int) -> tuple[int, int]:
    """Tell how many images to work on at a time, and on how many threads each.

    On a small image, threads that share it wait for one another; on several images they do not.
    """
    n_at_once = max(1, min(n_threads, len(images)))
    # Fewer images than this for each thread would leave threads idle while the last are done.
    if len(images) < _IMAGES_PER_THREAD * n_threads or max(i.size for i in images) > SMALL:
        n_at_once = 1
    return n_at_once, max(1, n_threads // n_at_once)


def scaled_images(
    images: Sequence[Image],
    scaling: tuple[str, tuple[float, float] | None],
    *,
    is_stack: bool = False,
    n_threads: int = 1,
) -> list[Scaled]:
    """Find how to scale the intensities of each image, by polarity and range of percentiles."""
    in_stack = is_stack or len(images) > 1
    return [
        scale_intensities(image, *scaling, index, in_stack=in_stack, n_threads=n_threads)
        for index, image in enumerate(images)
    ]


def candidate_tables(
    detector: LoGStarDetector,
    scaled: Scaled,
    ladder: FloatArray,
    parts: Sequence[Part],
    threshold: float,
    n_threads: int,
) -> list[FloatArray]:
    """Find, for each part of a ladder, row, column, sigma and response, the strongest first.

    Of the detector's parameters its border and its mask hold.
    """
    tables = find_tables_of_parts(
        scaled.image,
        np.column_stack([ladder, ladder]),
        parts,
        threshold=threshold,
        border=(int(detector.exclude_border),) * 2,
        n_threads=n_threads,
        limits=scaled.limits,
    )
    mask = mask_of(detector)
    if mask is None:
        return tables
    return [table[mask[tuple(table[:, :2].T.astype(np.intp))]] for table in tables]


def pruned(table: FloatArray, overlap: float, n_threads: int) -> FloatArray:
    """Leave out candidates that overlap with one which keeps its place by more than allowed."""
    blobs = np.ascontiguousarray(table[:, :3])
    return table[_core.prune_by_scale(blobs, table[:, 3], overlap, n_threads)]
