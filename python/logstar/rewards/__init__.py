"""Rewards: what physics says about the outcome of an analysis.

A reward is a scikit-learn scorer, ``reward(estimator, X, y) -> float`` with greater values
better, so searches take it as `scoring`. Its `measure` gives the quantity itself, in its own sign.
For searches over several rewards it declares three things:

=====================  ==================================================================
``greater_is_better``  whether the quantity behind the score is to grow or to shrink
``ideal``              the value of the quantity that cannot be bettered
``scale``              one unit of it, by which distances from the ideal are measured
=====================  ==================================================================

Where the expected count is uncertain, `CountStability` tells equally good counts apart, and
`choose_stable` is the rule by which a search then chooses: `refit=choose_stable`.

Whether atoms that were found can be believed without knowing how many there must be, four rewards
of plausibility say, each blind to something that another sees; `quality_report` puts them together:

===============  =========================================  ==================================
reward           sees                                       does not see
===============  =========================================  ==================================
`ShortPairs`     atoms invented beside others               missing atoms; atoms in vacuum
`GapShare`       missing atoms                              atoms too many
`SpacingSpread`  disorder, mixtures of true and false       a regular lattice that is wrong
`OnLattice`      atoms off the lattice                      missing atoms; true interstitials
===============  =========================================  ==================================

Where there is no lattice, `Significance` ranks settings that meet a told count by the share of
their atoms that noise could explain.

Three rewards see images alone, so that a microscope can be tuned before atoms can be found:
`NormalizedVariance`, `FourierSharpness` and `ContrastToNoise`; see
`logstar.model_selection.Optimizer`.

References
----------
K. Barakati, H. Yuan, A. Goyal, S. V. Kalinin, Digital Discovery 2024, 3, 2061.
"""

from ._detections import ErrorRate, QualityCount, flag_errors
from ._image_quality import ContrastToNoise, FourierSharpness, NormalizedVariance
from ._plausibility import GapShare, OnLattice, ShortPairs, SpacingSpread
from ._quality import Place, QualityReport, quality_report
from ._regions import AmorphousArea, Compactness, DisorderSeparation, Perimeter
from ._significance import Significance
from ._stability import CountStability, StableChoice, choose_stable

__all__ = [
    "AmorphousArea",
    "Compactness",
    "ContrastToNoise",
    "CountStability",
    "DisorderSeparation",
    "ErrorRate",
    "FourierSharpness",
    "GapShare",
    "NormalizedVariance",
    "OnLattice",
    "Perimeter",
    "Place",
    "QualityCount",
    "QualityReport",
    "ShortPairs",
    "Significance",
    "SpacingSpread",
    "StableChoice",
    "choose_stable",
    "flag_errors",
    "quality_report",
]
