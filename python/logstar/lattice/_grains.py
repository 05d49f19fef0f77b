"""The grains of an image, found without knowing the crystals."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from logstar._validation import Image, as_image, check_real
from logstar.exceptions import NotOneLatticeError
from logstar.units import PixelSize, pixel_size_of

from ._bragg import BraggLattice, find_basis, index_peaks
from ._field import estimate_field
from ._field_of_view import as_mask
from ._finding import place_lattice
from ._grain_labels import choose_waves, clean, explained, label
from ._grain_map import GrainMap
from ._grain_seeds import SAME_LATTICE, Tile, find_seeds
from ._image_lattice import ImageLattice
from ._lattice import Lattice
from ._misorientation import difference
from ._peaks import Peaks, Pixels, find_peaks, flatten

#: Pixels are labelled and each lattice is fitted to its pixels once for each lattice, which may be
#: dropped, and so often again.
_N_ROUNDS = 2
#: The amplitude inside a grain is taken to be this percentile of that in the tile that showed it:
#: the grain may fill half of the tile.
_INSIDE = 80
#: Where the amplitudes of other lattices are this share of those in their grains, in half of a
#: tile, the tile tells of no further grain: it is 0.83 of a perovskite turned by 5 degrees, 0.97
#: across the boundary of a twin.
_MOST_EXPLAINED = 0.9
#: A smaller region, in pixels, shows no Bragg peaks.
_LEAST_SIDE = 32
#: A lattice that explains a grain's Bragg peaks but for this share of their power is the grain's.
_AS_GOOD = 0.1


class _Grain(NamedTuple):
    """A region of an image, and the lattice that it shows.

    Attributes
    ----------
    mask : ndarray of shape (n_rows, n_cols), bool
        Where it is.
    window : tuple of two slice
        The rows and columns that hold it.
    flat : ndarray of the shape of the window
        The flattened image, 0 outside of the mask.
    peaks : Peaks
        Its Bragg peaks.
    bragg : BraggLattice
        Its lattice.
    """

    mask: NDArray[np.bool_]
    window: tuple[slice, slice]
    flat: Pixels
    peaks: Peaks
    bragg: BraggLattice


def find_grains(
    image: ArrayLike,
    pixel_size: PixelSize | str | float | None = None,
    *,
    polarity: Literal["bright", "dark"] = "bright",
    mask: ArrayLike | None = None,
    tolerance: float = Lattice.tolerance,
    min_confidence: float = 0.7,
) -> GrainMap:
    """Find the grains of an image, with no crystal given.

    Tiles of the image, a half to a quarter of it across, each tell the lattice that they show. What
    two tiles apart from one another agree in, or one tile shows beyond chance, may be a grain. Each
    pixel is given to the lattice whose Bragg peaks are strongest around it, and each lattice is
    fitted to its pixels.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image, also as a `Micrograph`, a HyperSpy signal or an xarray DataArray.
    pixel_size : PixelSize, str or float, default=None
        Size of a pixel: "0.2 A", or a number in angstrom. None is that of the image where it
        carries one; else lengths are in pixels.
    polarity : {"bright", "dark"}, default="bright"
        Whether columns are brighter than their surroundings (HAADF) or darker (ABF).
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where to look; None is everywhere.
    tolerance : float, default=0.85
        As of a `Lattice`.
    min_confidence : float, default=0.7
        Below this one lattice of the whole image is no proof; see `ImageLattice.from_image`.

    Returns
    -------
    grains : GrainMap
        Several grains, one crystal, or none.

    Raises
    ------
    TypeError, ValueError
        For an image or a parameter that cannot be.

    Notes
    -----
    Lattices that differ by a rotation of less than 3 degrees are one crystal, bent. A grain should
    be a fifth of the image across, and hold five planes each way. Boundaries are right to about
    one distance of planes.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.datasets import make_scene
    >>> from logstar.lattice import find_grains
    >>> find_grains(make_scene(random_state=0).image).kind
    'one crystal'
    >>> find_grains(np.random.default_rng(0).normal(size=(128, 128))).kind
    'none'
    """
    pixels = as_image(image)
    least = check_real(min_confidence, name="min_confidence", low=0, high=1)
    if polarity not in {"bright", "dark"}:
        raise ValueError(f"polarity must be 'bright' or 'dark', got {polarity!r}.")
    field = as_mask(mask)
    if field is not None and field.shape != pixels.shape:
        raise ValueError(f"mask has shape {field.shape}, the image {pixels.shape}.")
    if field is not None and not field.any():
        raise ValueError("mask leaves no pixel of the image.")
    size = pixel_size_of(image) if pixel_size is None else PixelSize.of(pixel_size)
    bright = pixels if polarity == "bright" else -pixels
    seeds = find_seeds(bright, field)
    grains = _grow(bright, seeds, field) if len(seeds) > 1 else []
    if len(grains) < 2:
        return _one_crystal(bright, size, field, tolerance, least)
    lattices = [_lattice(grain, size, tolerance, pixels.shape) for grain in grains]
    order = np.argsort([-int(grain.mask.sum()) for grain in grains], kind="stable")
    labels = np.zeros(pixels.shape, dtype=np.intp)
    for i, index in enumerate(order, start=1):
        labels[grains[index].mask] = i
    labels.flags.writeable = False
    return GrainMap(labels, tuple(lattices[index] for index in order))


def _one_crystal(
    bright: Image,
    size: PixelSize | None,
    field: NDArray[np.bool_] | None,
    tolerance: float,
    least: float,
) -> GrainMap:
    labels = np.zeros(bright.shape, dtype=np.intp)
    try:
        lattice = ImageLattice.from_image(
            bright, size, mask=field, tolerance=tolerance, min_confidence=least
        )
    except NotOneLatticeError:
        labels.flags.writeable = False
        return GrainMap(labels, ())
    crystal = estimate_field(bright, lattice)
    if field is not None:
        crystal &= field
    labels[crystal] = 1
    labels.flags.writeable = False
    return GrainMap(labels, (lattice.with_mask(crystal),))


def _grow(pixels: Image, seeds: list[list[Tile]], field: NDArray[np.bool_] | None) -> list[_Grain]:
    """Give pixels to lattices and fit these to them, in turns; drop those that others explain."""
    flat = flatten(pixels, field)
    chosen = _unlike(flat, [seed[0] for seed in seeds])
    braggs = [tile.bragg for tile in chosen]
    typical = [
        np.percentile(one[tile.window], _INSIDE)
        for one, tile in zip(explained(flat, choose_waves(braggs)), chosen, strict=True)
    ]
    grains: list[_Grain] = []
    for _ in range(len(chosen) + _N_ROUNDS):
        if len(braggs) < 2:
            return grains
        amplitudes = explained(flat, choose_waves(braggs))
        if grains:
            typical = [
                np.median(one[grain.mask]) for one, grain in zip(amplitudes, grains, strict=True)
            ]
        labels = clean(label(amplitudes, np.array(typical)), _period(braggs), field)
        fitted = [_fit(pixels, labels == i, bragg) for i, bragg in enumerate(braggs, start=1)]
        n_before = len(grains)
        grains = _distinct([grain for grain in fitted if grain is not None])
        braggs = [grain.bragg for grain in grains]
        if len(grains) == len(fitted) == n_before:
            break
    return [part for grain in grains for part in _parts(pixels, grain)]


def _unlike(flat: Pixels, tiles: list[Tile]) -> list[Tile]:
    """Choose tiles of which none shows what the others explain, the most telling one first.

    A tile across a boundary may show a third lattice, of the points that two grains' lattices have
    in common.
    """
    chosen = tiles[:1]
    for tile in tiles[1:]:
        waves = choose_waves([one.bragg for one in (*chosen, tile)])
        amplitudes = explained(flat, waves[:-1])
        typical = [
            np.percentile(one[other.window], _INSIDE)
            for one, other in zip(amplitudes, chosen, strict=True)
        ]
        relative = [
            one[tile.window] / usual for one, usual in zip(amplitudes, typical, strict=True)
        ]
        if np.median(np.max(relative, axis=0)) < _MOST_EXPLAINED:
            chosen.append(tile)
    return chosen


def _period(braggs: list[BraggLattice]) -> float:
    """The longest distance of the planes that strong peaks are of, in pixels."""
    return float(1 / np.linalg.norm(np.concatenate(choose_waves(braggs)), axis=1).min())


def _fit(pixels: Image, mask: NDArray[np.bool_], bragg: BraggLattice) -> _Grain | None:
    """Fit a lattice to a region; None if the region does not show it."""
    if not mask.any():
        return None
    rows, cols = ndimage.find_objects(mask.astype(np.uint8))[0]
    window = rows, cols
    inner = mask[window]
    part = pixels[window]
    if min(part.shape) < _LEAST_SIDE or part.min() == part.max():
        return None
    flat = flatten(part, None if inner.all() else inner)
    peaks = find_peaks(flat)
    if len(peaks.frequencies) < 2:
        return None
    # A region shows more peaks than a tile did, so it may tell a larger cell.
    own = find_basis(peaks, part.shape)
    is_same = own is not None and difference(own.vectors, bragg.vectors) < SAME_LATTICE
    vectors = own.vectors if own is not None and is_same else bragg.vectors
    found = index_peaks(peaks, vectors, part.shape)
    if found is None or difference(found.vectors, bragg.vectors) > SAME_LATTICE:
        return None
    return _Grain(mask, window, flat, peaks, found)


def _distinct(grains: list[_Grain]) -> list[_Grain]:
    """Leave out grains whose peaks the lattice of a larger one explains as well."""
    kept: list[_Grain] = []
    for grain in sorted(grains, key=lambda grain: -int(grain.mask.sum())):
        if not any(_explains(other.bragg, grain) for other in kept):
            kept.append(grain)
    return kept


def _explains(bragg: BraggLattice, grain: _Grain) -> bool:
    """Tell whether a lattice explains the peaks of a grain nearly as well as the grain's own."""
    if difference(bragg.vectors, grain.bragg.vectors) < SAME_LATTICE:
        return True
    again = index_peaks(grain.peaks, bragg.vectors, grain.flat.shape)
    return (
        again is not None
        and difference(again.vectors, bragg.vectors) < SAME_LATTICE
        and again.share > grain.bragg.share - _AS_GOOD
    )


def _parts(pixels: Image, grain: _Grain) -> list[_Grain]:
    """Divide a grain whose parts do not touch: each has its own place, if not orientation."""
    regions, n = ndimage.label(grain.mask)
    if n == 1:
        return [grain]
    parts = [_fit(pixels, regions == i, grain.bragg) for i in range(1, n + 1)]
    return [part for part in parts if part is not None]


def _lattice(
    grain: _Grain, size: PixelSize | None, tolerance: float, shape: tuple[int, ...]
) -> ImageLattice:
    """Place a grain's lattice in the whole image."""
    inner = grain.mask[grain.window]
    found = place_lattice(grain.flat, grain.bragg, None if inner.all() else inner)
    row, col = (start + edge.start for start, edge in zip(found.origin, grain.window, strict=True))
    found = found._replace(origin=(row, col))
    return ImageLattice._of_found(  # noqa: SLF001 - of this package
        found, pixel_size=size, shape=shape, mask=grain.mask, tolerance=tolerance
    )
