from ._find_panel import FindAtomsPanel as FindAtomsPanel
from ._viewer import add_finder as add_finder, atoms_of as atoms_of
