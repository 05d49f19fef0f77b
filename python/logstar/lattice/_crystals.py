"""Crystals along a zone axis, in angstrom, before any pixel size is chosen."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ._cif import read_cif
from ._columns import Column
from ._projection import project
from ._zone_axis import ZoneAxis


class Crystal(NamedTuple):
    """The projected cell of a crystal.

    Attributes
    ----------
    a, b : float
        Lengths of its edges in angstrom.
    angle : float
        Angle between them in degrees.
    columns : tuple of Column
        The columns that the detector shows.
    """

    a: float
    b: float
    angle: float
    columns: tuple[Column, ...]


#: P. Schweiss et al., Phys. Rev. B 49, 1387 (1994).
YBCO_100 = Crystal(
    3.885,
    11.680,
    90.0,
    (
        Column("Y", "Y", 0.5, 0.5),
        Column("Ba", "Ba", 0.5, 0.1842),
        Column("Ba", "Ba", 0.5, 0.8158),
        Column("Cu1", "Cu", 0.0, 0.0),
        Column("Cu2", "Cu", 0.0, 0.3551),
        Column("Cu2", "Cu", 0.0, 0.6449),
    ),
)


def perovskite_001(a: float, a_site: str, b_site: str) -> Crystal:
    """A cubic perovskite: A at the corners, B with oxygen in the middle."""
    return Crystal(a, a, 90.0, (Column("A", a_site, 0, 0), Column("B", b_site, 0.5, 0.5)))


def crystal_of_cif(
    path: str | os.PathLike[str],
    zone_axis: ZoneAxis,
    visible: float | Iterable[str] | None,
    exponent: float,
) -> Crystal:
    """Project the crystal of a CIF; `Lattice.from_cif` documents the parameters."""
    edges, columns = project(*read_cif(path), zone_axis, visible, exponent)
    a, b = (float(length) for length in np.linalg.norm(edges, axis=1))
    angle = math.degrees(math.acos(float(edges[0] @ edges[1]) / (a * b)))
    # 12 digits drop the rounding of the arc cosine: 90 degrees are 90.
    return Crystal(a, b, float(f"{angle:.12g}"), columns)
