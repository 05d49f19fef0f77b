"""Pruning of candidates that come in from the top of an image to its bottom.

Which of two overlapping candidates is kept may follow from a third that overlaps one of them, and
so on along a chain. What no chain connects can be pruned apart. So candidates are pruned, with the
result of all together, as soon as no chain leads from them to rows that are still to come; few wait
for these, however large the image is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from logstar._validation import FloatArray

from ._tables import pruned

#: By how much an overlap computed here may differ from the core's, which decides.
_ROUNDING = 1e-6
#: Height of the zone that is searched for chains, in greatest distances of overlapping candidates,
#: and its growth where a chain leaves it.
_ZONE, _GROWTH = 4, 4


class GradualPruning:
    """Prunes candidates from the top to the bottom.

    Parameters
    ----------
    overlap : float
        Greatest share of the smaller one's area that two may have in common.
    max_sigma : float
        Largest sigma in pixels.
    n_threads : int, default=1
        The result does not depend on it.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.detection._gradual_pruning import GradualPruning
    >>> pruning = GradualPruning(0.1, max_sigma=2.0)
    >>> pruning.add(np.array([[2.0, 5.0, 2.0, 0.3], [19.0, 5.0, 2.0, 0.3]]), end=20)
    array([[2. , 5. , 2. , 0.3]])
    >>> pruning.add(np.array([[20.0, 5.0, 2.0, 0.4]]), end=40)
    array([[20. ,  5. ,  2. ,  0.4]])
    >>> pruning.finish()
    array([], shape=(0, 4), dtype=float64)
    """

    def __init__(self, overlap: float, max_sigma: float, n_threads: int = 1) -> None:
        self._overlap, self._n_threads = overlap, n_threads
        # Two discs of radius sqrt(2) sigma touch.
        self._reach = 2 * np.sqrt(2.0) * max_sigma * (1 + _ROUNDING)
        self._waiting = np.empty((0, 4))

    def add(self, table: FloatArray, end: float) -> FloatArray:
        """Take in all further candidates above a row, and give those that can be decided.

        Parameters
        ----------
        table : ndarray of shape (n, 4)
            Row, column, sigma and response.
        end : float
            All candidates of lower rows have been given with this call.

        Returns
        -------
        kept : ndarray of shape (n_kept, 4)
            Of those that are decided.
        """
        known = np.concatenate([self._waiting, table])
        waits = self._connected_below(known, end)
        self._waiting = known[waits]
        return pruned(known[~waits], self._overlap, self._n_threads)

    def finish(self) -> FloatArray:
        """Give those that waited, once there are no more."""
        waiting, self._waiting = self._waiting, np.empty((0, 4))
        return pruned(waiting, self._overlap, self._n_threads)

    def _connected_below(self, known: FloatArray, end: float) -> NDArray[np.bool_]:
        """Which candidates a chain may connect with rows from `end` on."""
        waits = np.zeros(len(known), dtype=bool)
        rows = known[:, 0]
        top = rows.min() if len(rows) else end
        height = _ZONE * self._reach
        while True:
            zone = np.flatnonzero(rows >= end - height)
            labels = self._chains(known[zone])
            at_end = rows[zone] >= end - self._reach
            connected = np.isin(labels, labels[at_end])
            leaves = rows[zone[connected]] < end - height + self._reach
            if not leaves.any() or end - height <= top:
                waits[zone[connected]] = True
                return waits
            height *= _GROWTH

    def _chains(self, table: FloatArray) -> NDArray[np.int32]:
        """Number the chains of overlapping candidates."""
        n = len(table)
        if n == 0:
            return np.empty(0, dtype=np.int32)
        pairs = KDTree(table[:, :2]).query_pairs(self._reach, output_type="ndarray")
        overlaps = _overlap(table[pairs[:, 0]], table[pairs[:, 1]])
        pairs = pairs[overlaps > self._overlap - _ROUNDING]
        graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), (n, n))
        return np.asarray(connected_components(graph, directed=False)[1])


def _overlap(first: FloatArray, second: FloatArray) -> FloatArray:
    """Area that two discs share, by the smaller one's."""
    distance = np.hypot(*(first[:, :2] - second[:, :2]).T)
    radii = np.sqrt(2.0) * np.stack([first[:, 2], second[:, 2]])
    small, large = radii.min(axis=0), radii.max(axis=0)
    # Beyond these bounds one disc is inside of the other, or both are apart.
    d = np.clip(distance, large - small, large + small)
    d = np.maximum(d, np.finfo(np.float64).tiny)
    angles = [
        np.arccos(np.clip((d**2 + r**2 - s**2) / (2 * d * r), -1, 1))
        for r, s in ((small, large), (large, small))
    ]
    heron = (-d + small + large) * (d + small - large) * (d - small + large) * (d + small + large)
    lens = small**2 * angles[0] + large**2 * angles[1] - 0.5 * np.sqrt(np.maximum(heron, 0))
    return np.asarray(np.where(distance <= large - small, 1.0, lens / (np.pi * small**2)))
