"""Micrographs to try the plugin on, simulated, with the truth where it can be shown."""

from __future__ import annotations

import numpy as np

from logstar import AtomTable, Lattice
from logstar.datasets import Grain, Region, compose_scene, load_ybco, make_scene
from logstar.lattice import Column

from ._layers import LayerData, image, labels, points

#: Side of the polar scene in pixels, and displacement of its B columns, by cells: 16 pm.
_POLAR_SIDE, _POLAR_SHIFT = 320, 0.04


def ybco() -> list[LayerData]:
    """YBa2Cu3O7 along [100] at 20,000 electrons per square angstrom, simulated by multislice.

    Returns
    -------
    layers : list of tuple
        The image; to be found with the crystal YBa2Cu3O7.
    """
    scene = load_ybco(noisy=True)
    return [image(scene.image, name="YBa2Cu3O7", pixel_size=scene.pixel_size)]


def irradiated() -> list[LayerData]:
    """SrTiO3 with two amorphous pockets, and their true outlines.

    Returns
    -------
    layers : list of tuple
        The image, and labels that are hidden.
    """
    scene = make_scene(
        Lattice.perovskite(3.905, pixel_size=0.2),
        shape=(384, 384),
        amorphous_pockets=[(120, 130, 55), (270, 280, 40)],
        noise=0.08,
        random_state=0,
    )
    picture = image(scene.image, name="irradiated SrTiO3", pixel_size=scene.pixel_size)
    data, properties, kind = labels(
        np.asarray(scene.amorphous_mask), name="true damage", pixel_size=scene.pixel_size
    )
    return [picture, (data, {**properties, "visible": False}, kind)]


def polar() -> list[LayerData]:
    """A ferroelectric perovskite with two domains, whose B columns are displaced up and down.

    Returns
    -------
    layers : list of tuple
        The image, and the true columns as points that are hidden.
    """
    middle = _POLAR_SIDE / 2
    domains = [
        Grain(
            _displaced(shift),
            Region.half_plane((middle, middle), facing=facing),
            origin=(5.0, 5.0),
        )
        for shift, facing in ((-_POLAR_SHIFT, 180.0), (_POLAR_SHIFT, 0.0))
    ]
    scene = compose_scene(
        (_POLAR_SIDE, _POLAR_SIDE), domains, background=0.1, noise=0.03, random_state=0
    )
    size = scene.pixel_size
    row, col = scene.positions.T
    truth = AtomTable({"row": row, "col": col, "kind": scene.kinds}, pixel_size=size)
    data, properties, kind = points(truth, name="true columns", pixel_size=size)
    return [
        image(scene.image, name="polar perovskite", pixel_size=size),
        (data, {**properties, "visible": False}, kind),
    ]


def _displaced(shift: float) -> Lattice:
    """A cubic perovskite whose B columns are off the middle along the rows, by cells."""
    columns = [Column("A", "Ba", 0, 0), Column("B", "Ti", 0.5, 0.5 + shift)]
    return Lattice(4.0, 4.0, 90, columns=columns, pixel_size=0.2)
