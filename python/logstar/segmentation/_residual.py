"""Where an image differs from the crystal that most of it is.

Every atom is judged against its own kind: the mean of the windows that look most like its own is
what its surroundings should be. What a window differs by is its vote on every pixel that it covers,
and the median of a pixel's votes is the residual there. In a crystal the residual is noise. Beside
a damaged region most windows are centred on sound atoms: so the residual ends where the damage
does, though windows reach into it. Pixels without any atom near them are judged as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from logstar._numerics import parabola_vertex
from logstar._validation import FloatArray, Image

from ._brightness import noise_squares
from ._own_kind import Frames, own_kind
from ._patches import extract_patches

#: Side of the windows, and sigma that the image is smoothed with before they are cut, both in units
#: of the median distance to the nearest atom. On simulated YBa2Cu3O7 with noise 0.05 to 0.2, the
#: best overlap with the true regions is 0.73, 0.82 and 0.83 for windows of 2.1, 2.7 and 3.3
#: distances. At noise 0.2, smoothing raises it from 0.40 to 0.54.
_WINDOW = 3.0
SMOOTHING = 0.155
#: The residual is kept on a coarser grid than the image's: as coarse as leaves this many of its
#: points between nearest atoms.
_PIXELS_BETWEEN = 6
#: Least number of windows that lie wholly inside the image; fewer do not show the crystal.
_MIN_WINDOWS = 8


class Residual(NamedTuple):
    """The image less the crystal, on a grid of every `step`-th pixel.

    Parameters
    ----------
    values : ndarray of shape (n_coarse_rows, n_coarse_cols), float64
        Smoothed intensity less that of the crystal; 0 where no window reaches.
    step : int
        Distance of grid points, in pixels.
    contrast : float
        Root of the mean square of what the crystal's windows have about their means: how large
        the residual would be if its atoms were elsewhere.
    smooth : ndarray of shape (n_coarse_rows, n_coarse_cols), float32 or float64
        The smoothed image itself.
    noise : ndarray of shape (n_coarse_rows, n_coarse_cols), float64
        Squares whose local mean is the variance of the noise in the smoothed image, if it is white.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.segmentation import AmorphousGMMSegmenter
    >>> scene = make_scene(shape=(192, 192), random_state=0)
    >>> segmenter = AmorphousGMMSegmenter(random_state=0)
    >>> segmenter = segmenter.fit(scene.image, positions=scene.positions)
    >>> residual = segmenter.residual(scene.image)
    >>> residual.step, residual.values.shape
    (2, (96, 96))
    """

    values: FloatArray
    step: int
    contrast: float
    smooth: NDArray[Any]
    noise: FloatArray


def crystal_residual(
    image: Image, positions: FloatArray, spacing: float, n_jobs: int | None = None
) -> Residual:
    """Compare each atom's surroundings with those of its own kind, and vote.

    Parameters
    ----------
    image : ndarray of shape (n_rows, n_cols), float32 or float64
        The image.
    positions : ndarray of shape (n_atoms, 2)
        Row and column of the atoms in pixels that have a say.
    spacing : float
        Median distance of an atom to its nearest neighbour, of all atoms, in pixels.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Returns
    -------
    residual : Residual

    Raises
    ------
    ValueError
        If too few atoms have their whole window inside the image.
    """
    step = max(1, int(spacing // _PIXELS_BETWEEN))
    smooth = ndimage.gaussian_filter(image, SMOOTHING * spacing)
    centres = _refined(smooth, positions) / step
    coarse = np.ascontiguousarray(smooth[::step, ::step])
    size = 2 * round(_WINDOW * spacing / step / 2) + 1
    if min(coarse.shape) < size:
        raise ValueError(_too_few(0, len(positions), size * step, image.shape))
    windows, kept = extract_patches(coarse, centres, size, border="reflect", n_jobs=n_jobs)
    windows = windows.reshape(len(windows), -1)
    frames = Frames.of(centres[kept], size, coarse.shape)
    n_whole = int(frames.is_whole.sum())
    if n_whole < _MIN_WINDOWS:
        raise ValueError(_too_few(n_whole, len(positions), size * step, image.shape))

    centred = windows - windows.mean(axis=1, keepdims=True)
    contrast = float(np.median(centred[frames.is_whole].std(axis=1)))
    if contrast <= 16 * np.finfo(np.float32).eps * float(np.abs(coarse).max()):
        raise ValueError(
            "windows about the atoms are constant, so there is no crystal to compare with; is the "
            "image constant?"
        )
    residuals = centred - own_kind(centred, frames)
    # By the median, which a damaged region does not move while it covers less than half a window.
    residuals -= _medians(residuals, frames)[:, None]
    # The share of its variance that a Gaussian leaves of white noise.
    left = min(1.0, 1 / (4 * math.pi * (SMOOTHING * spacing) ** 2))
    noise = left * noise_squares(image, step)
    return Residual(_vote(residuals, frames), step, contrast, coarse, noise)


def _too_few(n_whole: int, n_atoms: int, size: int, shape: tuple[int, ...]) -> str:
    return (
        f"{n_whole} of {n_atoms} atoms have a window of {size} px inside the image of shape "
        f"{tuple(shape)}; at least {_MIN_WINDOWS} are needed to know the crystal. Use a larger "
        "field, or a detector that finds the right atoms: windows are three times the distance "
        "of nearest atoms."
    )


def _refined(image: Image, positions: FloatArray) -> FloatArray:
    """Move positions to the nearby maximum, by a parabola along each axis."""
    last = np.array(image.shape) - 1
    places = np.clip(np.rint(positions).astype(np.intp), 0, last)
    padded = np.pad(image, 1, mode="edge")
    offsets = np.indices((3, 3)).reshape(2, 9)
    for _ in range(2):
        around = padded[places[:, :1] + offsets[0], places[:, 1:] + offsets[1]]
        best = around.argmax(axis=1)
        places = np.clip(places + offsets[:, best].T - 1, 0, last)
    around = padded[places[:, :1] + offsets[0], places[:, 1:] + offsets[1]].astype(np.float64)
    middle = around[:, 4]
    vertices = [
        parabola_vertex(around[:, before], middle, around[:, after])
        for before, after in ((1, 7), (3, 5))
    ]
    return np.asarray(places + np.clip(np.column_stack(vertices), -0.5, 0.5))


def _medians(residuals: NDArray[np.float32], frames: Frames) -> NDArray[np.float32]:
    """Median of what each window has inside the image."""
    middle = residuals.shape[1] // 2  # a window has an odd number of pixels
    medians = np.partition(residuals, middle, axis=1)[:, middle]
    seen = frames.cut_inside()
    # What is not seen comes last, and half of what is seen is counted from the first.
    ordered = np.sort(np.where(seen, residuals[~frames.is_whole], np.inf), axis=1)
    n_seen, each = seen.sum(axis=1), np.arange(len(seen))
    lower, upper = ordered[each, (n_seen - 1) // 2], ordered[each, n_seen // 2]
    medians[~frames.is_whole] = (lower + upper) / 2
    return medians


def _vote(values: NDArray[np.float32], frames: Frames) -> FloatArray:
    """Median of what the windows say of each pixel of the image; 0 where none reaches.

    Parameters
    ----------
    values : ndarray of shape (n_windows, size ** 2)
        Of each pixel of each window.
    frames : Frames
        Where the windows lie.

    Returns
    -------
    medians : ndarray of shape (n_rows, n_cols), float64
    """
    size = frames.size
    # With a margin as wide as a window, votes beyond the image need not be told apart.
    n_rows, n_cols = (n + 2 * size for n in frames.shape)
    first = frames.first + size
    offsets = np.arange(size)
    offsets = (offsets[:, None] * n_cols + offsets).ravel()
    corners = first[:, 0] * n_cols + first[:, 1]
    counts = _covering(first, size, (n_rows, n_cols)).ravel()
    ends = counts.cumsum()
    votes = np.empty(values.size, dtype=values.dtype)
    place = ends - counts  # where the next vote on each pixel is written
    for chosen in _apart(first, size):
        pixels = corners[chosen, None] + offsets
        places = place[pixels]
        votes[places] = values[chosen]
        place[pixels] = places + 1
    medians = np.zeros(counts.size)
    for n in np.unique(counts[counts > 0]):
        pixels = np.flatnonzero(counts == n)
        own = np.sort(votes[ends[pixels, None] - n + np.arange(n)], axis=1)
        medians[pixels] = (own[:, (n - 1) // 2].astype(np.float64) + own[:, n // 2]) / 2
    # Contiguous: joblib tells arrays apart by their layout, and gives back contiguous ones.
    return np.ascontiguousarray(medians.reshape(n_rows, n_cols)[size:-size, size:-size])


def _covering(first: NDArray[np.intp], size: int, shape: tuple[int, int]) -> NDArray[np.intp]:
    """How many windows cover each pixel."""
    steps = np.zeros((shape[0] + 1, shape[1] + 1), dtype=np.intp)
    for row, col, step in ((0, 0, 1), (0, size, -1), (size, 0, -1), (size, size, 1)):
        np.add.at(steps, (first[:, 0] + row, first[:, 1] + col), step)
    return np.asarray(steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1])


def _apart(first: NDArray[np.intp], size: int) -> Iterator[NDArray[np.intp]]:
    """Part windows into groups in which no two overlap.

    Windows that start in the same tile of the size of a window come into different groups, and so
    do those of tiles next to each other: tiles of a group are even, or odd, along each axis.
    """
    tiles = first // size
    parity = tiles % 2
    order = np.lexsort((tiles[:, 1], tiles[:, 0], parity[:, 1], parity[:, 0]))
    tiles, parity = tiles[order], parity[order]
    starts = np.flatnonzero(np.r_[True, (tiles[1:] != tiles[:-1]).any(axis=1)])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    groups = 2 * parity[:, 0] + parity[:, 1] + 4 * rank
    by_group = np.argsort(groups, kind="stable")
    bounds = np.flatnonzero(np.diff(groups[by_group])) + 1
    yield from np.split(order[by_group], bounds)
