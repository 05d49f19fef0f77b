"""Nanoparticles of several grains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from logstar.lattice import Column, Lattice
from logstar.units import PixelSize, convert_length

from ._grains import Grain
from ._plane import Region, as_point

_N_WEDGES = 5
_HALF_WEDGE = 180 / _N_WEDGES


def decahedron(
    a: float,
    pixel_size: PixelSize | str | float,
    center: Sequence[float],
    radius: float,
    *,
    rotation: float = 0.0,
    species: str = "Au",
    **parameters: Any,
) -> tuple[Grain, ...]:
    """A five-fold twinned particle of a face-centred cubic metal, seen along its axis [110].

    Five wedges share the column in the middle and meet at coherent {111} twin boundaries. The
    angle between these planes is 70.5 degrees and not 72: the lattice is stretched by 1.4 %
    along each and squeezed by 1.4 % across to close the gap, as in small particles.

    Parameters
    ----------
    a : float
        Edge of the cubic cell in angstrom.
    pixel_size : PixelSize, str or float
        Size of a pixel: "0.2 A", or a number in angstrom.
    center : tuple of two float
        Row and column of the axis, in pixels.
    radius : float
        Distance of the outer facets from the axis, in pixels.
    rotation : float, default=0.0
        Direction that the first wedge faces, in degrees counter-clockwise; 0 is to the right.
    species : str, default="Au"
        The element.
    **parameters : object
        Of each `Grain`, such as `taper` and `jitter`.

    Returns
    -------
    grains : tuple of five Grain
        For `compose_scene`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what it has to be.

    Examples
    --------
    >>> from logstar.datasets import compose_scene, decahedron
    >>> scene = compose_scene((200, 200), decahedron(4.08, 0.2, (100, 100), 70), random_state=0)
    >>> len(scene.grains), len(scene.positions)
    (5, 106)
    """
    size = PixelSize.of(pixel_size)
    edge = convert_length(a, "A", to=size.unit)
    middle = as_point(center, "center")
    # The diagonals of this cell, [001] by half [1-10], are the traces of the twin planes. It has
    # the area of the cubic crystal's.
    aspect = math.tan(math.radians(_HALF_WEDGE))
    along = edge * math.sqrt(math.sqrt(0.5) / aspect)
    columns = (Column(species, species, 0, 0), Column(species, species, 0.5, 0.5))
    lattice = Lattice(along, along * aspect, columns=columns, pixel_size=size)
    grains = []
    for i in range(_N_WEDGES):
        facing = rotation + 2 * _HALF_WEDGE * i
        wedge = (
            Region.half_plane(middle, facing + _HALF_WEDGE + 90)
            & Region.half_plane(middle, facing - _HALF_WEDGE - 90)
            & Region.facetted(middle, [radius], [facing])
        )
        grains.append(Grain(lattice, wedge, rotation=facing, origin=middle, **parameters))
    return tuple(grains)
