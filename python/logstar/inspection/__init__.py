"""Displays of what was found and of how the search got there.

They follow scikit-learn's convention: `from_estimator` computes and draws, `plot` draws again, and
the drawn artists are attributes that end in an underscore. Only drawing imports matplotlib.
"""

from ._amorphous_map import AmorphousMapDisplay
from ._detections import DetectionDisplay
from ._front_parameters import FrontParametersDisplay
from ._hypervolume import HypervolumeDisplay
from ._importance import ParameterImportanceDisplay
from ._pareto_front import ParetoFrontDisplay
from ._quality import QualityReportDisplay
from ._slices import SurrogateSliceDisplay

__all__ = [
    "AmorphousMapDisplay",
    "DetectionDisplay",
    "FrontParametersDisplay",
    "HypervolumeDisplay",
    "ParameterImportanceDisplay",
    "ParetoFrontDisplay",
    "QualityReportDisplay",
    "SurrogateSliceDisplay",
]
