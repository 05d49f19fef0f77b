"""From the atoms of frames to trajectories, and how far frames have drifted.

Columns have the names of trackpy: ``frame``, ``particle``, ``x`` (columns) and ``y`` (rows), so its
functions take these tables as their own.
"""

from ._drift import drift_of_atoms, drift_of_images
from ._linking import Trajectories, link_atoms

__all__ = ["Trajectories", "drift_of_atoms", "drift_of_images", "link_atoms"]
