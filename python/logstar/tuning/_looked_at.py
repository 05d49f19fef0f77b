"""Which part of a large image is looked at: a rectangle, and a mask within it."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._source import Roi, slices_of_roi

Place = tuple[slice, slice]


class LookedAt(NamedTuple):
    """Where atoms are looked for, without a pixel in memory for each of the image's.

    Attributes
    ----------
    place : tuple of two slice
        Rows and columns.
    mask : array-like of shape (n_rows, n_cols), bool, or None
        Of the whole image, where to look; None is everywhere. It may be any array that slices, such
        as a memory-mapped one.
    """

    place: Place
    mask: Any = None

    @classmethod
    def of(cls, shape: tuple[int, ...], roi: Roi | None, mask: Any) -> Self:
        """Check a rectangle and a mask.

        Raises
        ------
        ValueError
            If the rectangle is not within the image, or the mask has another shape or type.
        """
        place = slice(0, shape[0]), slice(0, shape[1])
        if roi is not None:
            place = slices_of_roi(roi, shape)
        if mask is not None:
            kind, found = getattr(mask, "dtype", None), getattr(mask, "shape", None)
            if kind != np.bool_ or found != tuple(shape):
                raise ValueError(
                    f"mask must be booleans of the image's shape {tuple(shape)}, got {kind} of "
                    f"shape {found}."
                )
        return cls(place, mask)

    @property
    def shape(self) -> tuple[int, int]:  # numpydoc ignore=RT01
        """Rows and columns of the rectangle."""
        rows, cols = self.place
        return rows.stop - rows.start, cols.stop - cols.start

    def field_in(self, part: Place) -> NDArray[np.bool_] | None:
        """The mask of a part of the rectangle; None where all of it is looked at."""
        if self.mask is None:
            return None
        field = np.asarray(self.mask[part])
        return None if field.all() else field

    def holds(self, table: FloatArray) -> NDArray[np.bool_]:
        """Tell which positions at whole pixels, of the rectangle, are in the mask."""
        inside = np.ones(len(table), dtype=bool)
        if self.mask is not None and len(table):
            rows, cols = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
            # A mapped mask is read where candidates are, and no further.
            top, left = rows.min(), cols.min()
            part = np.asarray(self.mask[top : rows.max() + 1, left : cols.max() + 1])
            inside = part[rows - top, cols - left]
        return inside
