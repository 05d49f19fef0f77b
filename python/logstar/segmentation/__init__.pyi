from ._kind_names import KINDS as KINDS
from ._patches import (
    AtomPatches as AtomPatches,
    Patches as Patches,
    extract_patches as extract_patches,
)
from ._regions import Region as Region
from ._residual import Residual as Residual
from ._segmenter import AmorphousGMMSegmenter as AmorphousGMMSegmenter
from ._types import AtomTypeGMM as AtomTypeGMM
