"""The lattice that an image shows, found without knowing the crystal."""

from __future__ import annotations

import math
from string import ascii_uppercase
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar._runtime import one_blas_thread
from logstar._validation import FloatArray
from logstar.exceptions import NotOneLatticeError

from ._bragg import BraggLattice, find_basis
from ._columns import Column
from ._domains import shows_domains
from ._drift import DriftField
from ._faint import find_faint
from ._mean_cell import mean_cell
from ._peaks import Flattened, Pixels
from ._phases import bending, local_phases, straighten
from ._straightening import find_bent

#: Smaller images, in pixels, hold no Bragg peaks.
_LEAST_SIDE = 32
#: Where a lattice explains less of the Bragg peaks' power, drift may have smeared them. Sharp peaks
#: of one crystal are explained to 0.995 and more.
_SHARP = 0.98
#: Peaks with less, as a logarithm of odds, may fit a lattice by chance.
_LEAST_ODDS = 3.0
#: The lattice that twins have in common has three columns or more; of cells with fewer it need not
#: be asked whether all of the image shows the same peaks.
_LEAST_SHARED = 3
#: Where it does not, the confidence is lowered by this factor: below what one crystal has, and
#: above what is no lattice.
_IN_DOMAINS = 0.95


class FoundLattice(NamedTuple):
    """A lattice with its place in an image.

    Attributes
    ----------
    vectors : ndarray of shape (2, 2)
        Edges of the cell as rows (row, col), in pixels.
    columns : tuple of Column
        The brightest first; it makes the corner of the cell.
    origin : tuple of two float
        Row and column of the corner that is nearest to the middle of the image; where it is bent,
        of the straightened image.
    bragg : BraggLattice
        The peaks that it explains.
    maxima : tuple of tuple of two float
        Fractional coordinates of what shows, where columns are hidden beside others; else empty.
    drift : DriftField or None
        How the image is bent; None unless it had to be straightened for its lattice to be seen.
    in_domains : bool
        Whether parts of the image show different peaks of it, as twins do.
    is_faint : bool
        Whether its peaks stand out of noise together only.
    """

    vectors: FloatArray
    columns: tuple[Column, ...]
    origin: tuple[float, float]
    bragg: BraggLattice
    maxima: tuple[tuple[float, float], ...] = ()
    drift: DriftField | None = None
    in_domains: bool = False
    is_faint: bool = False

    @property
    def by_chance(self) -> float:
        """How probable it is that peaks anywhere fit some lattice as well."""
        return math.exp(-max(self.bragg.odds, 0.0))

    @property
    def confidence(self) -> float:
        """Share of the peaks' power that it explains, less where chance might explain as much."""
        everywhere = _IN_DOMAINS if self.in_domains else 1.0
        return float(self.bragg.share * (1 - self.by_chance) * everywhere)

    def doubts(self, least: float) -> str:
        """Say why the confidence is below the least one."""
        if self.bragg.share < least:
            return (
                f"not one lattice: the strongest explains {self.bragg.share:.0%} of the Bragg "
                "peaks' power, the rest belongs to another grain or phase, or to a strong "
                "distortion. Give a mask of one grain, or crop."
            )
        return (
            f"no lattice: the {len(self.bragg.indices)} Bragg peaks that fit one may do so by "
            f"chance ({self.by_chance:.0%})."
        )


@one_blas_thread()
def find_lattice(image: Flattened, *, faint: bool = False) -> FoundLattice:
    """Find the strongest lattice of an image, however weak it is.

    Parameters
    ----------
    image : Flattened
        The image, its columns bright; what is outside of its mask is not looked at.
    faint : bool, default=False
        Whether to look for a lattice by all its peaks together, where single ones do not tell.

    Returns
    -------
    found : FoundLattice

    Raises
    ------
    NotOneLatticeError
        If there is none at all.
    """
    shape, mask = image.image.shape, image.mask
    if min(shape) < _LEAST_SIDE:
        raise NotOneLatticeError(
            f"no lattice: an image of {shape[0]} x {shape[1]} px is too small to "
            f"tell, {_LEAST_SIDE} px each way are needed."
        )
    flat = image.flat
    peaks = image.peaks if image.has_contrast else None
    bragg = None
    if peaks is not None and len(peaks.frequencies) > 2:
        bragg = find_basis(peaks, shape)
    if faint and (bragg is None or bragg.odds < _LEAST_ODDS):
        weak = find_faint(flat) if image.has_contrast else None
        if weak is not None:
            return place_lattice(flat, weak, mask)._replace(is_faint=True)
    if bragg is not None and bragg.share < _SHARP:
        crystal = find_bent(flat, 1 - bragg.share, mask)
        if crystal is not None:
            return place_lattice(crystal.straight, crystal.bragg, mask, crystal.bend)
    if bragg is None:
        n = 0 if peaks is None else len(peaks.frequencies)
        raise NotOneLatticeError(
            f"no lattice: {n} Bragg peaks stand out of the image's spectrum, and they span no "
            "lattice."
        )
    found = place_lattice(flat, bragg, mask)
    if len(found.columns) < _LEAST_SHARED:
        return found
    return found._replace(in_domains=shows_domains(flat, bragg))


def place_lattice(
    flat: Pixels,
    bragg: BraggLattice,
    mask: NDArray[np.bool_] | None = None,
    bend: NDArray[np.float32] | None = None,
) -> FoundLattice:
    """Find the columns and the place of a lattice whose Bragg peaks are known.

    Parameters
    ----------
    flat : ndarray of shape (n_rows, n_cols)
        The flattened image.
    bragg : BraggLattice
        The lattice.
    mask : ndarray of shape (n_rows, n_cols), bool, default=None
        Where in the image there is crystal.
    bend : ndarray of shape (2, n_rows, n_cols), default=None
        By how much `flat` was straightened before, at each pixel.

    Returns
    -------
    found : FoundLattice
    """
    distortion = local_phases(flat, bragg)
    cell = mean_cell(flat, bragg.vectors, distortion, mask)
    vectors, corner = straighten(bragg.vectors, distortion)
    places = np.round((cell.places - cell.places[0]) % 1.0, 6) % 1.0
    columns = tuple(
        Column(_name(i), "X", float(u), float(v), weight=float(height))
        for i, ((u, v), height) in enumerate(zip(places, cell.heights, strict=True))
    )
    origin = _nearest_to_the_middle((cell.places[0] - corner) @ vectors, vectors, flat.shape)
    maxima: tuple[tuple[float, float], ...] = ()
    if cell.maxima is not None:
        maxima = tuple((float(u), float(v)) for u, v in (cell.maxima - cell.places[0]) % 1.0)
    drift = None
    if bend is not None:
        points = distortion.points()
        rows, cols = np.rint(points).astype(np.intp).T
        left = bending(bragg.vectors, distortion)
        steps = left + bend[:, rows, cols].reshape(left.shape)
        row, col = points[0].tolist()
        drift = DriftField(steps, distortion.spacing, (row, col))
    return FoundLattice(vectors, columns, origin, bragg, maxima, drift)


def _nearest_to_the_middle(
    origin: FloatArray, vectors: FloatArray, shape: tuple[int, ...]
) -> tuple[float, float]:
    middle = (np.array(shape) - 1) / 2
    steps = np.round((middle - origin) @ np.linalg.inv(vectors))
    row, col = origin + steps @ vectors
    return float(row), float(col)


def _name(index: int) -> str:
    """Name a kind of column: A to Z, then A1 to Z1 and so on."""
    turn, letter = divmod(index, len(ascii_uppercase))
    return ascii_uppercase[letter] + (str(turn) if turn else "")
