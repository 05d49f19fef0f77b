"""Find atoms by the Laplacian of Gaussian: the detector, its candidates, and workflows around it.

`blob_log` alone is a drop-in for scikit-image's function of that name.
"""

from ._atom_significance import atom_significance
from ._candidates import ParetoFront, ScaleSpaceCandidates
from ._criteria import CountCriterion, CrowdingCriterion, HasCriterion, StabilityCriterion
from ._detector import LoGStarDetector
from ._noise_tail import NoiseTail
from ._pipeline import DetectionPipeline
from ._plateaus import CountPlateaus
from ._significance import SignificanceMap, estimate_atom_size
from ._significance_detector import SignificanceDetector
from ._skimage import blob_log
from ._support import Support, atom_support

__all__ = [
    "CountCriterion",
    "CountPlateaus",
    "CrowdingCriterion",
    "DetectionPipeline",
    "HasCriterion",
    "LoGStarDetector",
    "NoiseTail",
    "ParetoFront",
    "ScaleSpaceCandidates",
    "SignificanceDetector",
    "SignificanceMap",
    "StabilityCriterion",
    "Support",
    "atom_significance",
    "atom_support",
    "blob_log",
    "estimate_atom_size",
]
