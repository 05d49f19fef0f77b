"""Where atoms can be: the surroundings of columns that the image shows.

Vacuum around a particle or a flake, and holes down to a single cell, hold no atoms; a count that
includes them makes every search invent some. Bragg peaks tell where there is crystal to about a
cell. Columns tell it to half their distance, wherever one stands out of noise by itself; where
none does, those at the lattice's places may do so together.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from logstar._numerics import smoothed
from logstar._validation import FloatArray, Image
from logstar.detection._responses import WideAverage, apart, laplacians
from logstar.detection._scale_space import find_candidates
from logstar.lattice import ImageLattice, Lattice
from logstar.lattice._field import field_of
from logstar.lattice._peaks import Flattened
from logstar.rewards._gaps import covered

from ._faint_columns import faint_columns

#: Sigma of the filter that columns respond to, by the nearest distance.
_SIGMA = 0.2
#: A maximum has no higher one that is closer than this, by the nearest distance.
_APART = 0.36
#: A maximum is a column if it responds with at least this share of what is typical of columns. The
#: weakest ones, at the thin edge of a particle, respond with 0.2 to 0.4; maxima of noise in vacuum
#: with 0.03 to 0.07.
_WEAKEST = 0.1
#: Where the crystal stands on something that has maxima of its own, columns respond with this many
#: times the 90th percentile of those, but need to with `_STRONG_ENOUGH` of what is typical at most.
_ABOVE_SUPPORT, _STRONG_ENOUGH = 1.6, 0.45
#: Beside a column, at most this many nearest distances away, a response above this share of that
#: level is one as well: the outermost columns of a particle are its weakest.
_BESIDE, _WEAKER = 1.25, 0.7
#: If the maxima away from the crystal are half as strong as columns, they are atoms as well.
_ALSO_ATOMS = 0.5
#: So many maxima have to be known for a percentile.
_LEAST_MAXIMA = 20
#: Least response of a column, and of typical ones, by the root mean square of that of noise. With
#: less, maxima of noise and columns are confused.
_CLEAR, _TYPICALLY_CLEAR = 5.0, 8.0
#: Without a lattice columns are known only if they respond this many times as strongly as the other
#: maxima. Columns of two elements differ by a factor of 2 to 3.
_TWO_KINDS = 5.0
#: A circle without a column is a hole if it is this much larger than that of a single vacancy.
_LARGER_THAN_A_VACANCY = 1.12
#: Noise is what a Gaussian of this sigma, in pixels, takes out of an image; it is averaged over
#: another one.
_PIXEL, _AROUND = 0.7, 16.0
#: A field of crystal that is found by Bragg peaks alone is full if it is at least this share.
_FULL = 0.98
#: Least size of a flat region in which nothing can be seen, by the area of a column.
_LEAST_FLAT = 1.5


def find_field(
    image: Image,
    lattice: Lattice,
    *,
    seen: ImageLattice | None = None,
    core: NDArray[np.bool_] | None = None,
    polarity: Literal["bright", "dark"] = "bright",
    mask: NDArray[np.bool_] | None = None,
    flattened: Flattened | None = None,
) -> NDArray[np.bool_] | None:
    """Find where atoms can be.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    lattice : Lattice
        The crystal, from which the distances of columns are taken.
    seen : ImageLattice, default=None
        The image's own lattice; None where it is not known, or not one.
    core : ndarray of shape (n_rows, n_cols), bool, default=None
        Where the crystal certainly is, if that is known otherwise.
    polarity : {"bright", "dark"}, default="bright"
        Whether columns are brighter or darker than their surroundings.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where to look; None is everywhere.
    flattened : Flattened, default=None
        The whole image, its columns bright, if something else was asked of it before.

    Returns
    -------
    field : ndarray of shape (n_rows, n_cols), bool, or None
        A part of the mask. None is everywhere, also where nothing tells.
    """
    if isinstance(lattice, ImageLattice):
        # Where columns overlap, maxima of brightness are what is seen.
        lattice = lattice.resolved()
    if flattened is None:
        flattened = Flattened(image if polarity == "bright" else -image)
    if seen is not None:
        core = field_of(flattened, seen)
    field = field_of_columns(image, lattice, seen=seen, core=core, polarity=polarity)
    if field is None and seen is not None:
        field = field_of(flattened, seen, keep_disorder=True)
        # Noise tells no smaller holes.
        field |= field.mean() >= _FULL
    if field is None:
        field = np.ones(image.shape, dtype=bool)
    field &= ~flat_regions(image, lattice.nearest_distance)
    if mask is not None:
        field &= mask
    if not field.any():
        return mask
    return None if field.all() else field


def looking_within(detector: Any, mask: NDArray[np.bool_] | None) -> Any:
    """Give a fitted detector, or pipeline with one at its end, that looks elsewhere.

    Parameters
    ----------
    detector : LoGStarDetector, DetectionPipeline or SignificanceDetector
        Fitted; it stays as it is.
    mask : ndarray of shape (n_rows, n_cols), bool, or None
        Where to look; None is everywhere.

    Returns
    -------
    detector : LoGStarDetector, DetectionPipeline or SignificanceDetector
        Fitted likewise, since nothing that a detector learns depends on its mask.
    """
    other = copy.copy(detector)
    if hasattr(detector, "steps"):
        name, last = detector.steps[-1]
        other.steps = [*detector.steps[:-1], (name, looking_within(last, mask))]
    else:
        other.mask = mask
    return other


def field_of_columns(
    image: Image,
    lattice: Lattice,
    *,
    seen: ImageLattice | None = None,
    core: NDArray[np.bool_] | None = None,
    polarity: Literal["bright", "dark"] = "bright",
) -> NDArray[np.bool_] | None:
    """Find where atoms can be, by the columns that an image shows.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    lattice : Lattice
        The crystal, from which the distances of columns are taken.
    seen : ImageLattice, default=None
        The image's own lattice, at whose places columns count that are clear together only. None
        takes those that stand out one by one.
    core : ndarray of shape (n_rows, n_cols), bool, default=None
        Where the crystal certainly is; its columns are typical. None compares the strongest maxima
        with the others.
    polarity : {"bright", "dark"}, default="bright"
        Whether columns are brighter or darker than their surroundings.

    Returns
    -------
    field : ndarray of shape (n_rows, n_cols), bool, or None
        It reaches half the nearest distance beyond the outermost columns. Gaps between columns
        belong to it, and vacancies; holes in which more than one column is missing do not. None
        where single columns cannot be told from noise.
    """
    nearest = lattice.nearest_distance
    pixels = _upright(image, polarity)
    sigma = _sigma(nearest)
    maxima = _maxima(pixels, sigma, nearest)
    level = _level(maxima, core, nearest)
    if level is None:
        return None
    columns = _columns_above(maxima, level, nearest)
    if len(columns) == 0:
        return None
    gap = _LARGER_THAN_A_VACANCY * vacancy_radius(lattice)
    field = _surroundings(columns, image.shape, nearest, gap)
    # The lattice of another image has its places elsewhere.
    if field.all() or seen is None or seen.shape != pixels.shape:
        return field
    (response,) = laplacians(pixels, [sigma])
    places = faint_columns(response, *seen.resolved().positions(), field, nearest)
    if len(places) == 0:
        return field
    pixels_of_them = np.clip(np.rint(places).astype(int), 0, np.array(pixels.shape) - 1)
    return _surroundings(np.concatenate([columns, pixels_of_them]), image.shape, nearest, gap)


def level_of_columns(
    image: Image,
    lattice: Lattice,
    *,
    core: NDArray[np.bool_] | None = None,
    polarity: Literal["bright", "dark"] = "bright",
    empty: Sequence[Image] = (),
) -> float | None:
    """Find the least response of a column.

    Parameters
    ----------
    image, lattice, core, polarity : optional
        As of `field_of_columns`.
    empty : sequence of ndarray
        Images, in the same intensities, of what is beside the crystal.

    Returns
    -------
    level : float or None
        In the image's intensities; None where single columns cannot be told from noise.
    """
    nearest = lattice.nearest_distance
    of_image, *beside = (
        _maxima(_upright(one, polarity), _sigma(nearest), nearest) for one in (image, *empty)
    )
    return _level(of_image, core, nearest, [one.responses for one in beside])


def field_above(
    image: Image,
    lattice: Lattice,
    level: float,
    *,
    polarity: Literal["bright", "dark"] = "bright",
) -> NDArray[np.bool_]:
    """Find where atoms can be in a part of an image, by a level that was learnt on another.

    What a pixel is depends on no other that is further away than `reach_of_field`, if the part
    begins at an even row and column: noise is averaged over blocks of two.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The part.
    lattice : Lattice
        The crystal, from which the distances of columns are taken.
    level : float
        Least response of a column, as `level_of_columns` gives it.
    polarity : {"bright", "dark"}, default="bright"
        Whether columns are brighter or darker than their surroundings.

    Returns
    -------
    field : ndarray of shape (n_rows, n_cols), bool
        False everywhere where there is no column.
    """
    if isinstance(lattice, ImageLattice):
        lattice = lattice.resolved()
    nearest = lattice.nearest_distance
    maxima = _maxima(_upright(image, polarity), _sigma(nearest), nearest)
    columns = _columns_above(maxima, level, nearest)
    if len(columns) == 0:
        return np.zeros(image.shape, dtype=bool)
    gap = _LARGER_THAN_A_VACANCY * vacancy_radius(lattice)
    return _surroundings(columns, image.shape, nearest, gap) & ~flat_regions(image, nearest)


def reach_of_field(lattice: Lattice) -> int:
    """How far, in pixels, that lies on which `field_above` depends."""
    of_noise = 4 * _AROUND + 4 * _PIXEL
    # A maximum may be kept because one that is higher than its rival is in the rival's way.
    of_columns = (4 * _SIGMA + 4 * _APART + _BESIDE + 0.5) * lattice.nearest_distance
    gap = _LARGER_THAN_A_VACANCY * vacancy_radius(lattice)
    return int(np.ceil(of_noise + of_columns + 2 * gap)) + 4


def _upright(image: Image, polarity: Literal["bright", "dark"]) -> Image:
    return image if polarity == "bright" else -image


def _sigma(nearest: float) -> float:
    return max(_SIGMA * nearest, 1.0)


def _columns_above(maxima: _Maxima, level: float, nearest: float) -> NDArray[np.intp]:
    """Rows and columns of the maxima that are columns of the crystal."""
    is_clear = maxima.responses >= _WEAKER * level
    is_clear &= maxima.responses >= _CLEAR * maxima.noise
    is_column = is_clear & (maxima.responses >= level)
    if is_column.any():
        away = np.asarray(KDTree(maxima.places[is_column]).query(maxima.places)[0])
        is_column |= is_clear & (away <= _BESIDE * nearest)
    return maxima.places[is_column]


def vacancy_radius(lattice: Lattice) -> float:
    """Radius of the largest circle without a column when one of the columns is missing.

    Parameters
    ----------
    lattice : Lattice
        The crystal.

    Returns
    -------
    radius : float
        In pixels.
    """
    cell = lattice.vectors
    places = np.array([[column.u, column.v] for column in lattice.columns])
    steps = np.arange(-3, 4)
    shifts = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    points = ((places + shifts) @ cell).reshape(-1, 2)
    radius = lattice.covering_radius
    reach = np.linspace(-1.0, 1.0, 25) * radius
    around = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    for place in places @ cell:
        others = points[np.linalg.norm(points - place, axis=1) > 0.01 * radius]
        radius = max(radius, float(np.max(KDTree(others).query(place + around)[0])))
    return radius


def flat_regions(image: Image, spacing: float) -> NDArray[np.bool_]:
    """Find where an image has one value only, as where a detector is saturated.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols)
        The image.
    spacing : float
        Nearest distance of atoms, in pixels. The flat top of a single atom is no such region.

    Returns
    -------
    flat : ndarray of shape (n_rows, n_cols), bool
    """
    equal = _are_equal_around(image)
    if not equal.any():
        return equal
    labels, _ = ndimage.label(equal)
    sizes = np.bincount(labels.ravel())
    large = sizes >= _LEAST_FLAT * spacing**2
    large[0] = False
    # The filters took a pixel from the region's edge.
    return np.asarray(ndimage.binary_dilation(large[labels], np.ones((3, 3), dtype=bool)))


def _are_equal_around(image: Image) -> NDArray[np.bool_]:
    """Tell which pixels have the value of all eight around them, of those that the image has."""
    in_row = np.ones(image.shape, dtype=bool)
    same = image[:, 1:] == image[:, :-1]
    in_row[:, 1:] &= same
    in_row[:, :-1] &= same
    # Three such rows, whose middles are equal as well.
    equal = in_row.copy()
    same = (image[1:] == image[:-1]) & in_row[1:] & in_row[:-1]
    equal[1:] &= same
    equal[:-1] &= same
    return equal


class _Maxima(NamedTuple):
    """Maxima of the response: row and column, response, and the rms response of noise there."""

    places: NDArray[np.intp]
    responses: FloatArray
    noise: FloatArray


def _maxima(pixels: Image, sigma: float, nearest: float) -> _Maxima:
    found = find_candidates(pixels, np.array([[sigma, sigma]]), threshold=0.0)
    is_highest = apart(found.places[:, :2], found.responses, _APART * nearest)
    places, responses = found.places[is_highest, :2], found.responses[is_highest]
    rough = pixels - smoothed(pixels, _PIXEL)
    around = WideAverage(pixels.shape, _AROUND)
    rms = np.sqrt(around.at(around.on_blocks(rough**2), places))
    return _Maxima(places, responses, rms * _response_of_noise(sigma))


def _response_of_noise(sigma: float) -> float:
    """Root mean square response to white noise, by that of what is taken for noise of it."""
    point = np.zeros((2 * int(4 * sigma) + 9,) * 2)
    point[point.shape[0] // 2, point.shape[1] // 2] = 1.0
    responds = sigma**2 * ndimage.gaussian_laplace(point, sigma)
    taken = point - ndimage.gaussian_filter(point, _PIXEL)
    return float(np.linalg.norm(responds) / np.linalg.norm(taken))


def _level(
    maxima: _Maxima,
    core: NDArray[np.bool_] | None,
    nearest: float,
    beside: Sequence[FloatArray] = (),
) -> float | None:
    """The least response of a column; None where that cannot be told.

    Responses of maxima that are known to be `beside` the crystal count as those outside of its
    core.
    """
    responses = maxima.responses
    if len(responses) < _LEAST_MAXIMA:
        return None
    if core is None:
        # Takes long to import, and where a lattice is seen nothing needs it.
        from skimage.filters import threshold_otsu  # noqa: PLC0415

        logs = np.log(responses)
        above = logs > threshold_otsu(logs)
        if np.median(responses[above]) < _TWO_KINDS * np.median(responses[~above]):
            return None
        inside, outside = above, ~above
    else:
        inside = core[tuple(maxima.places.T)]
        # Between the two lies the edge of the crystal.
        outside = _distances_to(core, maxima.places) > 3 * nearest
    if np.count_nonzero(inside) < _LEAST_MAXIMA:
        return None
    strong = responses[inside]
    # Inside the crystal every second maximum may be one of noise.
    typical = float(np.median(strong[strong >= 0.5 * np.percentile(strong, 90)]))
    if typical < _TYPICALLY_CLEAR * np.median(maxima.noise[inside]):
        return None
    level = _WEAKEST * typical
    others = np.concatenate([responses[outside], *beside])
    if len(others) >= _LEAST_MAXIMA:
        of_support = float(np.percentile(others, 90))
        if of_support < _ALSO_ATOMS * typical:
            level = max(level, min(_ABOVE_SUPPORT * of_support, _STRONG_ENOUGH * typical))
    return level


def _distances_to(area: NDArray[np.bool_], places: NDArray[np.intp]) -> FloatArray:
    """Distance of pixels from the nearest one of an area, which has some."""
    distances = np.zeros(len(places))
    away = ~area[tuple(places.T)]
    if away.any():
        distances[away] = KDTree(_rim(area)).query(places[away])[0]
    return distances


def _rim(area: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Pixels of an area that have one outside of it beside them: the nearest ones from there."""
    inner = area.copy()
    inner[1:] &= area[:-1]
    inner[:-1] &= area[1:]
    inner[:, 1:] &= area[:, :-1]
    inner[:, :-1] &= area[:, 1:]
    return np.argwhere(area & ~inner)


def _surroundings(
    columns: NDArray[np.intp], shape: tuple[int, int], nearest: float, gap: float
) -> NDArray[np.bool_]:
    """Close the gaps between columns, up to a radius, and reach half their distance beyond them."""
    closed = covered(columns, gap, shape)
    # A column on the very edge of the image shows a flank only, and is missed: what is covered
    # half a distance inside is covered up to the edge.
    frame = min(int(np.ceil(nearest / 2)), (min(shape) - 1) // 2)
    inner = closed[frame:-frame, frame:-frame] if frame else closed
    closed = np.pad(inner, frame, mode="edge")
    if closed.all():
        return closed
    return closed & ~covered(_rim(~closed), gap - nearest / 2, shape)
