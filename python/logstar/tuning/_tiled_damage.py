"""What a large image shows, as it was mapped tile by tile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logstar.segmentation import AmorphousGMMSegmenter, Region

from ._looked_at import Place


@dataclass(frozen=True, eq=False, repr=False)
class TiledDamage:
    """What an image shows that was mapped tile by tile.

    Made by `segment_tiled`. What is named as in `AmorphousGMMSegmenter` says the same of the whole
    image.

    Parameters
    ----------
    kinds_ : ndarray of shape (n_rows, n_cols), uint8
        What each pixel shows, as the place of its name in `logstar.segmentation.KINDS`; mapped from
        its file, if it was written to one.
    regions_ : list of Region
        The largest first; across seams they are one. Confidence and disorder are means over what
        tiles say.
    rejected_ : list of Region
        Where there was a sign of a region, but it was too small or too little disordered.
    shares_ : dict of str to float
        Share of the area of each kind.
    segmenter : AmorphousGMMSegmenter
        What it was mapped by.
    part : tuple of two slice or None
        Which part of the image that was fitted to; None if it was fitted already.

    See Also
    --------
    segment_tiled : Makes it.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.segmentation import AmorphousGMMSegmenter
    >>> from logstar.tuning import segment_tiled
    >>> scene = make_scene(
    ...     shape=(256, 300), amorphous_pockets=[(120, 130, 50)], noise=0.05, random_state=0
    ... )
    >>> segmenter = AmorphousGMMSegmenter(random_state=0)
    >>> segment_tiled(segmenter, scene.image, scene.positions, tile=200)
    TiledDamage(256 x 300 px, 1 region: 90% crystal, 10% amorphous)
    """

    kinds_: NDArray[np.uint8]
    regions_: list[Region]
    rejected_: list[Region]
    shares_: dict[str, float]
    segmenter: AmorphousGMMSegmenter
    part: Place | None

    def __repr__(self) -> str:
        n_rows, n_cols = self.kinds_.shape
        n = len(self.regions_)
        shares = ", ".join(f"{share:.0%} {kind}" for kind, share in self.shares_.items() if share)
        regions = f"{n} region{'' if n == 1 else 's'}"
        return f"{type(self).__name__}({n_rows} x {n_cols} px, {regions}: {shares})"
