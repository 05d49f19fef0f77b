"""Names of what a place of an image can be."""

import numpy as np
from numpy.typing import NDArray

#: In the order of their numbers in a map.
KINDS = ("crystal", "other grain", "amorphous", "vacuum", "contamination")
CRYSTAL, OTHER_GRAIN, AMORPHOUS, VACUUM, CONTAMINATION = range(len(KINDS))


def is_amorphous(kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a map of kinds is amorphous."""
    mask: NDArray[np.bool_] = kinds == AMORPHOUS
    return mask
