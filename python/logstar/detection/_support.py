"""A test of what a denoised image shows against the raw one.

An atom of height h in noise of standard deviation s, matched with its own Gaussian of standard
deviation sigma, is seen at a signal-to-noise ratio of ``sqrt(pi) * sigma * h / s``. What the
denoised image shows is taken out of the raw one first, so that neither neighbours nor background
disturb the match; what is left is put on top of the height that the denoised image claims.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from logstar._numerics import MAD_TO_SIGMA
from logstar._validation import FloatArray, Image, as_image, as_positions, check_real

#: Side of the square over which intensities of the raw and of the processed image are compared, in
#: sigmas of an atom: it holds several atoms, whose heights give the factor between the two.
_SURROUNDINGS = 24.0
#: Least height of a maximum that counts as an atom, as a share of the 95th percentile of the
#: heights of all maxima; lower ones are noise.
_LEAST_HEIGHT = 0.15
#: Half the side of the square that tells an atom from its surroundings, in sigmas of the atom. It
#: is wider than an atom, which has 5 % of its height left at the corners; a wider square would find
#: darker noise, and take an empty place for an atom.
_OPENING = 1.75
#: Percentile of the heights of an image's atoms that stands for its weakest ones. An atom where the
#: image shows less would have this height.
_WEAKEST = 25
#: Number of maxima around a place by which the weakest atoms there are told: those of 16 atoms, if
#: every second is noise.
_AROUND = 32
#: The weakest atoms around a place have at least this share of the height that the weakest of the
#: whole image have. Where heights are on average less than this share of their median over the
#: image, there are no faint atoms but none, and those of the whole image count.
_FAINTEST = 0.1
#: What rounding in single precision may change, as a share of the image's range.
_ROUNDING = 1e-6


class Support(NamedTuple):
    """How well the raw image supports detections.

    Parameters
    ----------
    snr : ndarray of shape (n,)
        Height in the raw image by the standard deviation that noise gives it.
    evidence : ndarray of shape (n,)
        Logarithm of how much likelier the raw image is with the atom than without it.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.detection import Support
    >>> support = Support(np.array([9.1, 2.2]), np.array([31.0, -0.4]))
    >>> support.evidence > 0
    array([ True, False])
    """

    snr: FloatArray
    evidence: FloatArray


def atom_support(
    image: ArrayLike, processed: ArrayLike, detections: ArrayLike, *, sigma: float
) -> Support:
    """Test detections of a processed image against the raw one.

    Two cases are compared: there is an atom, as high as the processed image shows, though not
    lower than the weakest atoms of its surroundings are; or there is nothing.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The raw image, atoms bright.
    processed : array-like of shape (n_rows, n_cols)
        The image in which atoms were found: locally, but for a factor, a constant and what is to
        be tested, the raw image without noise.
    detections : array-like of shape (n, >=2)
        Row and column in pixels; further columns are ignored.
    sigma : float
        Sigma of a usual atom in pixels.

    Returns
    -------
    support : Support
        Of each detection, in their order.

    Raises
    ------
    TypeError, ValueError
        For images or tables that are none, or of different shapes.

    Examples
    --------
    A vacancy among atoms, filled by something that knows better:

    >>> from logstar.datasets import make_scene
    >>> from logstar.detection import atom_support
    >>> perfect = make_scene(shape=(96, 96), sigma=3, random_state=0)
    >>> scene = make_scene(
    ...     shape=(96, 96), sigma=3, vacancy_fraction=0.05, noise=0.1, random_state=0
    ... )
    >>> places = [scene.positions[20], scene.vacancies[0]]
    >>> evidence = atom_support(scene.image, perfect.image, places, sigma=3).evidence
    >>> bool(evidence[0] > 10), bool(evidence[1] < -10)
    (True, True)
    """
    points = as_positions(detections, name="detections")
    return SupportMap.of(image, processed, sigma=sigma).at(points)


class SupportMap:
    """What the raw image says of an atom at each pixel.

    Parameters
    ----------
    claimed, matched, spread : ndarray of shape (n_rows, n_cols)
        Height that the processed image claims, what the raw image adds to it, and the standard
        deviation that noise gives it.
    weakest : _Weakest
        Height of the weakest atoms around each pixel.
    """

    def __init__(
        self,
        claimed: FloatArray,
        matched: FloatArray,
        spread: FloatArray,
        weakest: _Weakest,
    ) -> None:
        self.claimed = claimed
        self.matched = matched
        self.spread = spread
        self.weakest = weakest

    @classmethod
    def of(cls, image: ArrayLike, processed: ArrayLike, *, sigma: float) -> Self:
        """Compare a processed image with the raw one; see `atom_support`."""
        raw, shown = as_image(image), as_image(processed, name="processed")
        if raw.shape != shown.shape:
            raise ValueError(f"image and processed differ in shape: {raw.shape} and {shown.shape}.")
        sigma = check_real(sigma, name="sigma", low=0, low_included=False)
        side = 2 * round(_SURROUNDINGS * sigma / 2) + 1
        factor, residual = _compare(raw, shown, side)
        # A running mean leaves rounding of either sign where nothing is.
        noise = np.sqrt(np.maximum(0.0, ndimage.uniform_filter(residual**2, side)))
        heights = factor * _heights(shown, sigma)
        matched = 2.0 * ndimage.gaussian_filter(residual, sigma)
        # Without any noise, rounding is what can be trusted.
        rounding = _ROUNDING * (float(np.ptp(raw)) or 1.0)
        spread = np.maximum(_spread(matched, noise, sigma), rounding)
        return cls(heights, matched, spread, _Weakest.of(heights, side))

    def at(self, points: FloatArray) -> Support:
        """Support of detections at these rows and columns."""
        places = np.rint(points).astype(int)
        if (places < 0).any() or (places >= self.claimed.shape).any():
            raise ValueError(f"detections lie outside of an image of {self.claimed.shape} pixels.")
        rows, cols = places.T
        claimed, spread = self.claimed[rows, cols], self.spread[rows, cols]
        height = claimed + self.matched[rows, cols]
        atom = np.maximum(claimed, self.weakest.at(places))
        evidence = atom * (2.0 * height - atom) / (2.0 * spread**2)
        return Support(height / spread, evidence)


def _heights(image: Image, sigma: float) -> FloatArray:
    """Height of a Gaussian atom of this sigma above its surroundings, were there one at each pixel.

    The surroundings are the opening by a square that no atom fills: a zero-sum filter would count
    the neighbours against an atom, and the moat around a vacancy that was filled in part for one.
    """
    pixels = np.asarray(image, dtype=np.float64)
    ground = ndimage.grey_opening(pixels, size=(2 * round(_OPENING * sigma) + 1,) * 2)
    result: FloatArray = 2.0 * ndimage.gaussian_filter(pixels - ground, sigma)
    return result


def _compare(raw: Image, shown: Image, side: int) -> tuple[FloatArray, FloatArray]:
    """Local factor of the shown image in the raw one, and what it does not explain."""

    def mean(values: NDArray[np.floating]) -> FloatArray:
        return np.asarray(ndimage.uniform_filter(values, side))

    x, y = (np.asarray(image, dtype=np.float64) for image in (shown, raw))
    # Away from zero, products would lose the digits that variances are made of.
    x, y = x - x.mean(), y - y.mean()
    mean_x, mean_y = mean(x), mean(y)
    variance = mean(x * x) - mean_x**2
    # Where the processed image shows nothing there is nothing to scale.
    floor = max(1e-3 * float(variance.mean()), np.finfo(np.float64).tiny)
    factor = np.maximum(0.0, (mean(x * y) - mean_x * mean_y) / np.maximum(variance, floor))
    residual = y - mean_y - factor * (x - mean_x)
    return factor, residual


def _spread(matched: FloatArray, noise: FloatArray, sigma: float) -> FloatArray:
    """Standard deviation of a matched height, by the local noise and how it is correlated."""
    white = noise / (math.sqrt(math.pi) * sigma)
    usual = float(np.median(white))
    seen = MAD_TO_SIGMA * float(np.median(np.abs(matched)))
    return white * max(1.0, seen / usual if usual > 0 else 1.0)


class _Weakest(NamedTuple):
    """What the weakest atoms of an image are like, from the maxima of its heights.

    Where atoms are fainter altogether, as in thin or defocused crystal, the weakest are as well.
    """

    overall: float
    maxima: KDTree
    around: FloatArray
    is_empty: NDArray[np.bool_]

    @classmethod
    def of(cls, shown: FloatArray, side: int) -> Self:
        mean = ndimage.uniform_filter(shown, side)
        is_empty = mean < _FAINTEST * np.median(mean)
        is_maximum = (shown == ndimage.maximum_filter(shown, size=3)) & (shown > 0)
        places, heights = np.argwhere(is_maximum), shown[is_maximum]
        if len(heights) == 0:
            return cls(0.0, KDTree(np.zeros((1, 2))), np.zeros(1), is_empty)
        tree = KDTree(places)
        n_around = min(_AROUND, len(heights))
        neighbors = tree.query(places, n_around)[1].reshape(len(heights), n_around)
        overall = float(_percentile_of_atoms(heights[None, :])[0])
        around = _percentile_of_atoms(heights[neighbors])
        return cls(overall, tree, np.clip(around, _FAINTEST * overall, overall), is_empty)

    def at(self, places: NDArray[np.intp]) -> FloatArray:
        around = self.around[self.maxima.query(places)[1]]
        return np.asarray(np.where(self.is_empty[tuple(places.T)], self.overall, around))


def _percentile_of_atoms(heights: FloatArray) -> FloatArray:
    """Height of the weakest atoms among the maxima of each row."""
    ranked = np.sort(heights, axis=1)
    least = _LEAST_HEIGHT * np.percentile(ranked, 95, axis=1)
    first = (ranked < least[:, None]).sum(axis=1)
    rank = first + np.rint(_WEAKEST / 100 * (ranked.shape[1] - 1 - first)).astype(int)
    return np.asarray(ranked[np.arange(len(ranked)), rank])
