"""The order in which scikit-image meets pairs of blobs that are near one another.

It iterates over a set of tuples that SciPy fills. That order is settled for one build of CPython
and SciPy but specified nowhere, so it comes from them, or from a replay that was compared with
them first: a set of a million pairs takes a second to fill, its replay a fortieth of that.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from logstar import _core

#: Greatest number of pairs whose order is replayed. For this many it takes 8 s and 1.6 GB;
#: scikit-image needs 7 minutes and 7 GB for the same pairs.
MAX_PAIRS = 40_000_000

#: Greatest number of cells along an axis of the grid that bounds the number of pairs from above.
_MOST_CELLS = 1024

#: Numbers of pairs in the two real sets with which the replay is compared before it is relied on.
#: For up to 5,000 pairs the comparison with the small set is enough; for more, both are needed,
#: since CPython's sets grow by a factor of 4 up to 50,000 entries and by 2 beyond, which shows in
#: the order from the 78,643rd entry on.
_CHECKED_SIZES = (5_000, 100_000)


class TooManyPairsError(Exception):
    """There are too many pairs to be held; `n_pairs` is a lower bound of their number."""

    def __init__(self, n_pairs: int) -> None:
        super().__init__(n_pairs)
        self.n_pairs = n_pairs


def pairs_in_scipy_order(
    blobs: NDArray[np.floating[Any]], marked: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Pairs of blobs near one another, in the order in which scikit-image meets them.

    Parameters
    ----------
    blobs : ndarray of shape (n, 3) or (n, 4)
        Row, column, and one or two sigmas.
    marked : ndarray of bool of shape (n,) or None, default=None
        Between which blobs pairs are asked for; None stands for all. There may be others, too.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2)

    Raises
    ------
    TooManyPairsError
        Where there are more than `MAX_PAIRS`.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 - rarely needed

    n_sigmas = blobs.shape[1] - 2
    reach = 2 * blobs[:, -n_sigmas:].max() * math.sqrt(2)
    least, most = _pair_bounds(blobs[:, :2], reach)
    if least > MAX_PAIRS:
        raise TooManyPairsError(least)
    tree = cKDTree(blobs[:, :2])
    if most > MAX_PAIRS:
        least = (int(tree.count_neighbors(tree, reach)) - len(blobs)) // 2
        if least > MAX_PAIRS:
            raise TooManyPairsError(least)
    # As SciPy finds them, which is the order in which it fills its set.
    pairs: NDArray[np.int64] = tree.query_pairs(reach, output_type="ndarray").astype(
        np.int64, copy=False
    )
    small, large = _CHECKED_SIZES
    if _replay_holds(small) and (len(pairs) <= small or _replay_holds(large)):
        return _core.set_order(pairs, marked)
    return _as_array(tree.query_pairs(reach))


def _pair_bounds(places: NDArray[np.floating[Any]], reach: float) -> tuple[int, int]:
    """Bound the number of pairs up to `reach` apart, at a cost that does not depend on them.

    At least those that share a cell whose diagonal is shorter, at most those that share a wider
    cell or are in adjacent ones: a factor of about 18 on points spread evenly.
    """
    n_points = len(places)
    everything = n_points * (n_points - 1) // 2
    if everything <= MAX_PAIRS:
        return 0, everything
    low = places.min(axis=0)
    offsets = (places - low).astype(np.float64)
    # So that there are few cells, however short the reach.
    shortest = float(offsets.max()) / _MOST_CELLS
    narrow, wide = 0.7 * reach, max(1.01 * reach, shortest)
    least = 0
    if narrow >= shortest:
        counts = _cell_counts(offsets, narrow)
        least = int((counts * (counts - 1)).sum()) // 2
    counts = np.pad(_cell_counts(offsets, wide), 1)
    around = sliding_window_view(counts, (3, 3)).sum(axis=(2, 3))
    return least, int((counts[1:-1, 1:-1] * (around - 1)).sum()) // 2


def _cell_counts(offsets: NDArray[np.float64], side: float) -> NDArray[np.int64]:
    cells = (offsets / side).astype(np.int64)
    shape = tuple(int(last) + 1 for last in cells.max(axis=0))
    flat = np.bincount(cells[:, 0] * shape[1] + cells[:, 1], minlength=shape[0] * shape[1])
    return flat.reshape(shape)


@lru_cache
def _replay_holds(n_pairs: int) -> bool:
    """Whether replayed sets of up to this many pairs come in the order of real ones."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 - rarely needed

    rng = np.random.default_rng(n_pairs)
    # A point has about 16 others within a reach of 1.
    tree = cKDTree(rng.uniform(0, math.sqrt(n_pairs / 41), (n_pairs // 8, 2)))
    found = tree.query_pairs(1.0, output_type="ndarray").astype(np.int64, copy=False)
    ours = _core.set_order(found)
    if not np.array_equal(ours, _as_array(tree.query_pairs(1.0))):
        return False
    # In the order of insertion nothing has been lost, whatever the size.
    sizes = [n for n in (0, 1, 4, 5, 18, 19, 77, 78, 308, 1229) if n < len(found)]
    return all(
        np.array_equal(_core.set_order(part), _as_array(set(map(tuple, part.tolist()))))
        for part in (found[:size] for size in sizes)
    )


def _as_array(pairs: set[tuple[int, int]]) -> NDArray[np.int64]:
    flat = np.fromiter(chain.from_iterable(pairs), dtype=np.int64, count=2 * len(pairs))
    return flat.reshape(-1, 2)
