"""Rewards: what physics says about the outcome of an analysis.

A reward is a scikit-learn scorer, ``reward(estimator, X, y) -> float`` with greater values
better, so searches take it as `scoring`. Its `measure` gives the quantity itself, in its own sign.
For searches over several rewards it declares three things:

=====================  ==================================================================
``greater_is_better``  whether the quantity behind the score is to grow or to shrink
``ideal``              the value of the quantity that cannot be bettered
``scale``              one unit of it, by which distances from the ideal are measured
=====================  ==================================================================

References
----------
K. Barakati, H. Yuan, A. Goyal, S. V. Kalinin, Digital Discovery 2024, 3, 2061.
"""

from ._detection import ErrorRate, QualityCount, flag_errors
from ._regions import AmorphousArea, Compactness, DisorderSeparation, Perimeter

__all__ = [
    "AmorphousArea",
    "Compactness",
    "DisorderSeparation",
    "ErrorRate",
    "Perimeter",
    "QualityCount",
    "flag_errors",
]
