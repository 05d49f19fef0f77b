from . import (
    datasets as datasets,
    detection as detection,
    exceptions as exceptions,
    fields as fields,
    inspection as inspection,
    io as io,
    lattice as lattice,
    metrics as metrics,
    model_selection as model_selection,
    neighbors as neighbors,
    oracle as oracle,
    pareto as pareto,
    preprocessing as preprocessing,
    refinement as refinement,
    rewards as rewards,
    segmentation as segmentation,
    tuning as tuning,
    units as units,
)
from ._core import __version__ as __version__
from .detection import (
    DetectionPipeline as DetectionPipeline,
    LoGStarDetector as LoGStarDetector,
    ScaleSpaceCandidates as ScaleSpaceCandidates,
    blob_log as blob_log,
)
from .io import AtomTable as AtomTable
from .lattice import ImageLattice as ImageLattice, Lattice as Lattice
from .model_selection import MOBOSearchCV as MOBOSearchCV
from .segmentation import (
    AmorphousGMMSegmenter as AmorphousGMMSegmenter,
    AtomPatches as AtomPatches,
    AtomTypeGMM as AtomTypeGMM,
)
from .tuning import (
    AtomFinder as AtomFinder,
    find_atoms as find_atoms,
    make_logstar_workflow as make_logstar_workflow,
)
