"""The lattice that an image shows, everywhere or within a mask, by itself and beside a crystal."""

from __future__ import annotations

import dataclasses
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logstar.exceptions import NotOneLatticeError
from logstar.lattice import ImageLattice, Lattice, LatticeComparison
from logstar.lattice._image_lattice import lattice_of
from logstar.lattice._peaks import Flattened

from ._slips import is_confirmed, match


def lattice_within(
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
    *,
    faint: bool = False,
    flattened: Flattened | None = None,
) -> ImageLattice:
    """Find the lattice within a mask, in the coordinates of the whole image.

    What is flattened already is the whole image, its columns bright.
    """
    if mask is None and flattened is not None:
        return lattice_of(flattened, faint=faint)
    if mask is None:
        return ImageLattice.from_image(pixels, polarity=polarity, faint=faint)
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    window = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    # A rectangle needs no mask, which would be filled with zeros in the Fourier transform.
    inner = None if mask[window].all() else mask[window]
    seen = ImageLattice.from_image(pixels[window], polarity=polarity, mask=inner, faint=faint)
    row, col = seen.origin
    first_row, first_col = float(rows[0]), float(cols[0])
    return dataclasses.replace(
        seen,
        drift=None if seen.drift is None else seen.drift.moved(first_row, first_col),
        origin=(row + first_row, col + first_col),
        shape=(pixels.shape[0], pixels.shape[1]),
        mask=mask,
    )


def faint_lattice_within(
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
    flattened: Flattened | None = None,
) -> ImageLattice | None:
    """Find a lattice by all its peaks together; None if noise might have as much."""
    try:
        return lattice_within(pixels, polarity, mask, faint=True, flattened=flattened)
    except NotOneLatticeError:
        return None


class Compared(NamedTuple):
    """What an image shows beside a crystal, or why it shows nothing."""

    seen: ImageLattice | None
    comparison: LatticeComparison | None
    unknown: str | None = None
    is_faint: bool = False


def compare_with_image(
    crystal: Lattice,
    pixels: NDArray[np.floating],
    polarity: Literal["bright", "dark"],
    mask: NDArray[np.bool_] | None,
    *,
    faint: bool,
    flattened: Flattened | None = None,
) -> Compared:
    """Compare a crystal with the lattice of an image."""
    try:
        seen = lattice_within(pixels, polarity, mask, flattened=flattened)
        return Compared(*match(crystal, seen))
    except NotOneLatticeError as error:
        unknown = f"not confirmed by the image, which shows {error}"
    weak = faint_lattice_within(pixels, polarity, mask, flattened) if faint else None
    if weak is not None:
        weak, comparison = match(crystal, weak)
        # So few peaks may confirm a crystal, but do not tell that it is another one.
        if is_confirmed(comparison):
            return Compared(weak, comparison, is_faint=True)
    return Compared(None, None, unknown)
