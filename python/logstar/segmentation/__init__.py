"""Where the crystal is damaged: windows centred on atoms, and types of atoms."""

from ._patches import AtomPatches, Patches, extract_patches
from ._types import AtomTypeGMM

__all__ = ["AtomPatches", "AtomTypeGMM", "Patches", "extract_patches"]
