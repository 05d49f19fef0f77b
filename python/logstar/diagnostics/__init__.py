"""Whether atoms that were found can be believed, without knowing how many there must be.

Scorers beside QC and ER, each blind to something that another sees:

===============  =========================================  ==================================
scorer           sees                                       does not see
===============  =========================================  ==================================
`ShortPairs`     atoms invented beside others               missing atoms; atoms in vacuum
`GapShare`       missing atoms                              atoms too many
`SpacingSpread`  disorder, mixtures of true and false       a regular lattice that is wrong
`OnLattice`      atoms off the lattice                      missing atoms; true interstitials
===============  =========================================  ==================================

`quality_report` puts them together.
"""

from ._quality import Place, QualityReport, quality_report
from ._scorers import GapShare, OnLattice, ShortPairs, SpacingSpread

__all__ = [
    "GapShare",
    "OnLattice",
    "Place",
    "QualityReport",
    "ShortPairs",
    "SpacingSpread",
    "quality_report",
]
