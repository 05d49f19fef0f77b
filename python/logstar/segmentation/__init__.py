"""Where the crystal is damaged: windows centred on atoms, types of atoms, amorphous regions."""

from ._patches import AtomPatches, Patches, extract_patches
from ._regions import Region
from ._residual import Residual
from ._segmenter import AmorphousGMMSegmenter
from ._types import AtomTypeGMM

__all__ = [
    "AmorphousGMMSegmenter",
    "AtomPatches",
    "AtomTypeGMM",
    "Patches",
    "Region",
    "Residual",
    "extract_patches",
]
