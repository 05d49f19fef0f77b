"""Gaussian atoms, and what lies near them, on a pixel grid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._scan import Scan

#: Atoms are cut off this many sigma from their centre, where they have 4e-6 of their height.
CUTOFF = 5.0
#: Values computed at a time; they stay in the cache.
_CHUNK_VALUES = 200_000


class PixelGrid:
    """The pixels of an image and the place of the sample that each of them shows.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the image.
    scan : Scan, default=None
        How the scan distorts. None is not at all.
    """

    def __init__(self, shape: tuple[int, int], scan: Scan | None = None) -> None:
        self.shape = shape
        self.displacement = None if scan is None else scan.displacement()
        self._scan = scan

    def places(self) -> FloatArray:
        """What each pixel shows, (n_rows * n_cols, 2), row by row."""
        places = np.indices(self.shape).reshape(2, -1).T.astype(np.float64)
        return places if self.displacement is None else places + self.displacement.reshape(-1, 2)

    def shown(self, positions: FloatArray) -> FloatArray:
        """Where the image shows positions of the sample, but for what single rows are shifted."""
        return positions if self._scan is None else self._scan.to_image(positions)

    def render(self, positions: FloatArray, amplitudes: FloatArray, sigma: float) -> FloatArray:
        """Add up Gaussians, sampled at what the pixels show.

        Parameters
        ----------
        positions : ndarray of shape (n, 2)
            Row and column of the centres in the sample; those beyond the edges count with what
            reaches in.
        amplitudes : ndarray of shape (n,)
            Heights.
        sigma : float
            Standard deviation in pixels.

        Returns
        -------
        image : ndarray of shape (n_rows, n_cols), float64
            Pixels farther than 5 sigma from a centre in row or column may miss its share.
        """
        image = np.zeros(self.shape[0] * self.shape[1])
        for window in self._windows(positions, CUTOFF * sigma):
            if window.is_separable:
                values = np.exp(window.from_row**2 / (-2 * sigma**2)) * np.exp(
                    window.from_col**2 / (-2 * sigma**2)
                )
            else:
                values = np.exp((window.from_row**2 + window.from_col**2) / (-2 * sigma**2))
            values = values * (amplitudes[window.atoms, None, None] * window.in_image)
            image += np.bincount(window.pixels.ravel(), values.ravel(), minlength=len(image))
        return image.reshape(self.shape)

    def near(self, positions: FloatArray, radius: float) -> NDArray[np.bool_]:
        """Which pixels show a place within a radius of any position."""
        covered = np.zeros(self.shape[0] * self.shape[1], dtype=np.bool_)
        for window in self._windows(positions, radius):
            within = (window.from_row**2 + window.from_col**2 <= radius**2) & window.in_image
            covered[window.pixels[within]] = True
        return covered.reshape(self.shape)

    def _windows(self, positions: FloatArray, radius: float) -> Iterator[_Window]:
        """Windows of pixels about positions, which hold all within the radius, in chunks."""
        row_reach, col_reach = (radius, radius) if self._scan is None else self._scan.reach(radius)
        reach = np.array([math.ceil(row_reach) + 1, math.ceil(col_reach) + 1])
        offsets = [np.arange(-n, n + 1) for n in reach]
        shown = self.shown(positions)
        inside = ((shown >= -reach - 1) & (shown <= np.array(self.shape) + reach)).all(axis=1)
        kept = np.flatnonzero(inside)
        step = max(1, _CHUNK_VALUES // (len(offsets[0]) * len(offsets[1])))
        last = np.array(self.shape) - 1
        for start in range(0, len(kept), step):
            atoms = kept[start : start + step]
            nearest = np.rint(shown[atoms]).astype(np.intp)
            rows = (nearest[:, :1] + offsets[0])[:, :, None]
            cols = (nearest[:, 1:] + offsets[1])[:, None, :]
            in_image = ((rows >= 0) & (rows <= last[0])) & ((cols >= 0) & (cols <= last[1]))
            pixels = rows.clip(0, last[0]) * self.shape[1] + cols.clip(0, last[1])
            place = positions[atoms, :, None, None]
            if self.displacement is None:
                from_row, from_col = rows - place[:, 0], cols - place[:, 1]
            else:
                moves = self.displacement.reshape(-1, 2)[pixels]
                from_row = rows + moves[..., 0] - place[:, 0]
                from_col = cols + moves[..., 1] - place[:, 1]
            yield _Window(atoms, pixels, in_image, from_row, from_col, self.displacement is None)


class _Window(NamedTuple):
    atoms: NDArray[np.intp]
    pixels: NDArray[np.intp]
    in_image: NDArray[np.bool_]
    from_row: FloatArray
    from_col: FloatArray
    is_separable: bool
