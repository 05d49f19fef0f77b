"""Micrographs: a simulated one and simulators, whose every atom is known; real ones to fetch.

`make_scene` simulates one crystal. `compose_scene` puts a scene together from pieces: grains,
single atoms, supports, contamination, a distorted scan. `make_typical_scene` has a collection of
what micrographs show, by name. `SimulatedColumn` is a microscope that is out of tune.
"""

from ._base import REGIONS, Scene
from ._column import SimulatedColumn
from ._composition import compose_scene
from ._fetched import RealMicrograph, fetch_gold_grain_boundary, fetch_mos2, fetch_pt_on_carbon
from ._grains import Dopant, Grain
from ._particles import decahedron
from ._plane import Region
from ._scan import ScanDistortion
from ._scene import make_scene
from ._simulated import load_ybco
from ._single_atoms import SingleAtoms
from ._surroundings import AmorphousSupport, Blob, Streaks
from ._typical import make_typical_scene, typical_scene_kinds

__all__ = [
    "REGIONS",
    "AmorphousSupport",
    "Blob",
    "Dopant",
    "Grain",
    "RealMicrograph",
    "Region",
    "ScanDistortion",
    "Scene",
    "SimulatedColumn",
    "SingleAtoms",
    "Streaks",
    "compose_scene",
    "decahedron",
    "fetch_gold_grain_boundary",
    "fetch_mos2",
    "fetch_pt_on_carbon",
    "load_ybco",
    "make_scene",
    "make_typical_scene",
    "typical_scene_kinds",
]
