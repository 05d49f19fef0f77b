"""Micrographs: a simulated one and a simulator, whose every atom is known; real ones to fetch."""

from ._base import Scene
from ._fetched import RealMicrograph, fetch_gold_grain_boundary, fetch_mos2, fetch_pt_on_carbon
from ._scene import make_scene
from ._simulated import load_ybco

__all__ = [
    "RealMicrograph",
    "Scene",
    "fetch_gold_grain_boundary",
    "fetch_mos2",
    "fetch_pt_on_carbon",
    "load_ybco",
    "make_scene",
]
