"""Bragg peaks of a crystal that the scan has bent: found after the image is straightened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ._bragg import BraggLattice, find_basis
from ._peaks import Pixels, find_peaks
from ._phases import bending, local_phases

#: Parts of the image in which the lattice is first sought, as shares of its rows and columns about
#: the middle. Drift goes on from row to row, so that in few rows it has bent less.
_PARTS = ((1.0, 1.0), (0.25, 1.0), (0.5, 0.5))
#: Smaller parts, in pixels, hold too few cells.
_LEAST_SIDE = 64
#: How often an image is straightened. Phases are averaged over a cell or two, which takes 14 % off
#: a swing of 170 px in a crystal with a cell of 20 px, and 46 % off one of 85 px; what is left of
#: it the next time sees.
N_ROUNDS = 3
#: If less of the peaks' power is explained after the first time, the image is not of one crystal.
_WORTH_GOING_ON = 0.85
#: Peaks of a crystal that was bent explain at least this share of the power once it is straight;
#: the best share of two grains or phases is that of one of them.
_LEAST_SHARE = 0.95
#: And the share that stays unexplained is at most this part of the one before.
_LEAST_GAIN = 0.5
#: Where the peaks have less than this share of their usual amplitude, the straightened image shows
#: another grain, or nothing; such places may be this share of the image.
_LEAST_AMPLITUDE, _MOST_UNSEEN = 0.4, 0.03
#: Of a point whose surroundings are in the image for the most part.
_TRUSTED = 0.5
#: A cell whose area differs by a larger factor is another one: two phases may have a common cell.
_SAME_AREA = 1.2
#: A crystal that is stretched or turned by more than this from pixel to pixel does not drift. Where
#: it changes fast, phases are noisy: 5 % of the pixels may exceed it.
_LARGEST_STRAIN, _STRAIN_PERCENTILE = 0.3, 95


class BentCrystal(NamedTuple):
    """A crystal that the scan has bent.

    Attributes
    ----------
    bragg : BraggLattice
        Peaks of the straightened image.
    straight : ndarray of shape (n_rows, n_cols), float32
        The straightened image. On the average over the image nothing has moved in it, and nothing
        is stretched or sheared.
    bend : ndarray of shape (2, n_rows, n_cols), float32
        What was added to row and column of each pixel of the bent image, in pixels.
    """

    bragg: BraggLattice
    straight: Pixels
    bend: NDArray[np.float32]


def find_bent(
    flat: Pixels, unexplained: float, mask: NDArray[np.bool_] | None = None
) -> BentCrystal | None:
    """Find the lattice of one crystal that is bent all over the image.

    The lattice is sought in parts of the image, which are bent less; the phases of two of its Bragg
    peaks are followed through the whole image, and what they tell of bending is taken out. The
    peaks of the straightened image are as sharp as those of a crystal that never was bent, or it
    was no such crystal.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image, columns bright.
    unexplained : float
        Share of the peaks' power that the best straight lattice leaves unexplained.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where in the image there is crystal.

    Returns
    -------
    crystal : BentCrystal or None
        None if no lattice explains the straightened image all over, and far better than the
        straight lattice explains the image as it is.
    """
    most = min(1 - _LEAST_SHARE, _LEAST_GAIN * unexplained)
    for part in _parts(flat):
        bragg = _basis(part)
        if bragg is None:
            continue
        area = abs(float(np.linalg.det(bragg.vectors)))
        bend = np.zeros((2, *flat.shape), dtype=np.float32)
        straight = flat
        for _ in range(N_ROUNDS):
            bend, straight = straightened_further(flat, bend, straight, bragg)
            found = _basis(straight)
            if found is None or found.share < _WORTH_GOING_ON:
                break
            bragg = found
        if found is None or 1 - found.share > most:
            continue
        ratio = abs(float(np.linalg.det(found.vectors))) / area
        if 1 / _SAME_AREA < ratio < _SAME_AREA and _is_everywhere(straight, found, bend, mask):
            return BentCrystal(found, straight, bend)
    return None


def _basis(flat: Pixels) -> BraggLattice | None:
    peaks = find_peaks(flat)
    return find_basis(peaks, flat.shape) if len(peaks.frequencies) > 2 else None


def _is_everywhere(
    straight: Pixels,
    bragg: BraggLattice,
    bend: NDArray[np.float32],
    mask: NDArray[np.bool_] | None,
) -> bool:
    """Whether a straightened image shows one lattice all over, and drift may have bent it."""
    distortion = local_phases(straight, bragg)
    # Towards the edges the smoothing has the less to average.
    trusted = distortion.trust > _TRUSTED
    where = np.ones(straight.shape, dtype=bool) if mask is None else mask
    rows, cols = np.rint(distortion.points()).astype(np.intp).T
    trusted &= where[rows, cols].reshape(trusted.shape)
    if not trusted.any():
        return False
    unseen = float(np.mean(distortion.amplitude[trusted] < _LEAST_AMPLITUDE))
    steps = [np.abs(np.gradient(bend, axis=axis)).max(axis=0)[where] for axis in (1, 2)]
    strain = max(float(np.percentile(step, _STRAIN_PERCENTILE)) for step in steps)
    return unseen <= _MOST_UNSEEN and strain <= _LARGEST_STRAIN


def straightened_further(
    flat: Pixels, bend: NDArray[np.float32], straight: Pixels, bragg: BraggLattice
) -> tuple[NDArray[np.float32], Pixels]:
    """Take out of an image what bending is left after a first attempt.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image.
    bend : ndarray of shape (2, n_rows, n_cols)
        What was added to row and column of each of its pixels.
    straight : ndarray of shape (n_rows, n_cols)
        What that gave.
    bragg : BraggLattice
        The lattice of that.

    Returns
    -------
    bend, straight : ndarray
        Better ones.
    """
    distortion = local_phases(straight, bragg)
    further = bending(bragg.vectors, distortion)
    bend = bend + np.array([distortion.at_pixels(axis, flat.shape) for axis in further])
    return bend, straightened(flat, bend)


def straightened(flat: Pixels, bend: NDArray[np.float32]) -> Pixels:
    """Show an image as it would be if its lattice were nowhere bent.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image.
    bend : ndarray of shape (2, n_rows, n_cols)
        What must be added to row and column of each pixel in the bent image.

    Returns
    -------
    straight : ndarray of shape (n_rows, n_cols), float32
        What has moved in from outside is 0, like the mean of a flattened image.
    """
    places = np.indices(flat.shape, dtype=np.float32)
    # The straight image shows at ``place + bend`` what the bent one shows at a place. The bend at
    # either end is nearly the same; a second look is off by the square of the strain.
    nearly = places - bend
    there = np.array(
        [ndimage.map_coordinates(axis, nearly, order=1, mode="nearest") for axis in bend]
    )
    return np.asarray(ndimage.map_coordinates(flat, places - there, order=3, mode="constant"))


def _parts(flat: Pixels) -> Iterator[Pixels]:
    for shares in _PARTS:
        sizes = [round(share * n) for share, n in zip(shares, flat.shape, strict=True)]
        if min(sizes) < _LEAST_SIDE and shares != _PARTS[0]:
            continue
        rows, cols = (
            slice((n - size) // 2, (n - size) // 2 + size)
            for n, size in zip(flat.shape, sizes, strict=True)
        )
        yield flat[rows, cols]
