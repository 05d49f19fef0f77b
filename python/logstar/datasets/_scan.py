"""How a scan distorts: drift of the sample, a skewed scan, rows that start too early or late."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np

from logstar._validation import FloatArray, check_real

from ._plane import as_point

Matrix: TypeAlias = tuple[tuple[float, float], tuple[float, float]]

#: Harmonics of a bent drift: one to three swings a frame, the k-th weaker by 1/k, as drift is slow.
_HARMONICS = np.arange(1, 4)
#: Inverting stops when no position moves by more than this many pixels.
_CONVERGED = 1e-10
_INVERSION_STEPS = 400
#: At so many times the speed of a drift is looked at; its fastest swing takes a third of them.
_SAMPLED_TIMES = 1001
_TOO_STRONG = (
    "scan distorts so strongly that places of the sample may appear twice or never; drift and bend "
    "must be well below the shape of the image, affine near ((1, 0), (0, 1))."
)


@dataclass(frozen=True)
class ScanDistortion:
    """What the scan does to an image, all in pixels.

    A pixel shows the sample not at its own place but at ``place + displacement``. The sample
    coordinates are those of the undistorted image.

    Parameters
    ----------
    drift : tuple of two float, default=(0, 0)
        How far the scan gets ahead over the sample during the frame, along the rows and the
        columns, at a constant speed. It shears and stretches.
    affine : tuple of two rows of two float, default=((1, 0), (0, 1))
        Of a skewed or miscalibrated scan: it leads from steps (row, col) in the image to steps in
        the sample, about the middle of the image.
    bend : float, default=0.0
        A drift that changes its direction: up to three swings a frame, drawn, with this rms along
        each axis.
    row_jitter : float, default=0.0
        Shift of each row of pixels along itself, rms, drawn. It is in the displacement, and not in
        the positions of atoms, each of which lies in several rows.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be, or the distortion is so strong that the image
        shows a place of the sample twice.

    Examples
    --------
    >>> from logstar.datasets import Grain, ScanDistortion, compose_scene
    >>> from logstar.lattice import Lattice
    >>> crystal = Grain(Lattice.perovskite(4.0, pixel_size=0.2), origin=(3, 3))
    >>> scene = compose_scene((64, 64), [crystal], scan=ScanDistortion(drift=(0, 5)))
    >>> float(scene.displacement[32, 0, 1])
    2.5
    """

    drift: tuple[float, float] = (0.0, 0.0)
    affine: Matrix = ((1.0, 0.0), (0.0, 1.0))
    bend: float = 0.0
    row_jitter: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "drift", as_point(self.drift, "drift"))
        if len(self.affine) != 2:
            raise ValueError(f"affine must have two rows of two numbers, got {self.affine!r}.")
        rows = tuple(as_point(row, f"affine[{i}]") for i, row in enumerate(self.affine))
        object.__setattr__(self, "affine", rows)
        for name in ("bend", "row_jitter"):
            object.__setattr__(self, name, check_real(getattr(self, name), name=name, low=0))


class Scan:
    """A distortion that has been drawn for an image of a shape.

    Parameters
    ----------
    shape : tuple of two int
        Rows and columns of the image.
    row_shifts : ndarray of shape (n_rows,)
        How far to the right each row of the image shows everything.
    drift, affine : tuple
        As of `ScanDistortion`.
    waves : ndarray of shape (2, 2, 3), default=None
        The bend: sines and cosines of one to three swings a frame, along rows and columns.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        row_shifts: FloatArray,
        *,
        drift: tuple[float, float] = (0.0, 0.0),
        affine: Matrix = ((1.0, 0.0), (0.0, 1.0)),
        waves: FloatArray | None = None,
    ) -> None:
        self._shape = shape
        self._row_shifts = row_shifts
        self._drift = np.array(drift)
        self._affine = np.array(affine) - np.eye(2)
        self._waves = np.zeros((2, 2, len(_HARMONICS))) if waves is None else waves

    @classmethod
    def draw(
        cls, distortion: ScanDistortion, shape: tuple[int, int], rng: np.random.Generator
    ) -> Self:
        """Draw the bend and the jitter of a distortion."""
        bending, jittering = rng.spawn(2)
        waves = bending.normal(size=(2, 2, len(_HARMONICS))) / _HARMONICS
        # A swing of amplitude 1 has a mean square of one half.
        rms = np.sqrt((waves**2).sum(axis=(1, 2), keepdims=True) / 2)
        return cls(
            shape,
            distortion.row_jitter * jittering.normal(size=shape[0]),
            drift=distortion.drift,
            affine=distortion.affine,
            waves=distortion.bend * waves / rms,
        )

    def reach(self, radius: float) -> tuple[float, float]:
        """How far from where a place is shown, in rows and columns, its surroundings are shown."""
        times = np.linspace(0, 1, _SAMPLED_TIMES)
        phases = 2 * math.pi * _HARMONICS[:, None] * times
        factors = 2 * math.pi * _HARMONICS
        swings = (self._waves[:, 0] * factors) @ np.cos(phases)
        swings = swings - (self._waves[:, 1] * factors) @ np.sin(phases)
        fastest = float(np.hypot(*(self._drift[:, None] + swings)).max())
        # By how much the smooth displacement changes over one pixel, in whichever direction.
        n_rows, n_cols = self._shape
        a_pixel = math.hypot(1 / n_rows, 1 / (n_rows * n_cols))
        steepest = float(np.linalg.norm(self._affine, 2)) + fastest * a_pixel
        if steepest >= 1:
            raise ValueError(_TOO_STRONG)
        jitter = float(np.abs(self._row_shifts).max(initial=0.0))
        if steepest == 0:
            return radius, radius + jitter
        widest = (radius + jitter) / (1 - steepest)
        return widest, widest

    def smooth_displacement(self, points: FloatArray) -> FloatArray:
        """All but the jitter of rows, at any points (n, 2) of the image."""
        n_rows, n_cols = self._shape
        # A frame lasts from 0 to 1; a row of it takes 1 / n_rows.
        time = (points[:, 0] + points[:, 1] / n_cols) / n_rows
        phases = 2 * math.pi * _HARMONICS[:, None] * time
        swings = self._waves[:, 0] @ np.sin(phases) + self._waves[:, 1] @ np.cos(phases)
        middle = (np.array(self._shape) - 1) / 2
        return np.asarray(
            time[:, None] * self._drift + (points - middle) @ self._affine.T + swings.T
        )

    def displacement(self) -> FloatArray:
        """Of each pixel of the image (n_rows, n_cols, 2), with the jitter of its row."""
        pixels = np.indices(self._shape).reshape(2, -1).T.astype(np.float64)
        field = self.smooth_displacement(pixels).reshape(*self._shape, 2)
        # A row that is shifted to the right shows what lies to the left.
        field[:, :, 1] -= self._row_shifts[:, None]
        return field

    def to_image(self, points: FloatArray) -> FloatArray:
        """Where the image shows points (n, 2) of the sample, but for the jitter of rows.

        Raises
        ------
        ValueError
            If the distortion is too strong to be inverted.
        """
        shown = points - self.smooth_displacement(points)
        for _ in range(_INVERSION_STEPS):
            better = points - self.smooth_displacement(shown)
            step = float(np.abs(better - shown).max(initial=0.0))
            shown = better
            if step < _CONVERGED:
                return shown
            if not math.isfinite(step):
                break
        raise ValueError(_TOO_STRONG)
