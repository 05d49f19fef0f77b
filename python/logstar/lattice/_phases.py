"""How the lattice of an image is displaced from place to place, by its Bragg peaks' phases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._validation import FloatArray

from ._bragg import BraggLattice

#: Standard deviation, as a share of the cell's longer edge, of the Gaussian that averages phases:
#: of the amplitude of the neighbouring Bragg peak 2e-5 gets through.
_SMOOTHING = 0.75
#: Phases are computed on blocks, this many along the cell's shorter edge.
_BLOCKS_PER_EDGE = 4


class Distortion(NamedTuple):
    """How strong the lattice is and how it is displaced, on a coarse grid of blocks of pixels.

    Attributes
    ----------
    fractions : ndarray of shape (2, n_block_rows, n_block_cols)
        What must be added to the fractional coordinates of a block's centre, so that the lattice
        is even.
    amplitude : ndarray of shape (n_block_rows, n_block_cols)
        Amplitude of the weaker of the two Bragg peaks, over its 90th percentile in the image; near
        0 where there is no lattice.
    trust : ndarray of shape (n_block_rows, n_block_cols)
        1 well inside the image, 0 at its edges, where other Bragg peaks disturb the phases.
    block : int
        Side of a block in pixels.
    """

    fractions: FloatArray
    amplitude: FloatArray
    trust: FloatArray
    block: int

    def centres(self) -> FloatArray:
        """Row and column of the blocks' centres, of shape (n_blocks, 2), in pixels."""
        axes = [(np.arange(size) + 0.5) * self.block - 0.5 for size in self.amplitude.shape]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)

    def block_coordinates(self, shape: tuple[int, ...]) -> list[FloatArray]:
        """Where each pixel of an image lies on the grid of blocks: rows and columns of blocks.

        Pixels beyond the outermost blocks' centres get the outermost blocks.
        """
        axes = [
            np.clip((np.arange(size) + 0.5) / self.block - 0.5, 0, n_blocks - 1)
            for size, n_blocks in zip(shape, self.amplitude.shape, strict=True)
        ]
        return list(np.meshgrid(*axes, indexing="ij"))


def local_phases(flat: FloatArray, bragg: BraggLattice) -> Distortion:
    """Follow the phases of two Bragg peaks through the image.

    Geometric phase analysis: M. J. Hytch, E. Snoeck, R. Kilaas, Ultramicroscopy 74, 131 (1998).
    """
    # Slow to import, and only needed here.
    from skimage.restoration import unwrap_phase  # noqa: PLC0415

    chosen = _two_peaks(bragg)
    reciprocal = np.linalg.inv(bragg.vectors).T
    lengths = np.linalg.norm(bragg.vectors, axis=1)
    block = max(1, int(lengths.min() / _BLOCKS_PER_EDGE))
    n_rows, n_cols = (size // block for size in flat.shape)
    inner = flat[: n_rows * block, : n_cols * block]
    rows, cols = (np.arange(size) for size in inner.shape)
    width = _SMOOTHING * lengths.max() / block
    weight = ndimage.gaussian_filter(np.ones((n_rows, n_cols)), width, mode="constant")
    phases, amplitudes = [], []
    for frequency in chosen @ reciprocal:
        shifted = inner * np.exp(-2j * np.pi * frequency[0] * rows)[:, None]
        shifted *= np.exp(-2j * np.pi * frequency[1] * cols)
        blocks = shifted.reshape(n_rows, block, n_cols, block).mean(axis=(1, 3))
        local = ndimage.gaussian_filter(blocks, width, mode="constant") / weight
        phases.append(unwrap_phase(np.angle(local)) / (2 * np.pi))
        amplitude = np.abs(local)
        amplitudes.append(amplitude / max(np.percentile(amplitude, 90), np.finfo(float).tiny))
    # The smoothing loses half of its weight at an edge.
    trust = np.clip(2 * weight - 1, 0, 1) ** 2
    fractions = np.linalg.solve(chosen.astype(float), np.reshape(phases, (2, -1)))
    return Distortion(
        fractions.reshape(2, n_rows, n_cols), np.min(amplitudes, axis=0), trust, block
    )


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
    centres = distortion.centres()
    table = np.column_stack([np.ones(len(centres)), centres])
    root = np.sqrt((np.minimum(distortion.amplitude, 1.0) * distortion.trust).ravel())[:, None]
    fit = np.linalg.lstsq(table * root, distortion.fractions.reshape(2, -1).T * root, rcond=None)[0]
    reciprocal = np.linalg.inv(vectors).T + fit[1:].T
    return np.linalg.inv(reciprocal).T, fit[0]
