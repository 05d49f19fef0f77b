"""Read micrographs with their calibration; write positions.

tif, npy, png and other pictures are read as they are; all other formats need RosettaSciIO
(``pip install "logstar[io]"``).
"""

from logstar._units import convert_length

from ._listing import ImageEntry, list_images
from ._micrograph import Micrograph, read_image
from ._positions import write_positions
from ._readers import EXTENSIONS

__all__ = [
    "EXTENSIONS",
    "ImageEntry",
    "Micrograph",
    "convert_length",
    "list_images",
    "read_image",
    "write_positions",
]
