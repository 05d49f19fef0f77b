"""Image to image: what to do to a micrograph before atoms are sought in it."""

from ._background import BackgroundSubtractor
from ._gaussian import GaussianDenoiser
from ._local_contrast import LocalContrast
from ._non_local_means import NonLocalMeansDenoiser
from ._patch_pca import PatchPCADenoiser
from ._scan_distortion import ScanDistortionCorrector
from ._scan_lines import ScanLineCorrector
from ._wiener import WienerDenoiser

__all__ = [
    "BackgroundSubtractor",
    "GaussianDenoiser",
    "LocalContrast",
    "NonLocalMeansDenoiser",
    "PatchPCADenoiser",
    "ScanDistortionCorrector",
    "ScanLineCorrector",
    "WienerDenoiser",
]
