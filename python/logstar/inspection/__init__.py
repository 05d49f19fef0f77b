"""Displays of what was found and of how the search got there.

They follow scikit-learn's convention: `from_estimator` computes and draws, `plot` draws again, and
the drawn artists are attributes that end in an underscore. Only drawing imports matplotlib.
"""

from ._detections import DetectionDisplay
from ._pareto_front import ParetoFrontDisplay

__all__ = ["DetectionDisplay", "ParetoFrontDisplay"]
