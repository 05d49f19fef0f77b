"""The main job on an image that is larger than memory: tuned on parts, found as a whole."""

from __future__ import annotations

import math
import os
import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.base import clone

from logstar._validation import FloatArray, as_image, check_integer
from logstar.detection import LoGStarDetector
from logstar.detection._block_statistics import evenly_placed
from logstar.detection._parameters import scaling_of
from logstar.detection._scaling import limits_of
from logstar.exceptions import CalibrationError, NoAtomsWarning, NotOneLatticeError
from logstar.io import AtomTable, provenance
from logstar.lattice import Lattice
from logstar.rewards import flag_errors

from ._array_parts import part_of, shape_of
from ._choice import N_NEIGHBORS
from ._finder import AtomFinder
from ._long_run import Stage, TellsProgress
from ._refining import columns_of, refine_atoms
from ._tiled import LEAST_TILE, find_between, tiles_of

#: Windows whose statistics tell which parts represent the field: so many by so many, of this side
#: in pixels.
_WINDOWS, _WINDOW_SIDE = 8, 128
#: Side in pixels of the tiles that positions are refined in, and their halo in distances of
#: neighbouring atoms: what is fitted beyond three of them moves an atom by less than its error.
_REFINED_SIDE, _REFINED_HALO = 1024, 6.0
#: Sigma in pixels of the Gaussian that noise is told from atoms by.
_NOISE = 1.0


class TiledAtoms(NamedTuple):
    """The atoms of an image that was tuned on in parts.

    Parameters
    ----------
    atoms : AtomTable
        "row", "col", "sigma" in pixels, "response" in the scale of the part that was chosen, and
        "flagged"; the strongest first. Refined, also the columns that `AtomFinder` has then.
    finder : AtomFinder
        Fitted to that part: its verdict, expectation, parameters and pictures are those of the
        part.
    part : tuple of two slice
        Which part of the image.
    parts : tuple of tuple of two slice
        All that were tuned on.
    qc_of_parts : tuple of float
        QC in each of them with the chosen settings: whether these fit everywhere.

    Examples
    --------
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import find_atoms_tiled
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.25)
    >>> scene = make_scene(crystal, (200, 200), noise=0.1, random_state=0)
    >>> found = find_atoms_tiled(scene.image, lattice=crystal, n_parts=1, part_side=160)
    >>> found.atoms.columns
    ('row', 'col', 'sigma', 'response', 'flagged')
    """

    atoms: AtomTable
    finder: AtomFinder
    part: tuple[slice, slice]
    parts: tuple[tuple[slice, slice], ...]
    qc_of_parts: tuple[float, ...]


def find_atoms_tiled(
    array: Any,
    *,
    n_parts: int = 4,
    part_side: int = 768,
    tile: int = 2048,
    n_jobs: int | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: TellsProgress | None = None,
    refine: Literal["joint", "window"] | None = None,
    **parameters: Any,
) -> TiledAtoms:
    """Find the atoms of an image that need not fit into memory.

    Windows all over the image tell how it varies. Parts between the dullest and the liveliest of
    them are tuned on, each for itself; the settings that fit all parts best then find the atoms of
    the whole, by tiles.

    Parameters
    ----------
    array : array-like of shape (n_rows, n_cols)
        As of `detect_tiled`.
    n_parts : int, default=4
        How many parts to tune on.
    part_side : int, default=768
        Their side in pixels, at least 128.
    tile, n_jobs, client, checkpoint, progress : optional
        As of `detect_tiled`.
    refine : {"joint", "window"} or None, default=None
        Whether positions are refined to a fraction of a pixel, tile by tile together with the atoms
        around it; see `GaussianRefiner`.
    **parameters : dict
        Of `AtomFinder`, but `mask`, `denoise` and `expected`, which are about an image as a whole.

    Returns
    -------
    found : TiledAtoms
        The atoms, and what they were tuned on.

    Raises
    ------
    CalibrationError, NotOneLatticeError
        If no part can be tuned on, for the reason of the first.
    TypeError, ValueError
        As `detect_tiled` and `AtomFinder.fit`.

    See Also
    --------
    find_atoms : For images that fit into memory.
    detect_tiled : With settings that are known.

    Examples
    --------
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import find_atoms_tiled
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.25)
    >>> scene = make_scene(crystal, (400, 400), noise=0.1, random_state=0)
    >>> found = find_atoms_tiled(scene.image, lattice=crystal, n_parts=2, part_side=160, tile=256)
    >>> abs(len(found.atoms) / len(scene.positions) - 1) < 0.03
    True
    >>> found.finder.verdict_.status
    'ok'
    """
    refused = sorted({"mask", "denoise", "expected", "window"} & set(parameters))
    if refused:
        raise ValueError(
            f"{refused[0]} is about an image as a whole, and not for one that is tuned on in parts."
        )
    shape = shape_of(array, "array", 2)
    side = min(check_integer(part_side, name="part_side", low=128), *shape)
    count = check_integer(n_parts, name="n_parts", low=1)
    parts = representative_parts(array, shape, count, side)
    finder = AtomFinder(**parameters, refine=None, n_jobs=n_jobs)
    tuned = _tuned(array, parts, finder, progress)
    quality = [[_qc(one, other) for other in tuned] for one in tuned]
    # What is to be doubted in its own part is no example for the others.
    losses = [
        (one.finder.verdict_.status != "ok", float(np.mean(np.abs(row))) + one.finder.er_)
        for row, one in zip(quality, tuned, strict=True)
    ]
    best = losses.index(min(losses))
    chosen = tuned[best]
    table = find_between(
        chosen.detector,
        array,
        chosen.limits,
        tile=check_integer(tile, name="tile", low=LEAST_TILE),
        n_jobs=n_jobs,
        client=client,
        checkpoint=checkpoint,
        progress=progress,
    )
    flagged = flag_errors(table, chosen.finder.expectation_.distance_sum, N_NEIGHBORS)
    atoms = AtomTable.from_array(
        table,
        pixel_size=chosen.finder.pixel_size_,
        provenance=provenance(parameters=chosen.finder.params_),
    ).with_columns(flagged=flagged)
    if refine is not None and len(table):
        atoms = atoms.with_columns(**_refined(array, table, chosen.finder, refine, progress))
    places = tuple(one.place for one in tuned)
    return TiledAtoms(atoms, chosen.finder, chosen.place, places, tuple(quality[best]))


def _refined(
    array: Any,
    table: FloatArray,
    finder: AtomFinder,
    how: Literal["joint", "window"],
    progress: TellsProgress | None,
) -> dict[str, NDArray[Any]]:
    """Refine the atoms of each tile, fitted together with those around it."""
    spacing = finder.expectation_.distance_sum / (N_NEIGHBORS * Lattice.tolerance)
    tiles = tiles_of(array.shape, _REFINED_SIDE, math.ceil(_REFINED_HALO * spacing))
    stage = Stage("refining", len(tiles), progress)
    found: dict[str, NDArray[Any]] = {}
    for tile in tiles:
        near = np.flatnonzero(_lies_in(table, tile.whole))
        own = _lies_in(table[near], tile.core)
        if own.any():
            shift = np.array([part.start for part in tile.whole])
            starts = table[near] - np.array([*shift, 0, 0])
            image = as_image(part_of(array, tile.whole))
            refinement = refine_atoms(
                image, starts, how=how, polarity=finder.polarity, n_jobs=finder.n_jobs
            )
            for name, values in columns_of(refinement).items():
                column = np.asarray(values)
                if name in {"row", "col"}:
                    column = column + shift[int(name == "col")]
                if name not in found:
                    # A text of any length, numbers for all else.
                    kind = "U32" if column.dtype.kind == "U" else np.float64
                    found[name] = np.zeros(len(table), dtype=kind)
                found[name][near[own]] = column[own]
        stage.step()
    return found


def _lies_in(table: FloatArray, place: tuple[slice, slice]) -> NDArray[np.bool_]:
    inside = np.ones(len(table), dtype=bool)
    for column, part in zip(table.T, place, strict=False):
        inside &= (column >= part.start) & (column < part.stop)
    return inside


class _Tuned(NamedTuple):
    """A part that was tuned on.

    Attributes
    ----------
    place : tuple of two slice
        Where it is.
    image : ndarray
        Its pixels.
    finder : AtomFinder
        Fitted.
    detector : LoGStarDetector
        With its settings, looking everywhere.
    limits : tuple of float or None
        Intensities that were scaled to 0 and 1: percentiles differ from part to part, and a
        threshold means the same only with these.
    """

    place: tuple[slice, slice]
    image: NDArray[Any]
    finder: AtomFinder
    detector: LoGStarDetector
    limits: tuple[float, float] | None


def _tuned(
    array: Any,
    parts: list[tuple[slice, slice]],
    finder: AtomFinder,
    progress: TellsProgress | None,
) -> list[_Tuned]:
    tuned: list[_Tuned] = []
    first_error: ValueError | None = None
    stage = Stage("tuning", len(parts), progress)
    for place in parts:
        image = as_image(part_of(array, place))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoAtomsWarning)
                fitted: AtomFinder = clone(finder).fit(image)
        except (CalibrationError, NotOneLatticeError) as error:
            # Vacuum, or a grain of something else; other parts may show the crystal.
            first_error = first_error or error
        else:
            own = fitted.detector_
            if not isinstance(own, LoGStarDetector):
                raise ValueError(  # noqa: TRY004 - of a parameter's value, not of its type
                    "an image is found by tiles with a lattice, or with numbers: single atoms are "
                    "compared with the noise of an image as a whole."
                )
            percents = scaling_of(own)[1]
            limits = None if percents is None else limits_of(image, percents)
            detector = clone(own).set_params(mask=None)
            tuned.append(_Tuned(place, image, fitted, detector, limits))
        stage.step()
    if not tuned and first_error is not None:
        raise first_error
    return tuned


def _qc(one: _Tuned, other: _Tuned) -> float:
    """QC in a part by the settings of another."""
    expected = other.finder.expectation_
    detector = clone(one.detector).set_params(mask=other.finder.field_)
    side = max(other.image.shape)
    found = find_between(detector, other.image, one.limits, tile=max(side, LEAST_TILE))
    return len(found) / expected.n_expected - 1


def representative_parts(
    array: Any, shape: tuple[int, ...], count: int, side: int
) -> list[tuple[slice, slice]]:
    """Choose parts between the dullest and the liveliest of an image.

    Parameters
    ----------
    array : array-like of shape (n_rows, n_cols)
        The image.
    shape : tuple of int
        Its rows and columns.
    count : int
        How many parts; fewer if windows are.
    side : int
        Their side in pixels.

    Returns
    -------
    parts : list of tuple of two slice
        Around the windows in the middle of as many equal groups, by how much they vary beyond
        noise; those that do not vary are left out.
    """
    places = list(evenly_placed((shape[0], shape[1]), _WINDOWS, _WINDOW_SIDE))
    signals = np.array([_signal(part_of(array, place)) for place in places])
    order = np.argsort(signals, kind="stable")
    order = order[signals[order] > 0]
    if len(order) == 0:
        # Noise, or nothing: whatever is in the middle.
        order = np.array([len(places) // 2])
    groups = np.array_split(order, min(count, len(order)))
    middles = (places[group[len(group) // 2]] for group in groups)
    # Two windows near a corner may lead to one part.
    starts = dict.fromkeys(
        (_start(rows, side, shape[0]), _start(cols, side, shape[1])) for rows, cols in middles
    )
    return [(slice(r, r + side), slice(c, c + side)) for r, c in starts]


def _start(window: slice, side: int, size: int) -> int:
    """Where a part of the image begins that has a window in its middle, as far as it can."""
    return int(min(max((window.start + window.stop - side) // 2, 0), size - side))


def _signal(window: NDArray[Any]) -> float:
    """Variance that a small Gaussian leaves, beyond what it leaves of the noise that it takes."""
    pixels = window.astype(np.float64)
    smooth = ndimage.gaussian_filter(pixels, _NOISE)
    noise = float(np.var(pixels - smooth))
    # Of white noise of variance 1, the Gaussian leaves 1 / (4 pi sigma^2), and takes the rest but
    # for twice what is common to both.
    left = 1 / (4 * math.pi * _NOISE**2)
    common = 1 / (2 * math.pi * _NOISE**2)
    return float(np.var(smooth)) - noise * left / (1 - 2 * common + left)
