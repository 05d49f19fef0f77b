"""Detection in images larger than memory, tile by tile, with the atoms of the whole image."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._runtime import threads_of
from logstar._validation import FloatArray, Image, as_image, check_integer
from logstar.detection import LoGStarDetector
from logstar.detection._block_statistics import block_statistics, evenly_placed
from logstar.detection._gradual_pruning import GradualPruning
from logstar.detection._parameters import (
    check_parameters,
    check_sizes,
    ladder_of,
    mask_of,
    one_threshold,
    scaling_of,
)
from logstar.detection._scale_space import find_candidates, kernel_radius
from logstar.detection._scaling import between_ranks, ranks_of, scaled_between
from logstar.exceptions import NoAtomsWarning

from ._array_parts import opened, part_of, shape_of, travelling
from ._cluster import check_client, results_in_order
from ._crystal_in_tiles import ShowsCrystal
from ._large_images import TILE
from ._long_run import Stage, TellsProgress
from ._looked_at import LookedAt, Place
from ._record_log import RecordLog, earlier_records

#: Least side of a tile in pixels: with smaller ones most of the work is done for halos.
LEAST_TILE = 64
#: Squares of the sample that brackets the percentiles: so many by so many, of this side in pixels.
_SAMPLES, _SAMPLE_SIDE = 6, 192
#: Tiles at a time, which bound the memory; further threads share a tile.
MOST_TILES = 2


class Tile(NamedTuple):
    """A part of an image, and how much of its surroundings its atoms depend on.

    Attributes
    ----------
    number : int
        From 0.
    core : tuple of two slice
        Rows and columns whose atoms are its own; the cores of all tiles make up the image.
    whole : tuple of two slice
        These with the halo, as far as there is image.
    """

    number: int
    core: tuple[slice, slice]
    whole: tuple[slice, slice]


def tiles_of(
    shape: tuple[int, ...], side: int, halo: int, within: Place | None = None
) -> list[Tile]:
    """Divide an image, or rows and columns of it, into tiles, row by row."""
    axes = []
    for size, part in zip(shape, within or map(slice, shape), strict=True):
        first, last, _ = part.indices(size)
        spans = []
        for start in range(first, last, side):
            stop = min(start + side, last)
            # At an even pixel, where noise is averaged over blocks of two.
            whole = slice(max(start - halo, 0) // 2 * 2, min(stop + halo, size))
            spans.append((slice(start, stop), whole))
        axes.append(spans)
    pairs = [(rows, cols) for rows in axes[0] for cols in axes[1]]
    return [Tile(i, (r[0], c[0]), (r[1], c[1])) for i, (r, c) in enumerate(pairs)]


def detect_tiled(
    detector: LoGStarDetector,
    array: Any,
    *,
    tile: int = TILE,
    n_jobs: int | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: TellsProgress | None = None,
) -> FloatArray:
    """Find the atoms of an image that need not fit into memory.

    What is found equals ``detector.fit(image).detect(image)`` to the bit, whatever the size of the
    tiles: intensities are scaled by the percentiles of the whole image, tiles are filtered
    together with what the largest kernel reaches around them, and overlapping candidates of all
    tiles are pruned together, once.

    Parameters
    ----------
    detector : LoGStarDetector
        With its parameters; it need not be fitted, and stays as it is. Its `mask` may be any array
        that can be indexed, such as a memory-mapped one.
    array : array-like of shape (n_rows, n_cols)
        Anything with a shape, a dtype and slices: a `numpy.memmap`, or an array of dask, zarr or
        h5py.
    tile : int, default=2048
        Side of the tiles in pixels, at least 64. Memory is about 16 bytes a pixel of a tile, for
        each of at most two that are worked on at a time, some 200 bytes a candidate of a row of
        tiles, and 64 bytes an atom.
    n_jobs : int, default=None
        Threads: None is one, -1 is all. The result does not depend on it.
    client : dask.distributed.Client, default=None
        Whose workers do the tiles, one thread each. Memory-mapped, h5py, dask and zarr arrays are
        read by the workers, who need to see the same files; of others the pixels are sent.
    checkpoint : path-like, default=None
        File that candidates are appended to as tiles are done. A run that was killed goes on where
        it was; it is removed at the end.
    progress : callable, default=None
        Called with a `RunProgress` after each tile of either pass.

    Returns
    -------
    detections : ndarray of shape (n_atoms, 4)
        Row, column, sigma in pixels, and response; strongest first.

    Raises
    ------
    BlockingIOError
        If another process writes to the checkpoint.
    TypeError, ValueError
        For what is no such array or detector; for pixels that are NaN or infinite, for a constant
        image and one that is smaller than the largest kernel; for a checkpoint of another run.

    Warns
    -----
    NoAtomsWarning
        If there is no atom.

    See Also
    --------
    find_atoms : Tunes as well.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar import Lattice, LoGStarDetector
    >>> from logstar.datasets import make_scene
    >>> from logstar.tuning import detect_tiled
    >>> image = make_scene(Lattice.perovskite(4.0, pixel_size=0.2), (300, 200)).image
    >>> detector = LoGStarDetector(1, 4, 6, threshold=0.05)
    >>> atoms = detect_tiled(detector, image, tile=128)
    >>> np.array_equal(atoms, detector.fit(image).detect(image))
    True
    """
    if not isinstance(detector, LoGStarDetector):
        raise TypeError(
            f"detector must be a LoGStarDetector, got {type(detector).__name__}: what denoises "
            "before or compares with noise looks at an image as a whole."
        )
    kept = find_between(
        detector,
        array,
        None,
        tile=tile,
        n_jobs=n_jobs,
        client=client,
        checkpoint=checkpoint,
        progress=progress,
    )
    if len(kept.table) == 0:
        warnings.warn(
            f"no atom found: no response exceeds threshold={detector.threshold!r}.",
            NoAtomsWarning,
            stacklevel=2,
        )
    return kept.table


class FoundInTiles(NamedTuple):
    """What the tiles of an image hold together.

    Attributes
    ----------
    table : ndarray of shape (n_atoms, 4)
        As of `detect_tiled`.
    cores : tuple of (tuple of two slice)
        Rows and columns of the tiles.
    areas : ndarray of shape (n_tiles,)
        Pixels of each where atoms were looked for.
    """

    table: FloatArray
    cores: tuple[Place, ...]
    areas: FloatArray


def find_between(
    detector: LoGStarDetector,
    array: Any,
    limits: tuple[float, float] | None,
    *,
    tile: int,
    looked_at: LookedAt | None = None,
    shows: ShowsCrystal | None = None,
    n_jobs: int | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: TellsProgress | None = None,
) -> FoundInTiles:
    """Find the atoms of an image whose intensities are scaled by what may be known already.

    Parameters
    ----------
    detector, array, tile, n_jobs, client, checkpoint, progress : optional
        As of `detect_tiled`.
    limits : tuple of float or None
        Intensities that become 0 and 1; None takes the detector's percentiles of the image.
    looked_at : LookedAt, default=None
        Where to look beside the detector's own mask; None is everywhere.
    shows : ShowsCrystal, default=None
        Tells where there is crystal, outside of which no atom is looked for; None is everywhere.

    Returns
    -------
    found : FoundInTiles
    """
    check_client(client)
    check_parameters(detector)
    shape = shape_of(array, "array", 2)
    side = check_integer(tile, name="tile", low=LEAST_TILE)
    check_sizes(detector, [_Shape(shape)])  # type: ignore[list-item] # of images it asks no more
    n_threads = threads_of(n_jobs)
    halo = kernel_radius(detector.max_sigma) + 1
    if shows is not None:
        halo = max(halo, shows.reach)
    looked_at = LookedAt.of(shape, None, None) if looked_at is None else looked_at
    tiles = tiles_of(shape, side, halo, looked_at.place)
    source = travelling(array) if client is not None else array
    runner = _Runner(array, source, n_threads, client, progress)
    is_scaled = limits is not None or detector.intensity_range is not None
    ends = runner.limits(detector, tiles, shape) if limits is None else limits
    n_at_once = min(n_threads, MOST_TILES)
    work = FindsInTile(
        source=source,
        polarity=detector.polarity,
        limits=ends if is_scaled else None,
        is_constant=ends[0] == ends[1],
        ladder=ladder_of(detector),
        threshold=one_threshold(detector),
        shows=shows,
        n_threads=1 if client is not None else max(1, n_threads // n_at_once),
    )
    path = None if checkpoint is None else Path(checkpoint)
    header = {
        "kind": "tiles",
        "shape": list(shape),
        "dtype": str(np.dtype(array.dtype)),
        "limits": list(ends),
        "tile": side,
        "ladder": work.ladder.tolist(),
        "threshold": work.threshold,
        "polarity": work.polarity,
        "scaled": is_scaled,
        "place": [[part.start, part.stop] for part in looked_at.place],
        "level": None if shows is None else shows.level,
    }
    pruning = GradualPruning(float(detector.overlap), float(detector.max_sigma), n_threads)
    border, mask = int(detector.exclude_border), mask_of(detector)
    parts: list[FloatArray] = []
    band: list[FloatArray] = []
    areas = []
    for one, (table, area) in zip(tiles, runner.found(work, tiles, path, header), strict=True):
        inner = looked_at.field_in(one.core)
        areas.append(area if inner is None else area * float(inner.mean()))
        within = _within(table, shape, border, mask)
        band.append(within[looked_at.holds(within)])
        rows, cols = one.core
        if cols.stop == looked_at.place[1].stop:
            parts.append(pruning.add(np.concatenate(band), rows.stop))
            band.clear()
    kept = np.concatenate([*parts, pruning.finish()])
    parts.clear()
    # Strongest first; ties by row, column, sigma.
    kept = kept[np.lexsort((kept[:, 2], kept[:, 1], kept[:, 0], -kept[:, 3]))]
    if path is not None:
        path.unlink(missing_ok=True)
    return FoundInTiles(kept, tuple(one.core for one in tiles), np.array(areas))


class _Shape(NamedTuple):
    shape: tuple[int, ...]


def _within(
    table: FloatArray, shape: tuple[int, ...], border: int, mask: NDArray[Any] | None
) -> FloatArray:
    """Leave out what the border and the mask leave out."""
    rows, cols = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    kept = (rows >= border) & (rows < shape[0] - border)
    kept &= (cols >= border) & (cols < shape[1] - border)
    if mask is not None:
        kept &= mask[rows, cols]
    return table[kept]


@dataclass(frozen=True)
class FindsInTile:
    """Finds the candidates of a tile's core.

    Parameters
    ----------
    source : object
        The array, or what leads to it; None if the tile's pixels are given.
    polarity : str
        Of the detector.
    limits : tuple of float or None
        Intensities that become 0 and 1; None takes them as they are.
    is_constant : bool
        Whether all of the image is.
    ladder : ndarray of shape (n_sigmas,)
        Sigmas in pixels.
    threshold : float
        Least response.
    shows : ShowsCrystal or None
        Tells where there is crystal; None is everywhere.
    n_threads : int
        Threads.
    """

    source: Any
    polarity: str
    limits: tuple[float, float] | None
    is_constant: bool
    ladder: FloatArray
    threshold: float
    shows: ShowsCrystal | None
    n_threads: int

    def __call__(self, item: tuple[Tile, NDArray[Any] | None]) -> tuple[FloatArray, float]:
        """Find them, in the image's rows and columns; also the area that they were looked for in.

        Raises
        ------
        ValueError
            For pixels that are NaN or infinite.
        """
        tile, pixels = item
        pixels = as_image(part_of(opened(self.source), tile.whole) if pixels is None else pixels)
        inner = tuple(
            slice(core.start - whole.start, core.stop - whole.start)
            for core, whole in zip(tile.core, tile.whole, strict=True)
        )
        field = None
        area = float(math.prod(part.stop - part.start for part in tile.core))
        if self.shows is not None:
            field = self.shows.in_tile(pixels)[inner]
            area = float(np.count_nonzero(field))
        if area == 0:
            return np.empty((0, 4)), area
        image = scaled_between(pixels, self.polarity, self.limits)
        # The raw ones are not kept beside it.
        del item, pixels
        table = self._candidates(image, tile)
        if field is not None:
            rows, cols = (table[:, :2] - [part.start for part in tile.core]).astype(np.int64).T
            table = table[field[rows, cols]]
        return table, area

    def _candidates(self, image: Image, tile: Tile) -> FloatArray:
        shift = np.zeros(2, dtype=np.int64)
        if not self.is_constant and image.min() == image.max():
            image, shift = self._with_contrast(image, tile)
        found = find_candidates(
            image,
            np.column_stack([self.ladder, self.ladder]),
            threshold=self.threshold,
            n_threads=self.n_threads,
        )
        starts = [part.start for part in tile.whole]
        places = found.places[:, :2] - shift + starts
        own = np.ones(len(places), dtype=bool)
        for place, part in zip(places.T, tile.core, strict=True):
            own &= (place >= part.start) & (place < part.stop)
        sigmas = self.ladder[found.places[own, 2]]
        return np.column_stack([places[own], sigmas, found.responses[own]])

    def _with_contrast(self, image: Image, tile: Tile) -> tuple[Any, NDArray[np.int64]]:
        """Add a row or column beyond the halo to a constant tile of an image that is not constant.

        All of a plateau are maxima, but a scale space that is constant as a whole has none. What is
        added is out of reach of the tile's core.
        """
        other = 0.0 if image.flat[0] else 1.0
        for axis, (core, whole) in enumerate(zip(tile.core, tile.whole, strict=True)):
            for end, is_inside in enumerate((whole.start < core.start, whole.stop > core.stop)):
                if not is_inside or self._is_cut(core, whole, end):
                    continue
                width = [(0, 0), (0, 0)]
                width[axis] = (1 - end, end)
                shift = np.zeros(2, dtype=np.int64)
                shift[axis] = 1 - end
                return np.pad(image, width, constant_values=other), shift
        return image, np.zeros(2, dtype=np.int64)

    def _is_cut(self, core: slice, whole: slice, end: int) -> bool:
        """Whether a halo ends with the image, before its full width."""
        width: int = whole.stop - core.stop if end else core.start - whole.start
        return width <= kernel_radius(self.ladder[-1])


class _Runner:
    """Goes over the tiles of an array, here or on a cluster."""

    def __init__(
        self,
        array: Any,
        source: Any,
        n_threads: int,
        client: Any,
        progress: TellsProgress | None,
    ) -> None:
        self._array, self._source = array, source
        self._n_threads, self._client, self._progress = n_threads, client, progress

    def limits(
        self, detector: LoGStarDetector, tiles: list[Tile], shape: tuple[int, ...]
    ) -> tuple[float, float]:
        """Find the intensities that become 0 and 1, by one pass over the image.

        Raises
        ------
        ValueError
            If the image is constant and is to be scaled.
        """
        percents = scaling_of(detector)[1]
        n_pixels = math.prod(shape)
        places = evenly_placed((shape[0], shape[1]), _SAMPLES, _SAMPLE_SIDE)
        sample = np.concatenate([part_of(self._array, place).ravel() for place in places])

        def each_block(look: Callable[[NDArray[Any]], Any]) -> Iterator[Any]:
            stage = Stage("scaling", len(tiles), self._progress)
            for found in results_in_order(
                lambda tile: look(part_of(self._array, tile.core)),
                tiles,
                n_threads=self._n_threads,
            ):
                yield found
                stage.step()

        ranks = [] if percents is None else ranks_of(n_pixels, percents)
        found = block_statistics(each_block, n_pixels, ranks, sample)
        if percents is None:
            return found.low, found.high
        low, high = between_ranks(found.values, n_pixels, percents)
        if low == high:
            low, high = found.low, found.high
        if low == high:
            raise ValueError(
                f"the image is constant: every pixel is {low:g}; there is nothing to find."
            )
        return low, high

    def found(
        self, work: FindsInTile, tiles: list[Tile], path: Path | None, header: dict[str, Any]
    ) -> Iterator[tuple[FloatArray, float]]:
        """Yield candidates and area of each tile, those of an earlier run first."""
        n_done = 0
        with nullcontext() if path is None else RecordLog(path, header, resume=True) as log:
            for record in earlier_records(path):
                yield record["table"], record["area"]
                n_done += 1
            stage = Stage("detecting", len(tiles), self._progress, n_done)
            # Tiles are done in their order, so that those of an earlier run are the first.
            found: Iterator[tuple[FloatArray, float]] = results_in_order(
                work,
                ((tile, self._pixels(tile)) for tile in tiles[n_done:]),
                n_threads=min(self._n_threads, MOST_TILES),
                client=self._client,
            )
            for table, area in found:
                if log is not None:
                    log.append({"table": table, "area": area})
                yield table, area
                stage.step()

    def _pixels(self, tile: Tile) -> NDArray[Any] | None:
        """What has to be sent with a tile: nothing, if who works on it can read it."""
        return part_of(self._array, tile.whole) if self._source is None else None
