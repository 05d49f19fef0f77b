"""Images on their way through transformers, and places on their way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, Image


@runtime_checkable
class MovesPlaces(Protocol):
    """A transformer that shows places elsewhere than the raw image: one that straightens."""

    def transform(self, X: Any) -> Any:
        """Transform images."""

    def to_raw(self, positions: ArrayLike) -> FloatArray:
        """Lead positions in the transformed image to those in the raw one."""


class Processed(NamedTuple):
    """Images that a detector sees, beside the raw ones.

    Attributes
    ----------
    shown : list of ndarray
        What the last transformer gives.
    raw : list of ndarray
        The raw images, with all places moved as in those shown.
    movers : list of MovesPlaces
        The transformers that move places, fitted.
    """

    shown: list[Image]
    raw: list[Image]
    movers: list[MovesPlaces]

    @classmethod
    def of(
        cls, steps: Sequence[tuple[str, Any]], images: list[Image], shown: list[Image]
    ) -> Processed:
        movers = [step for _, step in steps if isinstance(step, MovesPlaces)]
        raw = images
        for mover in movers:
            raw = list(mover.transform(raw))
        return cls(shown, raw, movers)

    def to_raw(self, table: FloatArray) -> FloatArray:
        """Where the raw image has the rows of a table."""
        points = table[:, :2]
        for mover in reversed(self.movers):
            points = mover.to_raw(points)
        return points

    def is_inside(self, table: FloatArray) -> NDArray[np.bool_]:
        """Whether the raw image has them at all."""
        if not self.movers:
            return np.ones(len(table), dtype=bool)
        points, last = self.to_raw(table), np.array(self.raw[0].shape) - 1
        return np.asarray(((points >= 0) & (points <= last)).all(axis=1))
