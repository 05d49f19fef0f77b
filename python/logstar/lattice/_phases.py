"""How the lattice of an image is displaced from place to place, by its Bragg peaks' phases."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._bragg import BraggLattice

#: Standard deviation, as a share of the cell's longer edge, of the Gaussian that averages phases:
#: of the amplitude of the neighbouring Bragg peak 2e-5 gets through.
_SMOOTHING = 0.75
#: Farther than 4 standard deviations away, a Gaussian is taken to be 0.
_CUTOFF = 4.0
#: What the Gaussian has averaged is kept at points this many of its standard deviations apart, at
#: most. Between them it is interpolated linearly, which is off by less than 0.5 ** 2 / 8 = 3 % of
#: the amplitude, and of phases, which bend less, by far less.
_SAMPLING = 0.5
#: Phases are computed on blocks, this many along the cell's shorter edge.
_BLOCKS_PER_EDGE = 4
#: Points weigh by this power of the amplitude when the mean strain is fitted. Around a particle the
#: phases are those of its support, on several times the particle's area: weighed by the amplitude
#: itself, they put the edges of cells off by 2 %.
_STRENGTH = 4
#: So many rows of a banded matrix are multiplied at a time.
_BAND_ROWS = 64


class Distortion(NamedTuple):
    """How strong the lattice is and how it is displaced, at points of a coarse grid.

    Attributes
    ----------
    fractions : ndarray of shape (2, n_grid_rows, n_grid_cols)
        What must be added to the fractional coordinates of a point, so that the lattice is even.
    amplitude : ndarray of shape (n_grid_rows, n_grid_cols)
        Amplitude of the weaker of the two Bragg peaks, over its 90th percentile in the image; near
        0 where there is no lattice.
    trust : ndarray of shape (n_grid_rows, n_grid_cols)
        1 well inside the image, 0 at its edges, where other Bragg peaks disturb the phases.
    spacing : tuple of two float
        Distance of the points along rows and along columns, in pixels. The first one is half of
        that from the image's edge.
    """

    fractions: FloatArray
    amplitude: FloatArray
    trust: FloatArray
    spacing: tuple[float, float]

    def points(self) -> FloatArray:
        """Row and column of the grid's points, of shape (n_points, 2), in pixels."""
        axes = [
            _centres(size, spacing)
            for size, spacing in zip(self.amplitude.shape, self.spacing, strict=True)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)

    def at_pixels(self, values: FloatArray, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Interpolate values of the grid's points linearly for each pixel of an image."""
        return interpolated(values, self.spacing, shape)


def local_phases(flat: NDArray[np.float32], bragg: BraggLattice) -> Distortion:
    """Follow the phases of two Bragg peaks through the image.

    Geometric phase analysis: M. J. Hytch, E. Snoeck, R. Kilaas, Ultramicroscopy 74, 131 (1998).
    """
    chosen = _two_peaks(bragg)
    waves, weight, spacing = _local_waves(flat, bragg.vectors, chosen)
    phases, amplitudes = [], []
    for local in waves:
        phases.append(_unwrapped(np.angle(local).astype(float)) / (2 * np.pi))
        amplitude = np.abs(local).astype(float)
        amplitudes.append(amplitude / max(np.percentile(amplitude, 90), np.finfo(float).tiny))
    # The smoothing loses half of its weight at an edge.
    trust = np.clip(2 * weight - 1, 0, 1) ** 2
    fractions = np.linalg.solve(chosen.astype(float), np.reshape(phases, (2, -1)))
    return Distortion(
        fractions.reshape(2, *weight.shape),
        np.min(amplitudes, axis=0),
        trust.astype(float),
        spacing,
    )


def interpolated(
    values: FloatArray, spacing: tuple[float, float], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Interpolate values of a grid's points linearly for each pixel of an image.

    Parameters
    ----------
    values : ndarray of shape (n_grid_rows, n_grid_cols)
        At the points.
    spacing : tuple of two float
        Distances of the points in pixels; the first one is half of that from the image's edge.
    shape : tuple of two int
        Of the image. Pixels beyond the outermost points get what those have.

    Returns
    -------
    interpolated : ndarray of that shape, float32
    """
    result = values.astype(np.float32)
    # First along the rows of the few points, then by whole rows.
    for axis in (1, 0):
        n_points = values.shape[axis]
        place = np.clip((np.arange(shape[axis]) + 0.5) / spacing[axis] - 0.5, 0, n_points - 1)
        lower = np.minimum(place.astype(np.intp), max(n_points - 2, 0))
        upper = np.minimum(lower + 1, n_points - 1)
        along = (place - lower).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        first = result.take(lower, axis)
        result = result.take(upper, axis)
        result -= first
        result *= along
        result += first
    return result


def local_amplitudes(
    flat: NDArray[np.float32], vectors: FloatArray, indices: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Follow the amplitudes of Bragg peaks through the image.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image.
    vectors : ndarray of shape (2, 2)
        Edges of the cell as rows (row, col), in pixels.
    indices : ndarray of shape (n, 2), int
        The peaks.

    Returns
    -------
    amplitudes : ndarray of shape (n, n_grid_rows, n_grid_cols)
        On the grid of `local_phases`.
    """
    return np.abs(_local_waves(flat, vectors, indices)[0]).astype(float)


def _local_waves(
    flat: NDArray[np.float32], vectors: FloatArray, indices: NDArray[np.int_]
) -> tuple[NDArray[np.complex128], FloatArray, tuple[float, float]]:
    """Average an image times waves around the points of a coarse grid.

    Also how much of the Gaussian that averages is inside of the image, and the points' distances.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    block = max(1, int(lengths.min() / _BLOCKS_PER_EDGE))
    width = _SMOOTHING * float(lengths.max())
    averages = [gaussian_averages(size, block, width) for size in flat.shape]
    blocks = _demodulated(flat, indices @ np.linalg.inv(vectors).T, block)
    (across, spacing_r), (along, spacing_c) = averages
    weight = np.outer(across.sum(axis=1), along.sum(axis=1))
    waves = [_banded(along, _banded(across, values).T).T / weight for values in blocks]
    return np.array(waves), weight, (spacing_r, spacing_c)


def _centres(n: int, spacing: float) -> FloatArray:
    """Middles of blocks of pixels, in pixels."""
    return np.asarray((np.arange(n) + 0.5) * spacing - 0.5)


def gaussian_averages(
    size: int, block: int, width: float, sampling: float = _SAMPLING
) -> tuple[NDArray[np.float32], float]:
    """Give the weights of a Gaussian average around the points of a coarse grid, along one axis.

    Parameters
    ----------
    size : int
        Pixels of the image.
    block : int
        Pixels of a block; blocks are averaged.
    width : float
        Standard deviation of the Gaussian in pixels.
    sampling : float, default=0.5
        Distance of the points by that, at most.

    Returns
    -------
    weights : ndarray of shape (n_points, n_blocks), float32
        Near an edge, where part of the Gaussian is outside, they add up to less than 1.
    spacing : float
        Distance of the points in pixels.
    """
    n_blocks = size // block
    n_points = math.ceil(size / (sampling * width))
    spacing = size / n_points
    apart = (_centres(n_points, spacing)[:, None] - _centres(n_blocks, block)) / width
    weights = np.where(np.abs(apart) < _CUTOFF, np.exp(-0.5 * apart**2), 0.0)
    total = width / block * math.sqrt(2 * np.pi)
    return (weights / total).astype(np.float32), spacing


def _demodulated(
    flat: NDArray[np.float32], frequencies: FloatArray, block: int
) -> NDArray[np.complex64]:
    """Means over blocks of the image times waves, of shape (n_waves, n_block_rows, n_block_cols).

    The waves are exp(-2 pi i (f_row row + f_col col)). Within each block they are the same but for
    a factor, so that one small matrix does for all blocks.
    """
    n_rows, n_cols = (size // block for size in flat.shape)
    within = 2 * np.pi * np.arange(block)
    across, along = (
        np.stack([np.cos(f * within), np.sin(f * within)]).astype(np.float32) / block
        for f in frequencies.T[:, :, None]
    )
    tiles = flat[: n_rows * block, : n_cols * block].reshape(n_rows, block, -1)
    rows = across.reshape(-1, block) @ tiles
    cosines, sines = rows.reshape(n_rows, 2, len(frequencies), n_cols, block).swapaxes(0, 1)
    blocks = []
    for wave, frequency in enumerate(frequencies):
        turned = along[:, wave].T
        cos, sin = (part[:, wave] @ turned for part in (cosines, sines))
        phase_r, phase_c = (
            np.exp(-2j * np.pi * f * block * np.arange(n)).astype(np.complex64)
            for f, n in zip(frequency, (n_rows, n_cols), strict=True)
        )
        values = (cos[..., 0] - sin[..., 1]) - 1j * (sin[..., 0] + cos[..., 1])
        blocks.append(values * phase_r[:, None] * phase_c)
    return np.array(blocks)


def _banded(matrix: NDArray[np.float32], values: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Product of a matrix that is 0 far from its diagonal, leaving the zeros out."""
    result = np.empty((len(matrix), values.shape[1]), dtype=np.complex64)
    # As twice the number of real columns, since the matrix is real.
    numbers = np.ascontiguousarray(values).view(np.float32)
    for start in range(0, len(matrix), _BAND_ROWS):
        rows = matrix[start : start + _BAND_ROWS]
        used = np.flatnonzero(rows.any(axis=0))
        band = slice(used[0], used[-1] + 1)
        result[start : start + _BAND_ROWS] = (rows[:, band] @ numbers[band]).view(np.complex64)
    return result


def _unwrapped(phase: FloatArray) -> FloatArray:
    """Add whole turns, so that a map of phases has no jumps.

    Where the steps around each square of four points add up to no turn, all ways from one point to
    another give the same, and steps are added up. Else there are ends of dislocations, or places
    without lattice, whose phases are noise; then jumps are put where they disturb least.
    """
    steps_r, steps_c = (_wrapped(np.diff(phase, axis=axis)) for axis in (0, 1))
    around = steps_r[:, :-1] + steps_c[1:] - steps_r[:, 1:] - steps_c[:-1]
    if np.abs(around).max(initial=0.0) < np.pi:
        first = np.concatenate([phase[:1, :1], steps_c[:1]], axis=1).cumsum(axis=1)
        return np.concatenate([first, steps_r], axis=0).cumsum(axis=0)
    # Slow to import, and only needed here.
    from skimage.restoration import unwrap_phase  # noqa: PLC0415

    return np.asarray(unwrap_phase(phase))


def _wrapped(angle: FloatArray) -> FloatArray:
    """The same angles between -pi and pi."""
    return angle - 2 * np.pi * np.round(angle / (2 * np.pi))


def _two_peaks(bragg: BraggLattice) -> NDArray[np.int_]:
    """Indices of two strong peaks that span the plane; of alike ones, those of a small cell."""
    indices = bragg.indices
    first, second = np.triu_indices(len(indices), 1)
    areas = np.abs(np.linalg.det(np.stack([indices[first], indices[second]], axis=1))).round()
    weaker = np.minimum(bragg.powers[first], bragg.powers[second])
    worth = np.where(areas > 0, weaker / np.maximum(areas, 1) ** 0.25, -1.0)
    best = int(worth.argmax())
    return indices[[first[best], second[best]]]


def straighten(vectors: FloatArray, distortion: Distortion) -> tuple[FloatArray, FloatArray]:
    """Add the part of a distortion that is the same everywhere to the lattice's vectors.

    Returns
    -------
    vectors : ndarray of shape (2, 2)
        Edges of the cell, corrected by the mean strain of the image.
    corner : ndarray of shape (2,)
        Fractional coordinates of the pixel (0, 0).
    """
    fit = _mean_strain(distortion)
    return _corrected(vectors, fit), fit[0]


def bending(vectors: FloatArray, distortion: Distortion) -> FloatArray:
    """Tell what a distortion is beside a shift, a stretch and a shear of the whole image.

    Parameters
    ----------
    vectors : ndarray of shape (2, 2)
        Edges of the cell by which the distortion is told, as rows (row, col) in pixels.
    distortion : Distortion
        From `local_phases`.

    Returns
    -------
    bend : ndarray of shape (2, n_grid_rows, n_grid_cols)
        At each point of the grid what must be added to its row and column in pixels, so that the
        lattice is even.
    """
    fit = _mean_strain(distortion)
    points = distortion.points()
    straight = np.column_stack([np.ones(len(points)), points]) @ fit
    bend = (distortion.fractions.reshape(2, -1).T - straight) @ _corrected(vectors, fit)
    return np.asarray(bend.T.reshape(distortion.fractions.shape))


def _corrected(vectors: FloatArray, fit: FloatArray) -> FloatArray:
    """Edges of a cell, with the mean strain that was fitted."""
    reciprocal = np.linalg.inv(vectors).T + fit[1:].T
    return np.asarray(np.linalg.inv(reciprocal).T)


def _mean_strain(distortion: Distortion) -> FloatArray:
    """Fit fractions by ``(1, row, col) @ fit``, with the weights that points deserve."""
    points = distortion.points()
    table = np.column_stack([np.ones(len(points)), points])
    weight = np.minimum(distortion.amplitude, 1.0) ** _STRENGTH * distortion.trust
    root = np.sqrt(weight.ravel())[:, None]
    fractions = distortion.fractions.reshape(2, -1).T
    fit: FloatArray = np.linalg.lstsq(table * root, fractions * root, rcond=None)[0]
    return fit
