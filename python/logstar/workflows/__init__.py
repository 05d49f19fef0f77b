"""From a raw micrograph to atoms: preprocessing, detection and a test, as one estimator."""

from ._pipeline import DetectionPipeline
from ._ready_made import make_logstar_workflow
from ._support import Support, atom_support

__all__ = ["DetectionPipeline", "Support", "atom_support", "make_logstar_workflow"]
