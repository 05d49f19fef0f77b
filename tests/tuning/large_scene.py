"""A scene that tests of large images share; tiles and parts of it are small."""

from __future__ import annotations

from functools import cache

from logstar import Lattice
from logstar.datasets import make_scene

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.25)
SHAPE = (640, 700)
OPTIONS = {"lattice": CRYSTAL, "part_side": 160, "tile": 256}
WITHOUT = {**OPTIONS, "refine": None}


@cache
def large_scene():
    return make_scene(CRYSTAL, SHAPE, rotation=11, noise=0.2, random_state=0)
