"""Which reader reads which extension."""

from __future__ import annotations

#: RosettaSciIO's readers for each extension, tried in this order. What can hold spectra or curves
#: only is left out.
READERS = {
    ".dm3": ("digitalmicrograph",),
    ".dm4": ("digitalmicrograph",),
    ".ser": ("tia",),
    ".emi": ("tia",),
    ".emd": ("emd",),
    ".de5": ("emd",),
    ".hspy": ("hspy",),
    ".zspy": ("zspy",),
    # Many programs write .hdf5 and .h5, so the extension does not name one reader.
    ".hdf5": ("hspy", "emd", "usid", "delmic"),
    ".h5": ("hspy", "emd", "usid", "delmic", "arina", "tofwerk"),
    ".nxs": ("nexus",),
    ".nc": ("netcdf",),
    ".mrcz": ("mrcz",),
    ".bcf": ("bruker",),
    ".blo": ("blockfile",),
    ".mib": ("quantumdetector",),
    ".app5": ("topspin",),
    ".prz": ("pantarhei",),
    ".rpl": ("ripple",),
    ".unf": ("semper",),
    ".tvips": ("tvips",),
    ".sur": ("digitalsurf",),
    ".pro": ("digitalsurf",),
    ".img": ("jeol", "hamamatsu"),
    ".map": ("jeol",),
    ".asw": ("jeol",),
    ".elid": ("phenom",),
    ".xml": ("empad", "jobinyvon"),
    ".wdf": ("renishaw",),
    ".spd": ("edax",),
}
#: Extensions of pictures that Pillow reads.
PICTURES = (
    *(".png", ".bmp", ".dib", ".gif", ".jpg", ".jpeg", ".jpe"),
    *(".msp", ".pbm", ".pcx", ".pgm", ".ppm", ".spi", ".xbm"),
)
#: Readers of our own, tried before these.
OWN_READERS = {
    ".mrc": ("MRC",),
    ".ali": ("MRC",),
    ".emd": ("Velox",),
    ".tif": ("tiff",),
    ".tiff": ("tiff",),
    **dict.fromkeys(PICTURES, ("picture",)),
}
#: Extensions that `read_image` knows.
EXTENSIONS = tuple(dict.fromkeys((*READERS, *OWN_READERS, ".npy")))
