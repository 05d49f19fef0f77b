"""Significance of atoms that were found already, alone or among neighbours."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse
from scipy.spatial import KDTree

from logstar import _core
from logstar._validation import FloatArray, Image, as_image, as_positions, check_real

from ._noise_tail import NoiseMaxima, significance_of
from ._significance import (
    SignificanceMap,
    estimate_atom_size,
    gain_of_few_electrons,
    strengths_within,
)

#: Iterations that heights of atoms are fitted with, and the residual by the first at which they
#: end: what is left is far below noise.
_N_ITERATIONS, _CONVERGED = 10, 1e-6
#: At most this share of what an image can tell is taken to have gone into heights of atoms.
_MOST_FITTED = 0.9
#: Points are filtered one by one where their windows together have at most this many times the
#: pixels of the image; a filter of all of it is quicker beyond.
_DENSE = 32


def atom_significance(
    image: ArrayLike,
    detections: ArrayLike,
    *,
    size: float | None = None,
    polarity: Literal["bright", "dark"] = "bright",
    mask: NDArray[np.bool_] | None = None,
    remove_neighbors: bool = False,
) -> FloatArray:
    """Tell how many maxima as strong as each atom noise alone would show in the image.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The raw image.
    detections : array-like of shape (n, >=2)
        Row, column and, unless there is a `size`, sigma in pixels; further columns are ignored.
    size : float, default=None
        Sigma of atoms in pixels; None is the median of those of the detections, and without any
        is estimated from the image.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where atoms can be; None is everywhere.
    remove_neighbors : bool, default=False
        Whether each atom is seen without the others. In a crystal the gaps between atoms are as
        dark as noise would have to be to explain the atoms; with the atoms taken out of the image,
        noise is what is left. For single atoms it is not needed.

    Returns
    -------
    significance : ndarray of shape (n,)
        Minus the decimal logarithm of that number: 0 where one is expected, 3 where one image in a
        thousand shows one, at most 300.

    Raises
    ------
    TypeError, ValueError
        For an image or a table that is none, and a size that is not above 0.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.detection import atom_significance
    >>> scene = make_scene(shape=(128, 128), sigma=3, noise=0.05, random_state=0)
    >>> atoms = [scene.positions[20], scene.positions[20] + (5, 3)]
    >>> found = atom_significance(scene.image, atoms, size=3)
    >>> bool(found[0] > 3), bool(found[1] > 0)
    (True, False)
    """
    pixels = as_image(image)
    table = np.asarray(detections, dtype=np.float64)
    points = as_positions(detections, name="detections")[:, :2]
    if size is not None:
        size = check_real(size, name="size", low=0, low_included=False)
    elif len(points) and table.shape[1] > 2:
        size = float(np.median(table[:, 2]))
    if len(points) == 0:
        return np.empty(0)
    if size is None:
        size = estimate_atom_size(pixels, polarity=polarity, mask=mask)
    if not remove_neighbors:
        found = SignificanceMap.of(pixels, size=size, polarity=polarity, mask=mask)
        return found.significance(found.at(points))
    core = np.ones(pixels.shape, dtype=bool) if mask is None else mask
    gain = gain_of_few_electrons(np.asarray(pixels, dtype=np.float64))
    alone = strengths_among_neighbors(pixels, points, size, polarity, core, gain=gain)
    z = alone.strengths * share_left(len(points), size, pixels.size)
    return significance_of(z, [one.tail() for one in alone.noise])


class StrengthsOfAtoms(NamedTuple):
    """How far atoms stand out of what is left without them.

    Attributes
    ----------
    strengths : ndarray of shape (n,)
        Of the atoms, yet to be multiplied by `share_left`.
    noise : list of NoiseMaxima
        Of what is left.
    """

    strengths: FloatArray
    noise: list[NoiseMaxima]


def strengths_among_neighbors(
    image: Image,
    points: FloatArray,
    size: float,
    polarity: Literal["bright", "dark"],
    core: NDArray[np.bool_],
    *,
    gain: float | None,
    seed: int = 0,
) -> StrengthsOfAtoms:
    """Measure each atom of an image, or of a part of one, without the others.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image; or a part with `reach_of_surroundings` around it.
    points : ndarray of shape (n, 2)
        Row and column of all atoms in it, at least one.
    size, polarity : optional
        As of `atom_significance`.
    core : ndarray of shape (n_rows, n_cols), bool
        Where maxima of noise count.
    gain : float or None
        Of the whole image, by `gain_of_few_electrons`.
    seed : int, default=0
        Of simulated noise.

    Returns
    -------
    found : StrengthsOfAtoms
    """
    bright = np.array(image if polarity == "bright" else -image, dtype=np.float64)
    bright -= bright.mean()
    rounded = np.rint(points).astype(np.int64)
    heights, model = _fit(bright, rounded, size)
    # Taken out of the image as it is: what noise it has is judged by its electrons. A wider filter
    # would see more of what Gaussians of one size do not explain.
    strengths, spreads, noise = strengths_within(
        (np.subtract if polarity == "bright" else np.add)(image, model, out=model),
        size=size,
        polarity=polarity,
        core=core,
        counts=image,
        gain=gain,
        seed=seed,
        places=rounded,
    )
    # A Gaussian responds with half its height to a filter of its own sigma.
    return StrengthsOfAtoms(heights / 2 / spreads + strengths, noise)


def share_left(n_atoms: int, size: float, n_pixels: int) -> float:
    """What strengths are multiplied by, since heights are fitted to noise as well.

    That takes its share out of what is left; of the dark half, which the spread is measured on,
    half of it.
    """
    fitted = n_atoms * 4 * math.pi * size**2 / n_pixels
    return math.sqrt(1 - min(fitted, _MOST_FITTED) / 2)


def _fit(
    pixels: FloatArray, places: NDArray[np.int64], sigma: float
) -> tuple[FloatArray, FloatArray]:
    """Heights of Gaussians at these pixels that explain the image best, and their sum.

    Least squares by conjugate gradients.
    """
    shape, peak = (pixels.shape[0], pixels.shape[1]), 2 * math.pi * sigma**2
    filters = _PointFilters(shape, places, sigma)

    def rendered(heights: FloatArray) -> FloatArray:
        return filters.spread(peak * heights)

    def matched(values: FloatArray, side: int | None = None) -> FloatArray:
        return peak * filters.gather(values, side)

    overlaps = _overlaps(shape, places, sigma)
    heights = np.zeros(len(places), dtype=np.float64)
    # A slow background is no atom's.
    residual = matched(pixels, 2 * round(6 * sigma) + 1)
    direction, square = residual.copy(), float(residual @ residual)
    first = square
    for _ in range(_N_ITERATIONS):
        if square <= _CONVERGED * first or square == 0:
            break
        # Where atoms are so many that pairs are more than pixels, filters take less.
        if overlaps is None:
            image = matched(rendered(direction))
        else:
            image = np.asarray(peak**2 * (overlaps @ direction), dtype=np.float64)
        step = square / float(direction @ image)
        heights = np.asarray(heights + step * direction, dtype=np.float64)
        residual -= step * image
        new = float(residual @ residual)
        direction = residual + new / square * direction
        square = new
    return heights, rendered(heights)


class _PointFilters:
    """A Gaussian filter, cut off where SciPy's is, of points alone or seen at points alone.

    Beyond the frame everything is 0.
    """

    def __init__(self, shape: tuple[int, int], places: NDArray[np.int64], sigma: float) -> None:
        self.shape, self.places, self.sigma = shape, places, sigma
        self._kernel = _kernel(sigma)
        self._density = len(places) * len(self._kernel) ** 2 / math.prod(shape)

    def spread(self, heights: FloatArray) -> FloatArray:
        """Filter an image that is 0 but at the points."""
        if self._density <= _DENSE:
            return _core.spread_points(self.places, heights, self._kernel, self.shape)
        flat = np.ravel_multi_index(tuple(self.places.T), self.shape)
        points = np.bincount(flat, heights, minlength=math.prod(self.shape))
        return np.asarray(
            ndimage.gaussian_filter(points.reshape(self.shape), self.sigma, mode="constant")
        )

    def gather(self, values: FloatArray, side: int | None = None) -> FloatArray:
        """Filter an image, and give what is at the points.

        With a `side`, the mean of the square around each pixel is taken off before: to some 1e-13
        of the largest pixel the image less SciPy's `uniform_filter`.
        """
        if self._density <= _DENSE:
            return _core.gather_points(values, self.places, self._kernel, side)
        if side is not None:
            background = ndimage.uniform_filter(values, side)
            values = np.subtract(values, background, out=background)
        smooth = ndimage.gaussian_filter(values, self.sigma, mode="constant")
        return np.asarray(smooth[tuple(self.places.T)])


def _kernel(sigma: float) -> FloatArray:
    """Weights of a Gaussian filter."""
    point = np.zeros(2 * int(4 * sigma + 0.5) + 1)
    point[len(point) // 2] = 1.0
    return np.asarray(ndimage.gaussian_filter1d(point, sigma, mode="constant"))


def _overlaps(
    shape: tuple[int, ...], places: NDArray[np.intp], sigma: float
) -> sparse.csr_array | None:
    """Sums over the image of products of two atoms' Gaussian filters; None if these are too many.

    As exact as filters of the whole image are: the filter is the same, cut off where it is and at
    the frame.
    """
    kernel = _kernel(sigma)
    radius = len(kernel) // 2
    reach = 2 * radius
    expected = len(places) ** 2 * (2 * reach + 1) ** 2 / (shape[0] * shape[1])
    if expected > shape[0] * shape[1]:
        return None
    pairs = KDTree(places).query_pairs(reach, p=np.inf, output_type="ndarray")
    own = np.arange(len(places))
    one, other = (np.concatenate([own, pairs[:, side]]) for side in (0, 1))
    # For each distance along an axis the products of two kernels, summed from the first pixel on.
    sums = np.zeros((reach + 1, 2 * radius + 2))
    for distance in range(reach + 1):
        products = kernel[distance:] * kernel[: 2 * radius + 1 - distance]
        sums[distance, distance + 1 :] = np.cumsum(products)
    values = np.ones(len(one))
    for axis, size in enumerate(shape):
        ends = np.sort(np.stack([places[one, axis], places[other, axis]]), axis=0)
        first, distance = ends[0], ends[1] - ends[0]
        # Of the pixels that the nearer one's kernel covers, those on the image.
        low = np.maximum(radius - first, 0)
        high = np.minimum(radius + size - first, 2 * radius + 1)
        values *= sums[distance, high] - sums[distance, low]
    lower = sparse.coo_array((values, (one, other)), shape=(len(places),) * 2).tocsr()
    return sparse.csr_array(lower + lower.T - sparse.diags_array(lower.diagonal()))
