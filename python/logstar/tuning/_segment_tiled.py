"""What a large image shows, tile by tile: crystal, damage, vacuum."""

from __future__ import annotations

import dataclasses
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray, Image, as_image, as_positions, check_integer
from logstar.segmentation import KINDS, AmorphousGMMSegmenter
from logstar.segmentation._kind_names import CRYSTAL
from logstar.segmentation._mapping import Maps
from logstar.segmentation._region_sums import PointsOfMap, RegionSums, can_hold_atoms
from logstar.segmentation._residual import SMOOTHING

from ._array_parts import part_of, shape_of
from ._damage_part import part_with_damage
from ._large_images import TILE
from ._long_run import Stage, TellsProgress
from ._looked_at import Place
from ._record_log import RecordLog, earlier_records
from ._tiled import LEAST_TILE, Tile, tiles_of
from ._tiled_damage import TiledDamage
from ._tiles_with_atoms import atoms_in, lies_in

#: Halo of a tile in distances of nearest atoms. What decides on a pixel, windows of three distances
#: whose votes are averaged over two, reaches five; the other ten hold regions of some 200 atoms, so
#: that whether a region is large enough is told alike on both sides of a seam.
_HALO = 15.0
#: Fewer atoms than this, in a tile with its halo, are no crystal to compare with.
_FEW_ATOMS = 30
#: A tile without crystal is vacuum if it varies by less than this share of the crystal.
_DULL = 0.5


def segment_tiled(
    segmenter: AmorphousGMMSegmenter,
    array: Any,
    positions: ArrayLike,
    *,
    polarity: Literal["bright", "dark"] = "bright",
    tile: int = TILE,
    out: str | os.PathLike[str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: TellsProgress | None = None,
) -> TiledDamage:
    """Tell what each pixel of an image shows that need not fit into memory.

    What is amorphous is learnt on a part; what is crystal each tile tells by its own atoms,
    together with what is around it. Tiles should be large beside regions: most of each has to be
    crystal, as most of an image has to be for the segmenter.

    Parameters
    ----------
    segmenter : AmorphousGMMSegmenter
        Fitted to a part of the image that shows both crystal and damage; or not fitted: a clone of
        it is fitted to the part of at least 1024 pixels a side that does so best, by how regular
        its atoms are.
    array : array-like of shape (n_rows, n_cols)
        As of `detect_tiled`; of a `TiledAtoms` its `image_`.
    positions : array-like of shape (n_atoms, >=2)
        Row and column of all atoms in pixels, such as ``find_atoms(...).atoms_``.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings. A segmenter that is fitted already was
        fitted to the negated image, if they are dark.
    tile : int, default=2048
        Side of the tiles in pixels, at least 64. Memory is about 300 bytes a pixel of a tile with
        its halo of 15 distances of nearest atoms: 1.7 GB for a tile of 2048, 0.6 GB for 1024.
    out : path-like, default=None
        A file, npy, that kinds are written to and mapped from. None keeps them in memory, a byte a
        pixel.
    checkpoint : path-like, default=None
        File that tiles are appended to as they are done. A run that was killed goes on where it
        was; it is removed at the end.
    progress : callable, default=None
        Called with a `RunProgress` after each tile.

    Returns
    -------
    damage : TiledDamage
        `kinds_`, `regions_` and more. A tile without crystal is vacuum if it varies little, else
        amorphous. On a simulated field tiles and whole overlap (IoU) by more than 0.95.

    Raises
    ------
    BlockingIOError
        If another process writes to the checkpoint.
    TypeError, ValueError
        For what is no such array or segmenter, too few atoms to learn from, pixels that are NaN or
        infinite, and a checkpoint of another run.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.segmentation import AmorphousGMMSegmenter
    >>> from logstar.tuning import segment_tiled
    >>> scene = make_scene(
    ...     shape=(256, 400), amorphous_pockets=[(120, 130, 50)], noise=0.05, random_state=0
    ... )
    >>> part = scene.positions[scene.positions[:, 1] < 255]
    >>> segmenter = AmorphousGMMSegmenter(random_state=0).fit(scene.image[:, :256], positions=part)
    >>> damage = segment_tiled(segmenter, scene.image, scene.positions, tile=200)
    >>> mask, true = damage.kinds_ == 2, scene.amorphous_mask
    >>> bool((mask & true).sum() / (mask | true).sum() > 0.8)
    True
    """
    if not isinstance(segmenter, AmorphousGMMSegmenter):
        raise TypeError(
            f"segmenter must be an AmorphousGMMSegmenter, got {type(segmenter).__name__}."
        )
    if polarity not in {"bright", "dark"}:
        raise ValueError(f"polarity must be 'bright' or 'dark', got {polarity!r}.")
    n_rows, n_cols = shape_of(array, "array", 2)
    side = check_integer(tile, name="tile", low=LEAST_TILE)
    atoms = as_positions(positions)[:, :2]
    fitted, part = _fitted(segmenter, array, (n_rows, n_cols), atoms, polarity)
    tiles = tiles_of((n_rows, n_cols), side, math.ceil(_HALO * fitted.spacing_))
    work = _MapsTile(fitted, array, (n_rows, n_cols), atoms, np.argsort(atoms[:, 0]), polarity)
    path = None if checkpoint is None else Path(checkpoint)
    header = {
        "kind": "damage",
        "shape": [n_rows, n_cols],
        "tile": side,
        "polarity": polarity,
        "segmenter": repr(fitted.get_params()),
        "part": None if part is None else [[one.start, one.stop] for one in part],
        "n_atoms": len(atoms),
        "atoms": zlib.crc32(np.ascontiguousarray(atoms).data),
    }
    if out is None:
        kinds = np.zeros((n_rows, n_cols), dtype=np.uint8)
    else:
        kinds = np.lib.format.open_memmap(os.fspath(out), "w+", np.uint8, (n_rows, n_cols))
    kept, rejected = RegionSums((n_rows, n_cols)), RegionSums((n_rows, n_cols))
    counts = np.zeros(len(KINDS), dtype=np.int64)
    for one, found in _maps(work, tiles, path, header, progress):
        kinds[one.core] = found.kinds
        counts += np.bincount(found.kinds.ravel(), minlength=len(KINDS))
        own = work.atoms_of(one)
        kept.add(one.core, found.kinds, own, found.known)
        rejected.add(one.core, found.rejected, own, found.known)
    if path is not None:
        path.unlink(missing_ok=True)
    n_filled = int(counts[can_hold_atoms(np.arange(len(KINDS), dtype=np.uint8))].sum())
    size = fitted.pixel_size_
    return TiledDamage(
        kinds,
        kept.regions(len(atoms), n_filled, size),
        [
            dataclasses.replace(one, rejected_for=fitted._reason(one))  # noqa: SLF001 - of this package
            for one in rejected.regions(len(atoms), n_filled, size)
        ],
        {kind: float(n / counts.sum()) for kind, n in zip(KINDS, counts, strict=True)},
        fitted,
        part,
    )


def _fitted(
    segmenter: AmorphousGMMSegmenter,
    array: Any,
    shape: tuple[int, int],
    atoms: FloatArray,
    polarity: Literal["bright", "dark"],
) -> tuple[AmorphousGMMSegmenter, Place | None]:
    """The segmenter, if it is fitted, else a clone fitted to a part, and which."""
    try:
        check_is_fitted(segmenter)
    except NotFittedError:
        part = part_with_damage(atoms, shape)
        near = atoms[lies_in(atoms, part)] - np.array([one.start for one in part])
        own: AmorphousGMMSegmenter = clone(segmenter)
        return own.fit(_pixels(array, part, polarity), positions=near), part
    return segmenter, None


def _pixels(array: Any, place: Place, polarity: Literal["bright", "dark"]) -> Image:
    """A part of the image in which atoms are bright."""
    pixels = as_image(part_of(array, place))
    return pixels if polarity == "bright" else -pixels


class _TileMaps(NamedTuple):
    """What a tile shows."""

    kinds: NDArray[np.uint8]
    rejected: NDArray[np.uint8]
    known: PointsOfMap

    def packed(self) -> dict[str, Any]:
        """As a record of a log. Maps of few kinds take hardly any room."""
        maps = {"kinds": self.kinds, "rejected": self.rejected}
        return {
            **{
                name: np.frombuffer(zlib.compress(one.data), np.uint8) for name, one in maps.items()
            },
            **self.known._asdict(),
        }

    @classmethod
    def unpacked(cls, record: dict[str, Any], tile: Tile) -> _TileMaps:
        """The same of a record."""
        shape = [part.stop - part.start for part in tile.core]
        kinds, rejected = (
            np.frombuffer(zlib.decompress(record[name]), np.uint8).reshape(shape)
            for name in ("kinds", "rejected")
        )
        known = PointsOfMap(*(record[name] for name in PointsOfMap._fields))
        return cls(kinds, rejected, known)


class _MapsTile(NamedTuple):
    """Maps tiles of an image by a fitted segmenter."""

    segmenter: AmorphousGMMSegmenter
    array: Any
    shape: tuple[int, int]
    atoms: FloatArray
    by_row: NDArray[np.intp]
    polarity: Literal["bright", "dark"]

    def __call__(self, tile: Tile) -> _TileMaps:
        """Map the core of a tile, by what is around it as well."""
        pixels = _pixels(self.array, tile.whole, self.polarity)
        starts = np.array([part.start for part in tile.whole])
        near = self.atoms[atoms_in(self.atoms, self.by_row, tile.whole)] - starts
        if len(near) >= _FEW_ATOMS:
            maps = self.segmenter._maps_of(pixels, near)  # noqa: SLF001 - of this package
            return _core_of(maps, tile)
        smooth = ndimage.gaussian_filter(pixels, SMOOTHING * self.segmenter.spacing_)
        is_dull = float(np.std(smooth)) < _DULL * self.segmenter.contrast_
        kind = KINDS.index("vacuum" if is_dull else "amorphous")
        shape = tuple(part.stop - part.start for part in tile.core)
        nothing = np.empty(0)
        known = PointsOfMap(np.empty((0, 2), dtype=np.int64), nothing, nothing)
        kinds = np.full(shape, kind, dtype=np.uint8)
        return _TileMaps(kinds, np.zeros(shape, dtype=np.uint8), known)

    def atoms_of(self, tile: Tile) -> FloatArray:
        """Atoms of a tile's core: each is on the pixel next to it."""
        pixels = np.clip(np.rint(self.atoms), 0, np.array(self.shape) - 1)
        return self.atoms[atoms_in(pixels, self.by_row, tile.core)]


def _core_of(maps: Maps, tile: Tile) -> _TileMaps:
    """Of what is known of a tile and its surroundings, what is the tile's own."""
    starts = np.array([part.start for part in tile.whole])
    inner = tuple(
        slice(core.start - start, core.stop - start)
        for core, start in zip(tile.core, starts, strict=True)
    )
    kinds, rejected = (np.ascontiguousarray(one[inner]) for one in (maps.kinds, maps.rejected))
    known = maps.known
    places = np.argwhere(np.ones(known.confidence.shape, dtype=bool)) * known.step + starts
    own = lies_in(places, tile.core)
    # Where there is no region nothing is asked.
    at = tuple((places[own] - [part.start for part in tile.core]).T)
    own[own] = (kinds[at] != CRYSTAL) | (rejected[at] != CRYSTAL)
    values = (one.ravel()[own].astype(np.float64) for one in (known.confidence, known.disorder))
    return _TileMaps(kinds, rejected, PointsOfMap(places[own], *values))


def _maps(
    work: _MapsTile,
    tiles: list[Tile],
    path: Path | None,
    header: dict[str, Any],
    progress: TellsProgress | None,
) -> Iterator[tuple[Tile, _TileMaps]]:
    """Yield what each tile shows, those of an earlier run first."""
    n_done = 0
    with nullcontext() if path is None else RecordLog(path, header, resume=True) as log:
        for record in earlier_records(path):
            yield tiles[n_done], _TileMaps.unpacked(record, tiles[n_done])
            n_done += 1
        stage = Stage("mapping", len(tiles), progress, n_done)
        for tile in tiles[n_done:]:
            found = work(tile)
            if log is not None:
                log.append(found.packed())
            yield tile, found
            stage.step()
