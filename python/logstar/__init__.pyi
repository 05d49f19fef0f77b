from . import (
    candidates as candidates,
    datasets as datasets,
    detection as detection,
    diagnostics as diagnostics,
    inspection as inspection,
    io as io,
    lattice as lattice,
    metrics as metrics,
    model_selection as model_selection,
    neighbors as neighbors,
    preprocessing as preprocessing,
    rewards as rewards,
    segmentation as segmentation,
    workflows as workflows,
)
from ._core import __version__ as __version__
from .candidates import ScaleSpaceCandidates as ScaleSpaceCandidates
from .detection import LoGStarDetector as LoGStarDetector, blob_log as blob_log
from .lattice import Lattice as Lattice
from .model_selection import MOBOSearchCV as MOBOSearchCV
from .segmentation import (
    AmorphousGMMSegmenter as AmorphousGMMSegmenter,
    AtomPatches as AtomPatches,
    AtomTypeGMM as AtomTypeGMM,
)
from .workflows import (
    DetectionPipeline as DetectionPipeline,
    make_logstar_workflow as make_logstar_workflow,
)
