"""Where a large image shows its crystal, tile by tile, by what parts of it have taught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from logstar._validation import Image
from logstar.lattice import ImageLattice, Lattice, estimate_field

from ._field import field_above, level_of_columns, reach_of_field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._finder import AtomFinder


@dataclass(frozen=True)
class ShowsCrystal:
    """Tells where atoms can be in a tile; the same wherever tiles end.

    Parameters
    ----------
    lattice : Lattice
        The crystal, from which the distances of columns are taken.
    level : float
        Least response of a column, in the image's intensities.
    polarity : {"bright", "dark"}
        Whether columns are brighter or darker than their surroundings.
    """

    lattice: Lattice
    level: float
    polarity: Literal["bright", "dark"]

    @classmethod
    def of(cls, finders: Sequence[AtomFinder], empty: Sequence[Image]) -> Self | None:
        """Learn it of parts of an image.

        Parameters
        ----------
        finders : sequence of AtomFinder
            Each fitted to a part that shows the crystal.
        empty : sequence of ndarray
            Parts that do not.

        Returns
        -------
        shows : ShowsCrystal or None
            None where no part tells columns from noise.
        """
        learnt = [(finder, _level(finder, empty)) for finder in finders]
        known = [(finder, level) for finder, level in learnt if level is not None]
        if not known:
            return None
        # What the crystal stands on is known where a part shows it: there the level is higher.
        finder, level = max(known, key=lambda one: one[1])
        lattice = _lattice(finder)
        return None if lattice is None else cls(lattice, level, finder.polarity)

    @property
    def reach(self) -> int:  # numpydoc ignore=RT01
        """How much of its surroundings a tile has to bring, in pixels."""
        return reach_of_field(self.lattice)

    def in_tile(self, pixels: Image) -> NDArray[np.bool_]:
        """Tell where atoms can be."""
        return field_above(pixels, self.lattice, self.level, polarity=self.polarity)


def _lattice(finder: AtomFinder) -> Lattice | None:
    expected = finder.expectation_
    own = expected.image_lattice if expected.grains is None else None
    lattice = expected.lattice if own is None else own
    lattice = expected.image_lattice if lattice is None else lattice
    # Of an overlapping motif, maxima of brightness are what is seen.
    return lattice.resolved() if isinstance(lattice, ImageLattice) else lattice


def _level(finder: AtomFinder, empty: Sequence[Image]) -> float | None:
    lattice, expected = _lattice(finder), finder.expectation_
    if lattice is None:
        return None
    core = None
    if isinstance(expected.image_lattice, ImageLattice) and expected.grains is None:
        core = estimate_field(finder.image_, expected.image_lattice, polarity=finder.polarity)
    return level_of_columns(
        finder.image_, lattice, core=core, polarity=finder.polarity, empty=empty
    )
