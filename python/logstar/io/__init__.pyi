from ._atom_table import AtomTable as AtomTable
from ._formats import EXTENSIONS as EXTENSIONS
from ._lazy_image import LazyImage as LazyImage, open_image as open_image
from ._listing import (
    NOT_SQUARE as NOT_SQUARE,
    ImageEntry as ImageEntry,
    list_images as list_images,
)
from ._masks import read_mask as read_mask, write_mask as write_mask
from ._micrograph import Micrograph as Micrograph, read_image as read_image
from ._positions import read_positions as read_positions, write_positions as write_positions
from ._provenance import provenance as provenance
from ._stack import ImageStack as ImageStack, open_stack as open_stack
