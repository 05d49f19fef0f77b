"""Columns that do not stand out of noise one by one, but do together, at the lattice's places.

Where a column is not seen, there may be none, or too much noise. What tells the two apart are the
places at which the lattice has columns: in a hole they respond as noise does, half of them
negatively, and in noisy, thin or defocused crystal nearly all of them positively.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.spatial import KDTree

from logstar._validation import FloatArray

#: Radius of the surroundings in which columns are looked at together, by the nearest distance, and
#: of the wider ones in which they are where nothing nearby is known.
_NEAR, _WIDE = 2.5, 4.5
#: A column is there if the places around it, itself among them, respond with at least this share
#: of what known columns nearby do.
_SHARE = 0.5
#: The share is known if there are this many known columns nearby, which respond with at least the
#: lesser share of what is typical of their kinds: else the lattice does not lie on them.
_LEAST_KNOWN, _LEAST_GAIN = 4, 0.2
#: Responses, weighted by what is typical of their kinds, are summed and divided by the root of the
#: sum of their squares. In noise that is normally distributed, and it is nowhere above the root of
#: their number. Where it reaches the first in the wide surroundings there is crystal, which goes on
#: where it reaches the second nearby, or for want of places there the share of that root.
_TOGETHER, _NEARBY, _OF_ROOT = 4.5, 2.0, 0.6


def faint_columns(
    response: FloatArray,
    sites: FloatArray,
    kinds: NDArray[np.str_],
    covered: NDArray[np.bool_],
    nearest: float,
) -> FloatArray:
    """Find the sites of a lattice that have columns, among those where none is seen by itself.

    Parameters
    ----------
    response : ndarray of shape (n_rows, n_cols)
        To which columns respond positively, and which is 0 on average where there is none.
    sites : ndarray of shape (n_sites, 2)
        Where in the image the lattice has columns.
    kinds : ndarray of shape (n_sites,), str
        Of which kind each is.
    covered : ndarray of shape (n_rows, n_cols), bool
        The surroundings of columns that are seen.
    nearest : float
        Nearest distance of columns, in pixels.

    Returns
    -------
    places : ndarray of shape (n, 2)
        Of sites that are not covered.
    """
    rows, cols = np.clip(np.rint(sites).astype(int), 0, np.array(response.shape) - 1).T
    known = covered[rows, cols]
    if known.all() or not known.any():
        return np.empty((0, 2))
    values = ndimage.map_coordinates(response, sites.T, order=1, mode="nearest")
    typical = np.zeros(len(sites))
    for kind in np.unique(kinds):
        same = kinds == kind
        if (same & known).any():
            typical[same] = max(float(np.median(values[same & known])), 0.0)
    unseen = ~known
    near, wide = (_sums(sites, sites[unseen], radius * nearest) for radius in (_NEAR, _WIDE))
    product, square = typical * values, typical**2
    seen_square = near @ (square * known)
    gain = _ratio(near @ (product * known), seen_square)
    share = _ratio(near @ (product * unseen), near @ (square * unseen))
    is_known = (near @ known >= _LEAST_KNOWN) & (gain >= _LEAST_GAIN)
    is_there = is_known & (share >= _SHARE * gain)
    together, nearby = (
        _ratio(each @ (product * unseen), np.sqrt(each @ (product**2 * unseen)))
        for each in (wide, near)
    )
    goes_on = nearby >= np.minimum(_NEARBY, _OF_ROOT * np.sqrt(near @ unseen))
    begins = goes_on & (together >= _TOGETHER)
    is_there[goes_on] |= _reached(sites[unseen][goes_on], begins[goes_on], _NEAR * nearest)
    return np.asarray(sites[unseen][is_there])


def _reached(places: FloatArray, begins: NDArray[np.bool_], step: float) -> NDArray[np.bool_]:
    """Which places are reached from those where it begins, in steps up to a length."""
    if not begins.any():
        return begins
    pairs = KDTree(places).query_pairs(step, output_type="ndarray")
    graph = sparse.coo_array((np.ones(len(pairs)), pairs.T), shape=(len(places), len(places)))
    labels = csgraph.connected_components(graph, directed=False)[1]
    return np.isin(labels, labels[begins])


def _sums(sites: FloatArray, places: FloatArray, radius: float) -> sparse.csr_array:
    """What adds up values of sites around places."""
    pairs = KDTree(places).sparse_distance_matrix(KDTree(sites), radius, output_type="ndarray")
    ones = np.ones(len(pairs))
    return sparse.csr_array((ones, (pairs["i"], pairs["j"])), shape=(len(places), len(sites)))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
