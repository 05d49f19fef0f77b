"""What a large image shows, tile by tile: crystal, damage, vacuum."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from sklearn.utils.validation import check_is_fitted

from logstar._validation import as_image, as_positions, check_integer
from logstar.segmentation import KINDS, AmorphousGMMSegmenter
from logstar.segmentation._residual import SMOOTHING

from ._array_parts import part_of, shape_of
from ._large_images import TILE
from ._long_run import Stage, TellsProgress
from ._tiled import LEAST_TILE, tiles_of

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
    tile: int = TILE,
    out: str | os.PathLike[str] | None = None,
    progress: TellsProgress | None = None,
) -> NDArray[np.uint8]:
    """Tell what each pixel of an image shows that need not fit into memory.

    What is amorphous was learnt by the segmenter on a part; what is crystal each tile tells by its
    own atoms, together with what is around it. Tiles should be large beside regions: most of each
    has to be crystal, as most of an image has to be for the segmenter.

    Parameters
    ----------
    segmenter : AmorphousGMMSegmenter
        Fitted to a part of the image that shows both crystal and damage.
    array : array-like of shape (n_rows, n_cols)
        As of `detect_tiled`.
    positions : array-like of shape (n_atoms, >=2)
        Row and column of all atoms in pixels, such as ``find_atoms(...).atoms_``.
    tile : int, default=2048
        Side of the tiles in pixels, at least 64. Memory is about 60 bytes a pixel of a tile with
        its halo of 15 distances of nearest atoms.
    out : path-like, default=None
        A file, npy, that kinds are written to and mapped from. None keeps them in memory, a byte a
        pixel.
    progress : callable, default=None
        Called with a `RunProgress` after each tile.

    Returns
    -------
    kinds : ndarray of shape (n_rows, n_cols), uint8
        The place of its name in `logstar.segmentation.KINDS`. A tile without crystal is vacuum if
        it varies little, else amorphous.

    Raises
    ------
    NotFittedError
        If the segmenter was not fitted.
    TypeError, ValueError
        For what is no such array or segmenter; for pixels that are NaN or infinite.

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
    >>> kinds = segment_tiled(segmenter, scene.image, scene.positions, tile=200)
    >>> mask, true = kinds == 2, scene.amorphous_mask
    >>> bool((mask & true).sum() / (mask | true).sum() > 0.8)
    True
    """
    if not isinstance(segmenter, AmorphousGMMSegmenter):
        raise TypeError(
            f"segmenter must be an AmorphousGMMSegmenter, got {type(segmenter).__name__}."
        )
    check_is_fitted(segmenter)
    shape = shape_of(array, "array", 2)
    side = check_integer(tile, name="tile", low=LEAST_TILE)
    atoms = as_positions(positions)
    halo = math.ceil(_HALO * segmenter.spacing_)
    tiles = tiles_of(shape, side, halo)
    if out is None:
        kinds = np.zeros(shape, dtype=np.uint8)
    else:
        kinds = np.lib.format.open_memmap(os.fspath(out), "w+", np.uint8, shape)
    stage = Stage("mapping", len(tiles), progress)
    for one in tiles:
        starts = np.array([part.start for part in one.whole])
        size = [part.stop - part.start for part in one.whole]
        places = atoms[:, :2] - starts
        near = places[((places >= 0) & (places < size)).all(axis=1)]
        pixels = as_image(part_of(array, one.whole))
        inner = tuple(
            slice(core.start - start, core.stop - start)
            for core, start in zip(one.core, starts, strict=True)
        )
        if len(near) < _FEW_ATOMS:
            smooth = ndimage.gaussian_filter(pixels, SMOOTHING * segmenter.spacing_)
            is_dull = float(np.std(smooth)) < _DULL * segmenter.contrast_
            kinds[one.core] = KINDS.index("vacuum" if is_dull else "amorphous")
        else:
            kinds[one.core] = segmenter.kinds_of(pixels, near)[inner]
        stage.step()
    return kinds
