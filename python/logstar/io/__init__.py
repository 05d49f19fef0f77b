"""Read micrographs with their calibration; write and read positions and masks.

tif, npy, png and other pictures are read as they are; all other formats need RosettaSciIO
(``pip install "logstar[io]"``).
"""

from ._atom_table import AtomTable
from ._listing import NOT_SQUARE, ImageEntry, list_images
from ._masks import read_mask, write_mask
from ._micrograph import Micrograph, read_image
from ._positions import read_positions, write_positions
from ._provenance import provenance
from ._readers import EXTENSIONS

__all__ = [
    "EXTENSIONS",
    "NOT_SQUARE",
    "AtomTable",
    "ImageEntry",
    "Micrograph",
    "list_images",
    "provenance",
    "read_image",
    "read_mask",
    "read_positions",
    "write_mask",
    "write_positions",
]
