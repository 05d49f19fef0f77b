"""Reward of detections that no noise explains."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import as_image
from logstar.detection import atom_significance

from ._base import DetectionReward


class Significance(DetectionReward):
    """Share of atoms that noise could explain.

    0 is ideal. An atom counts where noise alone is expected to show at least one maximum as strong
    in the image; see `logstar.detection.atom_significance`. Sees atoms that are none, however many
    and wherever they are. Does not see missing atoms: it ranks settings that meet a told count.
    No atoms have the measure 1, since nothing was found that noise does not explain.

    Parameters
    ----------
    size : float, default=None
        Sigma of atoms in pixels. None is the median of those of the detections; of positions
        without sigma it is estimated from the image.
    polarity : {"bright", "dark"}, default="bright"
        Whether atoms are brighter than their surroundings.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import Significance
    >>> image = np.random.default_rng(0).normal(0, 1, (128, 128))
    >>> image[60:66, 40:46] += 3
    >>> Significance(size=2.0).measure([[63, 43], [100, 20]], image)
    0.5
    """

    def __init__(
        self, size: float | None = None, *, polarity: Literal["bright", "dark"] = "bright"
    ) -> None:
        self.size = size
        self.polarity = polarity

    def _measure_each(self, tables: list[ArrayLike], X: Any, y: Any) -> list[float]:  # noqa: ARG002
        if X is None or len(X) != len(tables):
            n_images = 0 if X is None else len(X)
            raise ValueError(
                f"significance is measured in the image: {len(tables)} tables of atoms for "
                f"{n_images} images X."
            )
        return [self._measure(table, image) for table, image in zip(tables, X, strict=True)]

    def _measure(self, atoms: ArrayLike, image: Any) -> float:
        found = atom_significance(as_image(image), atoms, size=self.size, polarity=self.polarity)
        return float(np.mean(found <= 0)) if len(found) else 1.0
