"""How well found positions agree with true ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from ._validation import FloatArray, as_positions, check_integer, check_real

__all__ = ["DetectionMetrics", "Match", "detection_metrics", "match_positions"]

IndexArray = NDArray[np.intp]


class Match(NamedTuple):
    """Pairs of found and true positions, in the order of the found ones.

    Parameters
    ----------
    found_indices, true_indices : ndarray of shape (n_matched,), intp
        Which found position belongs to which true one; none occurs twice.
    distances : ndarray of shape (n_matched,), float64
        Their distances in pixels, none above the tolerance.

    Examples
    --------
    >>> from logstar.metrics import match_positions
    >>> match_positions([[0, 1], [9, 9]], [[5, 5], [0, 0]], tolerance=2).distances
    array([1.])
    """

    found_indices: IndexArray
    true_indices: IndexArray
    distances: FloatArray


@dataclass(frozen=True)
class DetectionMetrics:
    """What a comparison of found with true positions gives.

    Parameters
    ----------
    n_found, n_true, n_matched : int
        How many were found, are true, and belong together.
    precision : float
        Share of the found that are true. Where nothing was found: 1 if nothing is true, else 0.
    recall : float
        Share of the true that were found. Where nothing is true: 1 if nothing was found, else 0.
    f1 : float
        ``2 * n_matched / (n_found + n_true)``, the harmonic mean of the two; 1 where both are
        empty, 0 where one is.
    rmse : float
        Root of the mean squared distance of the matched pairs, in pixels; NaN where none match.

    Examples
    --------
    >>> from logstar.metrics import detection_metrics
    >>> found = detection_metrics([[0, 1], [9, 9]], [[5, 5], [0, 0]], tolerance=2)
    >>> found.n_matched, found.precision, found.rmse
    (1, 0.5, 1.0)
    """

    n_found: int
    n_true: int
    n_matched: int
    precision: float
    recall: float
    f1: float
    rmse: float


def match_positions(found: ArrayLike, true: ArrayLike, *, tolerance: float) -> Match:
    """Pair found with true positions, one to one.

    As many pairs as possible within the tolerance are made; among all ways to make that many, the
    one with the least sum of squared distances is taken.

    Parameters
    ----------
    found : array-like of shape (n_found, >=2)
        Row and column in pixels; further columns are ignored.
    true : array-like of shape (n_true, >=2)
        Likewise.
    tolerance : float
        Greatest distance in pixels at which two positions may be paired, itself included.

    Returns
    -------
    match : Match
        Indices into `found` and `true`, and the distances.

    Raises
    ------
    TypeError, ValueError
        For tables that hold no finite positions, or a tolerance that is not above 0 and finite.

    Notes
    -----
    Positions within reach of one another form clusters; each is solved exactly, as an assignment
    problem. At tolerances below half the spacing nearly all clusters are pairs, and 100,000
    positions take 0.12 s; at 0.6 of the spacing random ones take 2 s.

    Examples
    --------
    >>> from logstar.metrics import match_positions
    >>> match = match_positions([[0, 1], [9, 9]], [[5, 5], [0, 0]], tolerance=2)
    >>> match.found_indices, match.true_indices, match.distances
    (array([0]), array([1]), array([1.]))
    """
    found_points = as_positions(found, name="found")
    true_points = as_positions(true, name="true")
    tolerance = check_real(tolerance, name="tolerance", low=0, low_included=False)
    i, j = _pairs_within(found_points, true_points, tolerance)
    squared = ((found_points[i] - true_points[j]) ** 2).sum(axis=1)
    # In units of the tolerance costs are at most 1, whatever the pixels are.
    chosen = _assign(i, j, squared / tolerance**2)
    chosen = chosen[np.argsort(i[chosen])]
    return Match(i[chosen], j[chosen], np.sqrt(squared[chosen]))


def detection_metrics(
    found: ArrayLike,
    true: ArrayLike,
    *,
    tolerance: float | None = None,
    shape: tuple[int, ...] | None = None,
    margin: float = 0.0,
) -> DetectionMetrics:
    """Compare found with true positions.

    Parameters
    ----------
    found : array-like of shape (n_found, >=2)
        Row and column in pixels; further columns are ignored.
    true : array-like of shape (n_true, >=2)
        Likewise.
    tolerance : float, default=None
        Greatest distance in pixels at which two positions may be paired. None takes a quarter of
        the median distance of the true positions to their nearest neighbour.
    shape : tuple of two int, default=None
        Rows and columns of the image; needed with a margin. None ignores nothing.
    margin : float, default=0.0
        Width in pixels of the frame that is ignored: of `shape`, only positions with ``margin <=
        row <= n_rows - 1 - margin``, and likewise for the column, count. Everything is matched
        first; then a pair counts if its true position does, and what is unmatched counts by its
        own position. So no pair is broken by the line between its two positions.

    Returns
    -------
    metrics : DetectionMetrics
        Counts, precision, recall, F1 and RMSE; its description states the empty cases.

    Raises
    ------
    TypeError, ValueError
        For tables that hold no finite positions, numbers out of bounds, a margin without a shape
        or one that leaves nothing of it, and no `tolerance` with fewer than two true positions
        or with most of them at the same place.

    Examples
    --------
    >>> from logstar.metrics import detection_metrics
    >>> true = [[0, 0], [0, 10], [10, 0], [10, 10]]
    >>> metrics = detection_metrics([[0, 1], [10, 10], [5, 5]], true)
    >>> metrics.n_matched, metrics.precision, metrics.recall, metrics.f1, metrics.rmse
    (2, 0.667, 0.5, 0.571, 0.707)
    """
    found_points = as_positions(found, name="found")
    true_points = as_positions(true, name="true")
    if tolerance is None:
        tolerance = _default_tolerance(true_points)
    margin = check_real(margin, name="margin", low=0)
    if shape is None and margin > 0:
        raise ValueError(f"margin={margin:g} needs the shape of the image; give shape=image.shape.")
    match = match_positions(found_points, true_points, tolerance=tolerance)
    found_counts = _inside(found_points, shape, margin)
    true_counts = _inside(true_points, shape, margin)
    found_counts[match.found_indices] = true_counts[match.true_indices]
    distances = match.distances[true_counts[match.true_indices]]

    n_found, n_true = int(found_counts.sum()), int(true_counts.sum())
    n_matched = len(distances)
    nothing = 1.0 if n_found == n_true == 0 else 0.0
    return DetectionMetrics(
        n_found=n_found,
        n_true=n_true,
        n_matched=n_matched,
        precision=n_matched / n_found if n_found else nothing,
        recall=n_matched / n_true if n_true else nothing,
        f1=2 * n_matched / (n_found + n_true) if n_found + n_true else nothing,
        rmse=float(np.sqrt(np.mean(distances**2))) if n_matched else math.nan,
    )


def _default_tolerance(true: FloatArray) -> float:
    if len(true) < 2:
        raise ValueError(
            f"tolerance=None needs at least 2 true positions to take a spacing from, got "
            f"{len(true)}; give the tolerance in pixels."
        )
    nearest = np.asarray(cKDTree(true).query(true, k=[2])[0])
    spacing = float(np.median(nearest))
    if spacing == 0:
        raise ValueError(
            "tolerance=None takes a quarter of the true positions' spacing, but most of them are "
            "at the same place as another; give the tolerance in pixels."
        )
    return spacing / 4


def _inside(points: FloatArray, shape: tuple[int, ...] | None, margin: float) -> NDArray[np.bool_]:
    if shape is None:
        return np.ones(len(points), dtype=np.bool_)
    if len(shape) != 2:
        raise ValueError(f"shape must be (n_rows, n_cols) of one image, got {tuple(shape)}.")
    last = np.array([check_integer(n, name="each of shape", low=1) - 1 for n in shape])
    if (last < 2 * margin).any():
        raise ValueError(f"margin={margin:g} leaves nothing of an image of shape {tuple(shape)}.")
    return np.asarray(((points >= margin) & (points <= last - margin)).all(axis=1))


def _pairs_within(
    found: FloatArray, true: FloatArray, tolerance: float
) -> tuple[IndexArray, IndexArray]:
    """All pairs within the tolerance, sorted by found, then true."""
    if not (len(found) and len(true)):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    pairs = cKDTree(found).sparse_distance_matrix(cKDTree(true), tolerance, output_type="ndarray")
    order = np.lexsort((pairs["j"], pairs["i"]))
    return pairs["i"][order], pairs["j"][order]


def _assign(i: IndexArray, j: IndexArray, cost: FloatArray) -> IndexArray:
    """Choose the edges (i, j) of a maximum matching of least cost; costs lie in [0, 1]."""
    if len(i) == 0:
        return np.empty(0, dtype=np.intp)
    i, j = (np.unique(side, return_inverse=True)[1] for side in (i, j))
    n_i, n_j = int(i.max()) + 1, int(j.max()) + 1
    graph = coo_array((np.ones(len(i)), (i, n_i + j)), shape=(n_i + n_j, n_i + n_j))
    n_clusters, label = connected_components(graph, directed=False)
    edge_label = label[i]
    size_i = np.bincount(label[:n_i], minlength=n_clusters)
    size_j = np.bincount(label[n_i:], minlength=n_clusters)

    # Where one side of a cluster is a single position, its cheapest edge is the answer.
    order = np.lexsort((cost, edge_label))
    starts = np.flatnonzero(np.diff(edge_label[order], prepend=-1))
    single = np.minimum(size_i, size_j) == 1
    chosen = [order[starts][single[edge_label[order[starts]]]]]
    for cluster in np.flatnonzero(~single):
        stop = starts[cluster + 1] if cluster + 1 < n_clusters else len(order)
        edges = np.sort(order[starts[cluster] : stop])
        local_i, local_j = (np.unique(side[edges], return_inverse=True)[1] for side in (i, j))
        chosen.append(edges[_assign_cluster(local_i, local_j, cost[edges])])
    return np.concatenate(chosen)


def _assign_cluster(i: IndexArray, j: IndexArray, cost: FloatArray) -> IndexArray:
    """As `_assign`, for one cluster: a full matching in which every i may stay alone at a price."""
    n_i, n_j = int(i.max()) + 1, int(j.max()) + 1
    alone = np.arange(n_i)
    # To stay alone costs more than all edges of any matching together, so that no edge is left out
    # for its cost.
    price = min(n_i, n_j) + 1.0
    # Every entry grows by 1, since the solver takes an entry of 0 for no edge.
    values = np.concatenate([cost, np.full(n_i, price)]) + 1.0
    rows, columns = np.concatenate([i, alone]), np.concatenate([j, n_j + alone])
    graph = csr_array((values, (rows, columns)), shape=(n_i, n_j + n_i))
    partner = min_weight_full_bipartite_matching(graph)[1]
    return np.flatnonzero(partner[i] == j)
