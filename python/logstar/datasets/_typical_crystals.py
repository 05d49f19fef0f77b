"""Crystals that microscopists look at often, as their columns are seen in HAADF."""

from __future__ import annotations

import math

from logstar.lattice import Column, Lattice
from logstar.lattice._elements import Z_EXPONENT, atomic_number


def gold_110(pixel_size: float) -> Lattice:
    """A face-centred cubic metal along [110]: `a` along [001], `b` along [1-10]."""
    columns = (Column("Au", "Au", 0, 0), Column("Au", "Au", 0.5, 0.5))
    return Lattice(4.08, 4.08 / math.sqrt(2), columns=columns, pixel_size=pixel_size)


def gold_111(pixel_size: float) -> Lattice:
    """The surface (111) of gold: hexagonal."""
    return Lattice(2.88, 2.88, 120, columns=(Column("Au", "Au", 0, 0),), pixel_size=pixel_size)


def zinc_blende_110(a: float, cation: str, anion: str, pixel_size: float) -> Lattice:
    """Dumbbells: zinc blende (or diamond) along [110], the two columns a quarter of `a` apart."""
    columns = [
        Column(kind, species, u + shift, u)
        for u in (0.0, 0.5)
        for kind, species, shift in ((f"{cation}_1", cation, 0.0), (f"{anion}_2", anion, 0.25))
    ]
    return Lattice(a, a / math.sqrt(2), columns=columns, pixel_size=pixel_size)


def mos2(pixel_size: float, *, metal: str = "Mo", chalcogen: str = "S") -> Lattice:
    """A monolayer of a transition metal dichalcogenide seen from above."""
    columns = (Column(metal, metal, 1 / 3, 2 / 3), Column(f"{chalcogen}2", chalcogen, 2 / 3, 1 / 3))
    return Lattice(3.16, 3.16, 120, columns=columns, pixel_size=pixel_size)


def chalcogen_height(metal: str = "Mo", chalcogen: str = "S") -> float:
    """Height of two chalcogen atoms, one upon the other, by that of the metal."""
    ratio: float = 2 * (atomic_number(chalcogen) / atomic_number(metal)) ** Z_EXPONENT
    return ratio
