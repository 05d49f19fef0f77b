"""Rewards of masks: compact regions, short boundaries, and what the image says about them."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, check_real
from logstar.segmentation._regions import boundary_length

from ._base import Reward

#: Residuals are limited to this many times the contrast of the crystal, about the residual where
#: atoms stand at other places. Measured on 60 random settings for each of nine simulated scenes:
#: the setting that is best by this reward overlaps with the true regions by 0.88, the best setting
#: of all by 0.91. With limits of 0.8 and 0.5 times the contrast the overlap is 0.87 and 0.85, with
#: a limit of 3 standard deviations of the crystal's residual 0.83.
_CLIP = 1.2


def _as_mask(mask: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"a mask must be a 2-D array of booleans, got shape {array.shape} and dtype "
            f"{array.dtype}."
        )
    return array


def _is_degenerate(mask: NDArray[np.bool_]) -> bool:
    return bool(mask.all() or not mask.any())


class _MaskReward(Reward):
    """A quantity of the mask that an estimator predicts."""

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:  # noqa: ARG002 - a scorer
        """Score a fitted estimator; greater is better."""
        return self._score(self.measure(estimator.predict(X)))

    @abstractmethod
    def measure(self, mask: ArrayLike) -> float:
        """Measure a mask."""


class Compactness(_MaskReward):
    """How compact the amorphous regions are, ``area / perimeter ** 2`` (eq. 3), to be high.

    One disc has ``1 / (4 pi)``, 0.080, the greatest value that there is; n discs of one size have
    a share of ``1 / n`` of that. The perimeter includes the image's frame, and the area is that
    of the crystal where this is the smaller: so an empty and a full mask have 0, the worst value,
    and masks that come near to a full one come near to 0.

    Notes
    -----
    Small regions are as compact as large ones: a mask that shrinks does not lose. Together with
    `Perimeter` it therefore prefers too small regions; `DisorderSeparation` knows better.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import Compactness
    >>> row, col = np.indices((64, 64))
    >>> round(Compactness().measure(np.hypot(row - 32, col - 32) < 20), 3)
    0.08
    >>> Compactness().measure(np.ones((64, 64), dtype=bool))
    0.0
    """

    greater_is_better = True
    ideal = 1 / (4 * math.pi)
    scale = 1 / (4 * math.pi)

    def measure(self, mask: ArrayLike) -> float:
        """Measure a mask.

        Parameters
        ----------
        mask : array-like of shape (n_rows, n_cols), bool
            Where it is amorphous.

        Returns
        -------
        compactness : float
            0 if nothing or everything is amorphous.

        Raises
        ------
        ValueError
            For anything but a mask.
        """
        array = _as_mask(mask)
        if _is_degenerate(array):
            return 0.0
        area = min(int(array.sum()), int((~array).sum()))
        # Crofton's formula is short by a tenth or more on a few pixels.
        return min(self.ideal, area / boundary_length(array) ** 2)


class Perimeter(_MaskReward):
    """Length of the boundaries of amorphous regions by the image's frame, to be small.

    1 is the length of the frame, and the greatest value: longer boundaries enclose nothing that
    could be called a region. An empty and a full mask have 1, too. Since their `Compactness` is 0,
    less than that of any other mask, every other mask dominates them, so they cannot be on the
    Pareto front beside one.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import Perimeter
    >>> row, col = np.indices((64, 64))
    >>> round(Perimeter().measure(np.hypot(row - 32, col - 32) < 20), 2)
    0.49
    >>> Perimeter().measure(np.zeros((64, 64), dtype=bool))
    1.0
    """

    def measure(self, mask: ArrayLike) -> float:
        """Measure a mask.

        Parameters
        ----------
        mask : array-like of shape (n_rows, n_cols), bool
            Where it is amorphous.

        Returns
        -------
        perimeter : float
            By ``2 * (n_rows + n_cols)``, at most 1; 1 if nothing or everything is amorphous.

        Raises
        ------
        ValueError
            For anything but a mask.
        """
        array = _as_mask(mask)
        if _is_degenerate(array):
            return 1.0
        return min(1.0, boundary_length(array) / (2 * sum(array.shape)))


class AmorphousArea(_MaskReward):
    """Share of the image that is amorphous, as near as can be to what is expected.

    Parameters
    ----------
    expected : float
        The share that is expected, above 0 and below 1: from the dose of ions, say. An expected
        share of 0 or 1 could be met by an empty or a full mask, so it is refused.

    Attributes
    ----------
    ideal : float
        0: the measure is the difference from the expected share.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import AmorphousArea
    >>> mask = np.zeros((10, 10), dtype=bool)
    >>> mask[:3] = True
    >>> round(AmorphousArea(expected=0.2).measure(mask), 3)
    0.1
    """

    def __init__(self, expected: float) -> None:
        self.expected = expected

    def measure(self, mask: ArrayLike) -> float:
        """Measure a mask.

        Parameters
        ----------
        mask : array-like of shape (n_rows, n_cols), bool
            Where it is amorphous.

        Returns
        -------
        difference : float
            The share that is amorphous less the expected one; 1 for an empty or a full mask, more
            than any other mask can have.

        Raises
        ------
        TypeError, ValueError
            For anything but a mask, or an expected share that is not between 0 and 1.
        """
        expected = check_real(self.expected, name="expected", low=0, high=1, low_included=False)
        if expected == 1:
            raise ValueError("expected must be below 1, got 1: a full mask tells nothing.")
        array = _as_mask(mask)
        return 1.0 if _is_degenerate(array) else float(array.mean()) - expected


class DisorderSeparation(Reward):
    """How well a mask parts what is like the crystal from what is not, to be high.

    The share of the variance of the disorder that lies between the two sides of the mask, as in
    Otsu's method: 1 if both are uniform. The disorder is the squared residual of each point from
    the crystal (see `AmorphousGMMSegmenter.residual`), where it is limited to 1.2 times the
    contrast of the crystal. It does not depend on the parameters that are tuned; moving a boundary
    into the crystal or into the region costs. An empty and a full mask have 0, the worst value.

    Examples
    --------
    >>> import numpy as np
    >>> from logstar.rewards import DisorderSeparation
    >>> disorder = np.zeros((8, 8))
    >>> disorder[2:5, 2:5] = 9.0
    >>> DisorderSeparation().measure(disorder > 0, disorder)
    1.0
    """

    greater_is_better = True
    ideal = 1.0

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:  # noqa: ARG002 - a scorer
        """Score a fitted segmenter, or a search over one."""
        mask = np.asarray(estimator.predict(X))
        residual = getattr(estimator, "best_estimator_", estimator).residual(X)
        disorder = np.minimum(np.abs(residual.values) / residual.contrast, _CLIP) ** 2
        step = residual.step
        return self._score(self.measure(mask[::step, ::step], disorder))

    def measure(self, mask: ArrayLike, disorder: ArrayLike) -> float:
        """Measure a mask.

        Parameters
        ----------
        mask : array-like of shape (n_rows, n_cols), bool
            Where it is amorphous.
        disorder : array-like of shape (n_rows, n_cols)
            How far each point is from the crystal.

        Returns
        -------
        separation : float
            Between 0 and 1.

        Raises
        ------
        ValueError
            For anything but a mask, or another shape of the disorder.
        """
        array = _as_mask(mask)
        values: FloatArray = np.asarray(disorder, dtype=np.float64)
        if values.shape != array.shape:
            raise ValueError(
                f"disorder must have the shape {array.shape} of the mask, got {values.shape}."
            )
        total = float(values.var())
        if _is_degenerate(array) or total == 0:
            return 0.0
        share = float(array.mean())
        gap = float(values[array].mean() - values[~array].mean())
        # A mask that holds the more ordered part is no damage.
        return share * (1 - share) * max(gap, 0.0) ** 2 / total
