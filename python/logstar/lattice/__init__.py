"""What a crystal says about an image: how many atoms, how far apart, how large.

A `Lattice` is the projected cell of a crystal with its visible columns, at a pixel size. It is
typed in, comes from a CIF, or from the image itself; then it is an `ImageLattice`, which knows
where its columns are. `LatticeIndexer` tells which site of it each atom is. From a lattice follow
the expected count and the distance sum of the rewards of Barakati et al. (Digital Discovery 2024,
3, 2061):

==========================  =======================
here                        in the paper
==========================  =======================
``n_expected``              N_physics (eq. 1 and 2)
``distance_sum_threshold``  DS (eq. 2)
==========================  =======================
"""

from ._columns import Column
from ._comparison import LatticeComparison
from ._counting import Count
from ._drift import DriftField
from ._drift_estimation import estimate_drift
from ._field import estimate_field
from ._grain_map import GrainBoundary, GrainMap
from ._grains import find_grains
from ._image_lattice import ImageLattice
from ._indexer import LatticeIndexer
from ._lattice import Lattice
from ._plane_group import PlaneGroup
from ._zone_axis import parse_zone_axis

__all__ = [
    "Column",
    "Count",
    "DriftField",
    "GrainBoundary",
    "GrainMap",
    "ImageLattice",
    "Lattice",
    "LatticeComparison",
    "LatticeIndexer",
    "PlaneGroup",
    "estimate_drift",
    "estimate_field",
    "find_grains",
    "parse_zone_axis",
]
