"""Columns that overlap: what is searched for, and how what was found is divided into atoms."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import LinearOperator, cg
from scipy.spatial import KDTree

from logstar._validation import FloatArray, Image
from logstar.lattice import Count, ImageLattice

from ._choice import N_NEIGHBORS

if TYPE_CHECKING:
    from ._expectation import Expectation

#: What predicts a column: maxima up to this many times as far away as the nearest one.
_AS_NEAR = 1.25
#: Predictions closer than this share of the nearest distance are of one column.
_ONE_COLUMN = 0.4
#: A column whose height is less than this share of the median of its kind is not there: a vacancy,
#: or the image ends before it.
_THERE = 0.35
#: Sigmas that are tried, as shares of the nearest distance of two columns.
_SIGMAS = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
#: Standard deviation of the Gaussian that gives the background, in edges of the cell.
_BACKGROUND = 2.0
#: Gaussians further apart than this many sigmas do not overlap.
_REACH = 6.0
#: Heights are right to about this share, which takes some ten to a hundred steps of the solution.
_PRECISE, _MOST_STEPS = 1e-3, 200
#: Displacements of this many neighbours tell how the scan has drifted at an atom.
_N_AROUND = 12


def overlapping_lattice(expected: Expectation) -> ImageLattice | None:
    """The image's own lattice, if atoms are judged by it and some of its columns overlap."""
    lattice = expected.lattice
    return lattice if isinstance(lattice, ImageLattice) and lattice.maxima else None


def searched(expected: Expectation) -> Expectation:
    """What a search is to find where columns overlap: the maxima of brightness, not the columns.

    Parameters
    ----------
    expected : Expectation
        What is expected of the columns.

    Returns
    -------
    expected : Expectation
        The same where columns do not overlap.
    """
    lattice = overlapping_lattice(expected)
    if lattice is None:
        return expected
    shown = lattice.resolved()
    share = len(shown.columns) / len(lattice.columns)
    return dataclasses.replace(
        expected,
        count=Count(*(share * part for part in dataclasses.astuple(expected.count))),
        distance_sum=shown.distance_sum_threshold(N_NEIGHBORS),
        sigma_range=shown.sigma_range,
    )


def divide(
    image: Image,
    detections: FloatArray,
    lattice: ImageLattice,
    *,
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
) -> FloatArray:
    """Divide maxima of brightness into the columns that overlap in them.

    Each maximum tells where the columns around it are; what several tell of one is averaged. Then
    Gaussians of one size, one at each column, are fitted to the image, and those that are not
    there are left out.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    detections : ndarray of shape (n_maxima, >=4)
        Row, column, sigma and response of the maxima, and what else a detector tells of each.
    lattice : ImageLattice
        With `maxima`.
    polarity : {"bright", "dark"}
        Whether atoms are brighter than their surroundings.
    mask : ndarray of shape (n_rows, n_cols), bool, or None
        Where atoms can be.

    Returns
    -------
    detections : ndarray of the same columns
        The atoms, the strongest first.
    """
    if len(detections) == 0:
        return detections
    places, columns, sources = _predict(detections[:, :2], lattice)
    inside = ((places >= 0) & (places <= np.array(image.shape) - 1)).all(axis=1)
    if mask is not None:
        at = np.clip(np.round(places).astype(int), 0, np.array(image.shape) - 1)
        inside &= mask[at[:, 0], at[:, 1]]
    places, columns, sources = places[inside], columns[inside], sources[inside]
    if len(places) == 0:
        return detections[:0]
    pixels = np.asarray(image, dtype=np.float64) * (1 if polarity == "bright" else -1)
    pixels = pixels - ndimage.gaussian_filter(
        pixels, _BACKGROUND * float(np.linalg.norm(lattice.vectors, axis=1).max())
    )
    sigma, heights = _best_sigma(pixels, places, lattice.nearest_distance)
    there = np.zeros(len(places), dtype=bool)
    for column in np.unique(columns):
        of_kind = columns == column
        there |= of_kind & (heights > _THERE * np.median(heights[of_kind]))
    atoms = detections[sources[there]].copy()
    atoms[:, :2] = places[there]
    atoms[:, 2] = sigma
    # Responses keep their scale: the brightest kind has those of the maxima.
    atoms[:, 3] *= heights[there] / max(np.median(heights[columns == 0]), np.finfo(float).tiny)
    return atoms[np.argsort(-atoms[:, 3], kind="stable")]


def _predict(
    points: FloatArray, lattice: ImageLattice
) -> tuple[FloatArray, NDArray[np.intp], NDArray[np.intp]]:
    """Places of columns around maxima, which column each is, and a maximum that tells of it."""
    maxima = _kinds_of(points, lattice)
    shifts = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    places, columns, sources = [], [], []
    shown = np.array(lattice.maxima)
    for index, column in enumerate(lattice.columns):
        apart = np.array([column.u, column.v]) - shown
        ways = (apart - np.round(apart))[:, None] + shifts
        ways = ways @ lattice.vectors
        far = np.linalg.norm(ways, axis=2)
        for kind, shift in np.argwhere(far <= _AS_NEAR * far.min() + 1e-9):
            tells = np.flatnonzero(maxima == kind)
            places.append(points[tells] + ways[kind, shift])
            columns.append(np.full(len(tells), index))
            sources.append(tells)
    return _merged(
        np.concatenate(places),
        np.concatenate(columns),
        np.concatenate(sources),
        _ONE_COLUMN * lattice.nearest_distance,
    )


def _kinds_of(points: FloatArray, lattice: ImageLattice) -> NDArray[np.intp]:
    """Which maximum of the cell each one is, where the scan may have drifted slowly."""
    if len(lattice.maxima) == 1:
        return np.zeros(len(points), dtype=np.intp)
    sites, names = lattice.resolved().positions(margin=lattice.covering_radius)
    kinds = np.array([int(name[1:]) for name in names])
    tree = KDTree(sites)
    off = points - sites[tree.query(points)[1]]
    if len(points) > _N_AROUND:
        around = np.asarray(KDTree(points).query(points, k=_N_AROUND)[1])
        off = np.median(off[around], axis=1)
        points = points - off
    return np.asarray(kinds[tree.query(points)[1]], dtype=np.intp)


def _merged(
    places: FloatArray, columns: NDArray[np.intp], sources: NDArray[np.intp], reach: float
) -> tuple[FloatArray, NDArray[np.intp], NDArray[np.intp]]:
    """Average predictions that are of one column."""
    pairs = KDTree(places).query_pairs(reach, output_type="ndarray")
    pairs = pairs[columns[pairs[:, 0]] == columns[pairs[:, 1]]]
    links = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(places),) * 2)
    n, group = sparse.csgraph.connected_components(links, directed=False)
    sizes = np.bincount(group)
    means = np.column_stack([np.bincount(group, axis) / sizes for axis in places.T])
    first = np.full(n, len(places))
    np.minimum.at(first, group, np.arange(len(places)))
    return means, columns[first], sources[first]


def _best_sigma(pixels: FloatArray, places: FloatArray, nearest: float) -> tuple[float, FloatArray]:
    """The size of Gaussians that explain an image best, and their heights."""
    fits = [(sigma * nearest, *_heights(pixels, places, sigma * nearest)) for sigma in _SIGMAS]
    sigma, heights, _ = max(fits, key=lambda fit: fit[2])
    return sigma, heights


def _heights(pixels: FloatArray, places: FloatArray, sigma: float) -> tuple[FloatArray, float]:
    """Heights of Gaussians that fit an image best, with a constant, and the power they explain."""
    area = 2 * np.pi * sigma**2
    blurred = area * ndimage.gaussian_filter(pixels, sigma)
    seen = ndimage.map_coordinates(blurred, places.T, order=1, mode="nearest")
    tree = KDTree(places)
    near = tree.sparse_distance_matrix(tree, _REACH * sigma, output_type="coo_matrix")
    overlaps = 0.5 * area * np.exp(-(near.data**2) / (4 * sigma**2))
    # A place and itself are 0 apart, which a sparse matrix may leave out.
    apart = near.row != near.col
    n = len(places)
    products = sparse.coo_matrix(
        (overlaps[apart], (near.row[apart], near.col[apart])), shape=(n, n)
    ).tocsr() + 0.5 * area * sparse.eye(n, format="csr")
    # The constant that fits best is taken off all Gaussians and off the image.
    shared = area**2 / pixels.size
    table = LinearOperator(
        (n, n), matvec=lambda x: products @ x - shared * x.sum(), dtype=np.float64
    )
    values = seen - area * pixels.mean()
    heights, _ = cg(table, values, rtol=_PRECISE, maxiter=_MOST_STEPS)
    return np.asarray(heights), float(heights @ values)
