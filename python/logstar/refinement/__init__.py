"""Sub-pixel positions of atoms with their errors: Gaussian peaks fitted to the image.

=====================  =========================================================================
here                   symbol
=====================  =========================================================================
``amplitudes``         A, height of a peak above the background
``sigma``              s, standard deviation of a peak
``errors``             standard deviations of row, column and sigma
`cramer_rao_bound`     the least standard deviations that any unbiased method can have
=====================  =========================================================================
"""

from ._bound import cramer_rao_bound
from ._refinement import Refinement
from ._refiner import GaussianRefiner

__all__ = ["GaussianRefiner", "Refinement", "cramer_rao_bound"]
