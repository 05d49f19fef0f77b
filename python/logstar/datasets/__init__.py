"""Micrographs whose every atom is known: a simulated one, and a simulator."""

from ._base import Scene
from ._scene import make_scene
from ._simulated import load_ybco

__all__ = ["Scene", "load_ybco", "make_scene"]
