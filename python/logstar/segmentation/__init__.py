"""Where the crystal is damaged: windows centred on atoms, and types of atoms."""

from ._patches import AtomPatches, extract_patches

__all__ = ["AtomPatches", "extract_patches"]
