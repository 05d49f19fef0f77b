from ._background import BackgroundSubtractor as BackgroundSubtractor
from ._gaussian import GaussianDenoiser as GaussianDenoiser
from ._local_contrast import LocalContrast as LocalContrast
from ._non_local_means import NonLocalMeansDenoiser as NonLocalMeansDenoiser
from ._patch_pca import PatchPCADenoiser as PatchPCADenoiser
from ._scan_distortion import ScanDistortionCorrector as ScanDistortionCorrector
from ._scan_lines import ScanLineCorrector as ScanLineCorrector
from ._wiener import WienerDenoiser as WienerDenoiser
