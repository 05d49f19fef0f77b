"""Pareto dominance and hypervolume of points whose coordinates are all to be small."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._validation import FloatArray

#: Greatest number of objectives whose hypervolume is computed here, by slices: importing moocore
#: takes longer than that.
_MAX_SLICED = 3


def is_non_dominated(losses: ArrayLike) -> NDArray[np.bool_]:
    """Tell which points are on the Pareto front.

    A point dominates another if it is nowhere larger and somewhere smaller.

    Parameters
    ----------
    losses : array-like of shape (n_points, n_objectives)
        Smaller is better in every column; negate what is to grow.

    Returns
    -------
    mask : ndarray of shape (n_points,), bool
        Equal points do not dominate one another: all of them are on the front, or none. A row
        with a NaN or infinite entry is never on the front and dominates nothing.

    Raises
    ------
    ValueError
        If `losses` is not a table.

    Examples
    --------
    >>> from logstar.pareto import is_non_dominated
    >>> is_non_dominated([[0, 2], [1, 1], [2, 2], [float("nan"), 0]])
    array([ True,  True, False, False])
    """
    return _core.non_dominated(_as_table(losses))


def pareto_ranks(losses: ArrayLike) -> NDArray[np.int64]:
    """Number the fronts that are left when those before them are taken away.

    Parameters
    ----------
    losses : array-like of shape (n_points, n_objectives)
        Smaller is better in every column.

    Returns
    -------
    ranks : ndarray of shape (n_points,), int
        0 on the Pareto front, 1 on the front of what is left without it, and so on. Equal points
        have equal ranks. -1 for a row with a NaN or infinite entry.

    Raises
    ------
    ValueError
        If `losses` is not a table.

    Notes
    -----
    Each point comes one front after the last front that holds a point dominating it (Jensen, IEEE
    Trans. Evol. Comput. 7 (2003) 503). With two objectives that front is found by bisection, in
    O(n log n) over all; with more, fronts are peeled one by one.

    Examples
    --------
    >>> from logstar.pareto import pareto_ranks
    >>> pareto_ranks([[0, 2], [1, 1], [2, 2], [float("nan"), 0]])
    array([ 0,  0,  1, -1])
    """
    points = _as_table(losses)
    ranks = np.full(len(points), -1, dtype=np.int64)
    left = np.flatnonzero(np.isfinite(points).all(axis=1))
    if points.shape[1] == 2:
        ranks[left] = _ranks_of_pairs(points[left])
        return ranks
    rank = 0
    while len(left):
        on_front = is_non_dominated(points[left])
        ranks[left[on_front]] = rank
        left = left[~on_front]
        rank += 1
    return ranks


def _ranks_of_pairs(points: FloatArray) -> NDArray[np.int64]:
    """Rank finite points with two objectives."""
    # In lexicographic order a point is dominated by a front if and only if it is by the front's
    # last point, which has the least second objective; these grow from front to front.
    least: list[float] = []
    # Sorting two columns by `np.unique(axis=0)` takes several times as long as by `lexsort`.
    order = np.lexsort((points[:, 1], points[:, 0]))
    ordered = points[order]
    is_new = np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)])[: len(points)]
    ranks_of_new: list[int] = []
    for second in ordered[is_new, 1].tolist():
        rank = bisect_right(least, second)
        ranks_of_new.append(rank)
        least[rank : rank + 1] = [second]
    ranks = np.empty(len(points), dtype=np.int64)
    ranks[order] = np.array(ranks_of_new, dtype=np.int64)[np.cumsum(is_new) - 1]
    return ranks


def hypervolume(losses: ArrayLike, ref_point: ArrayLike) -> float:
    """Measure the region that a set of points dominates, up to a reference point.

    Exact: up to three objectives by slicing along the last one, more by moocore [1]_. Two cost a
    sort; 100 points of a front in six take a millisecond, in eight a second.

    Parameters
    ----------
    losses : array-like of shape (n_points, n_objectives)
        Smaller is better in every column. Points that are dominated, not finite, or not better
        than the reference point in every objective add nothing.
    ref_point : array-like of shape (n_objectives,)
        The far corner; finite.

    Returns
    -------
    volume : float
        0 where no point is better than the reference point.

    Raises
    ------
    ValueError
        If shapes do not fit or the reference point is not finite.

    References
    ----------
    .. [1] A. P. Guerreiro, C. M. Fonseca and L. Paquete, The hypervolume indicator: computational
       problems and algorithms, ACM Computing Surveys 54 (2021) 119.

    Examples
    --------
    >>> from logstar.pareto import hypervolume
    >>> hypervolume([[0, 2], [1, 1], [2, 2]], ref_point=[3, 3])
    5.0
    """
    points = _as_table(losses)
    corner = np.asarray(ref_point, dtype=np.float64)
    if corner.shape != (points.shape[1],) or not np.isfinite(corner).all():
        raise ValueError(
            f"ref_point must hold one finite number for each of the {points.shape[1]} objectives, "
            f"got {ref_point!r}."
        )
    # A row with NaN compares as not better; minus infinity would make the volume infinite.
    counts = (points < corner).all(axis=1) & np.isfinite(points).all(axis=1)
    points = points[counts]
    points = points[is_non_dominated(points)]
    if len(points) == 0:
        return 0.0
    if len(corner) > _MAX_SLICED:
        # Imported only where it is needed, as it takes as long as many a search: few searches have
        # this many objectives.
        from moocore import hypervolume as exact_hypervolume  # noqa: PLC0415

        return float(exact_hypervolume(points, ref=corner))
    return _sliced_volume(points, corner)


def hypervolume_trace(losses: ArrayLike, ref_point: ArrayLike) -> FloatArray:
    """Measure the hypervolume after each point, in the order given.

    Parameters
    ----------
    losses : array-like of shape (n_points, n_objectives)
        Smaller is better in every column; points as `hypervolume` takes them.
    ref_point : array-like of shape (n_objectives,)
        The far corner; finite.

    Returns
    -------
    trace : ndarray of shape (n_points,)
        Entry i is the hypervolume of the points up to i and with it; never falls.

    Raises
    ------
    ValueError
        If shapes do not fit or the reference point is not finite.

    Examples
    --------
    >>> from logstar.pareto import hypervolume_trace
    >>> hypervolume_trace([[0, 2], [2, 2], [1, 1]], ref_point=[3, 3])
    array([3., 3., 5.])
    """
    points = _as_table(losses)
    trace = np.empty(len(points))
    front = points[:0]
    volume = 0.0
    for i, point in enumerate(points):
        trace[i] = volume
        # Most points add nothing, which is told without sorting.
        if (front <= point).all(axis=1).any():
            continue
        candidate = np.vstack([front, point])
        kept = is_non_dominated(candidate)
        if kept[-1]:
            front = candidate[kept]
            # Rounding must not let the trace fall where a point adds next to nothing.
            volume = max(volume, hypervolume(front, ref_point))
        trace[i] = volume
    return trace


def reference_point(losses: FloatArray, n_initial: int) -> FloatArray:
    """Set the far corner for a search's hypervolume, from its initial design.

    The corner lies a tenth of the range beyond the worst finite value among the first `n_initial`
    rows, or among all rows if those failed. Where the range is 0, it lies a tenth of the value
    beyond, or 0.1 where the value is 0.

    Parameters
    ----------
    losses : ndarray of shape (n_points, n_objectives)
        Smaller is better; rows that are not finite are failures.
    n_initial : int
        How many of the first rows are the initial design.

    Returns
    -------
    corner : ndarray of shape (n_objectives,)
        Worse in every objective than each finite row of the initial design.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.pareto import reference_point
    >>> reference_point(np.array([[0.0, 1.0], [1.0, 0.0]]), 2)
    array([1.1, 1.1])
    """
    rows = losses[:n_initial]
    finite = rows[np.isfinite(rows).all(axis=1)]
    if len(finite) == 0:
        finite = losses[np.isfinite(losses).all(axis=1)]
    worst = finite.max(axis=0)
    extent = np.ptp(finite, axis=0)
    extent = np.where(extent > 0, extent, np.where(worst != 0, np.abs(worst), 1.0))
    corner: FloatArray = worst + 0.1 * extent
    return corner


def _sliced_volume(points: FloatArray, corner: FloatArray) -> float:
    """Measure what a front of at least one point dominates."""
    points = points[np.argsort(points[:, -1], kind="stable")]
    if len(corner) == 1:
        return float(corner[0] - points[0, 0])
    heights = np.diff(points[:, -1], append=corner[-1])
    if len(corner) == 2:
        # On a two-objective front sorted by the one, the other falls: the last point seen is the
        # widest.
        return float(heights @ (corner[0] - points[:, 0]))
    volume = 0.0
    for i, height in enumerate(heights):
        if height > 0:
            below = points[: i + 1, :-1]
            volume += height * _sliced_volume(below[is_non_dominated(below)], corner[:-1])
    return float(volume)


def _as_table(losses: ArrayLike) -> FloatArray:
    points = np.require(losses, np.float64, "A")
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(
            "losses must be a table of shape (n_points, n_objectives) with at least one "
            f"objective, got shape {points.shape}."
        )
    return points
