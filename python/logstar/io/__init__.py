"""Read micrographs with their calibration; write and read positions and masks.

tif, npy, png and other pictures are read as they are; all other formats need RosettaSciIO
(``pip install "logstar[io]"``).

The names are loaded when they are first used: the process that reads files imports from here as
well, and a user waits for it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
