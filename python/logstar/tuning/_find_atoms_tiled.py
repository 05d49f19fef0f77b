"""The main job on an image that is larger than memory: tuned on parts, found as a whole."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._runtime import threads_of
from logstar._validation import FloatArray, check_integer
from logstar.io import AtomTable, LazyImage, Micrograph, open_image, provenance
from logstar.lattice import Count, Lattice
from logstar.rewards import flag_errors
from logstar.units import PixelSize

from ._array_parts import shape_of
from ._choice import N_NEIGHBORS
from ._counting import frame_of
from ._crystal_in_tiles import ShowsCrystal
from ._finder import AtomFinder
from ._large_images import TILE, check_of_parts
from ._long_run import TellsProgress
from ._looked_at import LookedAt
from ._parts import TunedPart, TunedParts, representative_parts, tune_on_parts
from ._source import Roi, is_signal
from ._tiled import LEAST_TILE, MOST_TILES, FoundInTiles, find_between
from ._tiled_atoms import TiledAtoms
from ._tiled_diagnosis import Diagnosis, diagnosed_by_tiles
from ._tiled_refinement import refined_by_tiles
from ._tiled_verdict import judge_tiles

#: Relative standard deviation, at least, of the number of columns for each area of an image that is
#: known by parts.
_LEAST_UNCERTAIN = 0.002


def find_atoms_tiled(
    source: Any,
    *,
    roi: Roi | None = None,
    mask: Any = None,
    dataset: int | None = None,
    channel: int | Literal["luminance"] | None = None,
    n_parts: int = 4,
    part_side: int = 768,
    tile: int = TILE,
    n_jobs: int | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: TellsProgress | None = None,
    refine: Literal["joint", "window"] | None = "joint",
    diagnose: bool = True,
    pixel_size: PixelSize | str | float | None = None,
    **parameters: Any,
) -> TiledAtoms:
    """Find the atoms of an image that need not fit into memory.

    Windows all over the image tell how it varies. Parts between the dullest and the liveliest of
    them are tuned on, each for itself; the settings that fit all parts best then find the atoms of
    the whole, by tiles. Where a part shows that the crystal ends, or has holes, each tile is looked
    at for where it shows crystal, by what is a column in that part.

    Parameters
    ----------
    source : path-like, array, LazyImage, Micrograph or signal
        A file of any format of `open_image`, of which parts are read; an array as of
        `detect_tiled`; what `open_image` has opened; or an image with its calibration, lazy or not.
    roi : tuple of two (start, stop) or slice, default=None
        Rows and columns to look at; positions stay those in the whole image. None is everywhere.
    mask : array-like of shape (n_rows, n_cols), bool, default=None
        Where to look; may be a memory-mapped one. None is everywhere.
    dataset, channel : optional
        Of a file or a signal, as of `open_image`.
    n_parts : int, default=4
        How many parts to tune on.
    part_side : int, default=768
        Their side in pixels, at least 128.
    tile, n_jobs, client, checkpoint, progress : optional
        As of `detect_tiled`.
    refine : {"joint", "window"} or None, default="joint"
        Whether positions are refined to a fraction of a pixel, tile by tile together with the atoms
        around it; see `GaussianRefiner`.
    diagnose : bool, default=True
        Whether atoms are compared with noise, and contamination and gaps between atoms are looked
        for, as of a smaller image: two passes more, which take as long as refining does.
    pixel_size : PixelSize, str, float or None, default=None
        As of `AtomFinder`.
    **parameters : dict
        Of `AtomFinder`, but `denoise`, `expected`, `grain`, `oracle` and `window`, which are about
        an image as a whole.

    Returns
    -------
    found : TiledAtoms
        The atoms, and what they were tuned on.

    Raises
    ------
    CalibrationError, NotOneLatticeError
        If no part can be tuned on, for the reason of the first.
    FileNotFoundError, ImportError, OSError
        If a file cannot be read.
    TypeError, ValueError
        As `detect_tiled` and `AtomFinder.fit`; for parameters that are about an image as a whole.

    See Also
    --------
    find_atoms : Does this by itself where an image is large.
    detect_tiled : With settings that are known.

    Examples
    --------
    >>> from logstar import Lattice
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import find_atoms_tiled
    >>> crystal = Lattice.perovskite(4.0, pixel_size=0.25)
    >>> scene = make_scene(crystal, (400, 400), noise=0.1, random_state=0)
    >>> found = find_atoms_tiled(scene.image, lattice=crystal, n_parts=2, part_side=160, tile=256)
    >>> abs(len(found.atoms_) / len(scene.positions) - 1) < 0.03
    True
    >>> found.verdict_.status
    'ok'
    """
    check_of_parts(parameters)
    finder = AtomFinder(**parameters, refine=None, n_jobs=n_jobs)
    start = time.perf_counter()
    image = opened_image(source, dataset=dataset, channel=channel, pixel_size=pixel_size)
    array = image.array
    # A file's pixel size goes before that of a `Lattice`, as in `find_atoms`.
    of_file = isinstance(source, (str, os.PathLike, LazyImage))
    finder.set_params(pixel_size=image.pixel_size if of_file and pixel_size is None else pixel_size)
    looked_at = LookedAt.of(image.shape, roi, mask)
    side = min(check_integer(part_side, name="part_side", low=128), *image.shape)
    count = check_integer(n_parts, name="n_parts", low=1)
    check_integer(tile, name="tile", low=LEAST_TILE)
    places = representative_parts(array, looked_at, count, side)
    tuned = tune_on_parts(array, places, finder, looked_at, image.pixel_size, progress)
    tuning_ended = time.perf_counter()
    chosen = tuned.chosen
    shows = None
    if not tuned.are_full:
        shows = ShowsCrystal.of([one.finder for one in tuned.parts], tuned.empty)
    found = find_between(
        chosen.detector,
        array,
        chosen.limits,
        tile=tile,
        looked_at=looked_at,
        shows=shows,
        n_jobs=n_jobs,
        client=client,
        checkpoint=checkpoint,
        progress=progress,
    )
    detecting_ended = time.perf_counter()
    limit = chosen.finder.expectation_.distance_sum
    columns: dict[str, NDArray[Any]] = {}
    diagnosis = None
    if diagnose:
        diagnosis = _diagnosed(
            array, found, chosen, looked_at, shows, n_jobs=n_jobs, client=client, progress=progress
        )
        columns["significance"] = diagnosis.significance
    columns["flagged"] = flag_errors(found.table, limit, N_NEIGHBORS)
    if diagnosis is not None:
        columns["contaminated"] = diagnosis.contaminated
        diagnosis = diagnosis.without_atoms()
    diagnosing_ended = time.perf_counter()
    if refine is not None and len(found.table):
        columns |= refined_by_tiles(
            array,
            found.table,
            spacing=limit / (N_NEIGHBORS * Lattice.tolerance),
            how=refine,
            polarity=finder.polarity,
            n_jobs=n_jobs,
            client=client,
            progress=progress,
        )
    ended = time.perf_counter()
    qc_of_tiles = _qc_of_tiles(found, _density(chosen)[0])
    table, found = found.table, found._replace(table=found.table[:0])
    atoms = AtomTable.from_array(
        table,
        pixel_size=chosen.finder.pixel_size_,
        provenance=provenance(image.path, dataset=dataset, parameters=chosen.finder.params_),
        origin=image.origin,
    )
    # Nowhere twice while there are the most columns.
    del table
    atoms = atoms.with_columns(**columns)
    columns.clear()
    seconds = {"tune": tuning_ended - start, "detect": detecting_ended - tuning_ended}
    if diagnose:
        seconds["diagnose"] = diagnosing_ended - detecting_ended
    if refine is not None:
        seconds["refine"] = ended - diagnosing_ended
    return _together(tuned, found, qc_of_tiles, atoms, looked_at, image, diagnosis, seconds)


def _diagnosed(
    array: Any,
    found: FoundInTiles,
    chosen: TunedPart,
    looked_at: LookedAt,
    shows: ShowsCrystal | None,
    *,
    n_jobs: int | None,
    client: Any,
    progress: TellsProgress | None,
) -> Diagnosis:
    lattice = chosen.finder.lattice_
    if lattice is None:
        raise ValueError("an image is found by tiles with a lattice; tile=None needs none.")
    return diagnosed_by_tiles(
        array,
        found.table,
        # Of the part itself it tells where there is crystal.
        lattice.with_mask(None),
        polarity=chosen.finder.polarity,
        looked_at=looked_at,
        shows=shows,
        n_threads=min(threads_of(n_jobs), MOST_TILES),
        client=client,
        progress=progress,
    )


class OpenedImage(NamedTuple):
    """An image of which parts can be taken, and what is known of it.

    Attributes
    ----------
    array : array-like of shape (n_rows, n_cols)
        Slices.
    pixel_size : PixelSize or None
        Side of a pixel, as the image says it.
    path : Path or None
        Its file.
    origin : tuple of float
        As of `Micrograph`.
    """

    array: Any
    pixel_size: PixelSize | None = None
    path: Path | None = None
    origin: tuple[float, float] = (0.0, 0.0)

    @property
    def shape(self) -> tuple[int, int]:  # numpydoc ignore=RT01
        """Rows and columns."""
        n_rows, n_cols = self.array.shape
        return int(n_rows), int(n_cols)


def opened_image(
    source: Any,
    *,
    dataset: int | None,
    channel: int | Literal["luminance"] | None,
    pixel_size: PixelSize | str | float | None,
) -> OpenedImage:
    """Open whatever is an image, without loading it.

    Raises
    ------
    FileNotFoundError, ImportError, OSError, TypeError, ValueError
        For what is none, or cannot be read.
    """
    if isinstance(source, (str, os.PathLike)) or is_signal(source):
        source = open_image(source, dataset=dataset, channel=channel, pixel_size=pixel_size)
    elif dataset is not None or channel is not None:
        name = "channel" if dataset is None else "dataset"
        raise ValueError(
            f"{name} is for files and signals; got {type(source).__name__}, which is one image."
        )
    if isinstance(source, LazyImage):
        return OpenedImage(source, source.pixel_size, source.path)
    if isinstance(source, Micrograph):
        return OpenedImage(source.image, source.pixel_size, source.path, source.origin)
    shape_of(source, "array", 2)
    return OpenedImage(source)


def _together(
    tuned: TunedParts,
    found: FoundInTiles,
    qc_of_tiles: FloatArray,
    atoms: AtomTable,
    looked_at: LookedAt,
    image: OpenedImage,
    diagnosis: Diagnosis | None,
    seconds: dict[str, float],
) -> TiledAtoms:
    """Compare the whole with what the part says to expect."""
    chosen = tuned.chosen
    expected = chosen.finder.expectation_
    density, frame = _density(chosen)
    n_rows, n_cols = image.shape
    inner = (n_rows - 2 * frame) * (n_cols - 2 * frame) / (n_rows * n_cols)
    area = float(found.areas.sum()) * inner
    n = density * area
    ratio = n / expected.count.n
    spread = float(np.std(tuned.quality)) / math.sqrt(len(tuned.quality))
    count = Count(
        n,
        # What the edges cut off goes with their length.
        edges=expected.count.edges * math.sqrt(ratio),
        calibration=max(expected.count.calibration * ratio, max(_LEAST_UNCERTAIN, spread) * n),
    )
    # As `ErrorRate` measures it; which atoms are flagged is known.
    er = float(np.count_nonzero(atoms["flagged"])) / max(n, 1.0)
    share = float(found.areas.sum()) / math.prod(looked_at.shape)
    return TiledAtoms(
        atoms,
        judge_tiles(tuned, atoms, count, er, share, diagnosis),
        chosen.finder,
        chosen.place,
        tuple(one.place for one in tuned.parts),
        tuned.quality,
        found.cores,
        qc_of_tiles,
        count,
        er,
        share,
        image.shape,
        None if image.path is None else str(image.path),
        math.nan if diagnosis is None else diagnosis.contaminated_share,
        seconds,
        image.array,
    )


def _density(part: TunedPart) -> tuple[float, float]:
    """Expected atoms for each pixel, and the width of the frame without atoms at edges."""
    expected = part.finder.expectation_
    nearest = expected.distance_sum / (N_NEIGHBORS * Lattice.tolerance)
    frame = frame_of(nearest, part.image.shape)
    lattice = expected.lattice
    if lattice is not None and expected.grains is None:
        # What the edges of a part cut off says nothing of the whole image.
        return len(lattice.columns) / lattice.unit_cell_area, frame
    n_rows, n_cols = part.image.shape
    field = part.finder.field_
    share = 1.0 if field is None else float(field.mean())
    return expected.n_expected / (share * (n_rows - 2 * frame) * (n_cols - 2 * frame)), frame


def _qc_of_tiles(found: FoundInTiles, density: float) -> FloatArray:
    """QC in each tile."""
    # Tiles form rows and columns: where each begins tells which an atom is in.
    firsts = [np.unique([core[axis].start for core in found.cores]) for axis in (0, 1)]
    row, col = (
        np.searchsorted(first, found.table[:, axis], side="right") - 1
        for axis, first in enumerate(firsts)
    )
    counts = np.bincount(row * len(firsts[1]) + col, minlength=len(found.cores))
    with np.errstate(divide="ignore", invalid="ignore"):
        qc = counts / (density * found.areas) - 1
    return np.where(found.areas > 0, qc, np.nan)
