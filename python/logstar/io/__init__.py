"""Read micrographs with their calibration; write positions.

dm3, dm4, ser, emd, hspy, hdf5 and mrc need RosettaSciIO (``pip install "logstar[io]"``); tif, png
and npy do not.
"""

from logstar._units import convert_length

from ._micrograph import Micrograph, read_image
from ._positions import write_positions
from ._readers import EXTENSIONS

__all__ = ["EXTENSIONS", "Micrograph", "convert_length", "read_image", "write_positions"]
