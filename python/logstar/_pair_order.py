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
from numpy.typing import NDArray

from . import _core

#: Sets up to the first size are compared with the replay before the first is relied on, sets up
#: to any size once one beyond the first is: CPython's sets grow by a factor of 4 up to 50,000
#: entries and by 2 beyond, which the growth after the 78,643rd shows.
_CHECKED_SIZES = (5_000, 100_000)


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
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 - rarely needed

    n_sigmas = blobs.shape[1] - 2
    reach = 2 * blobs[:, -n_sigmas:].max() * math.sqrt(2)
    tree = cKDTree(blobs[:, :2])
    # As SciPy finds them, which is the order in which it fills its set.
    pairs: NDArray[np.int64] = tree.query_pairs(reach, output_type="ndarray").astype(
        np.int64, copy=False
    )
    small, large = _CHECKED_SIZES
    if _replay_holds(small) and (len(pairs) <= small or _replay_holds(large)):
        return _core.set_order(pairs, marked)
    return _as_array(tree.query_pairs(reach))


@lru_cache
def _replay_holds(n_pairs: int) -> bool:
    """Whether replayed sets of up to so many pairs come in the order of real ones."""
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
