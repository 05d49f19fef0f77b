"""Find atoms by the Laplacian of Gaussian: the detector, its candidates, and workflows around it.

`blob_log` alone is a drop-in for scikit-image's function of that name.
"""

from ._candidates import ParetoFront, ScaleSpaceCandidates
from ._criteria import CountCriterion, CrowdingCriterion, HasCriterion, StabilityCriterion
from ._detector import LoGStarDetector
from ._pipeline import DetectionPipeline
from ._plateaus import CountPlateaus
from ._skimage import blob_log
from ._support import Support, atom_support

__all__ = [
    "CountCriterion",
    "CountPlateaus",
    "CrowdingCriterion",
    "DetectionPipeline",
    "HasCriterion",
    "LoGStarDetector",
    "ParetoFront",
    "ScaleSpaceCandidates",
    "StabilityCriterion",
    "Support",
    "atom_support",
    "blob_log",
]
