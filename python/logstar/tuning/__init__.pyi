from ._choice import CountCurve as CountCurve, Plateau as Plateau
from ._evidence import Evidence as Evidence
from ._expectation import Expectation as Expectation
from ._find_atoms import find_atoms as find_atoms
from ._find_atoms_in_stack import find_atoms_in_stack as find_atoms_in_stack
from ._find_atoms_tiled import find_atoms_tiled as find_atoms_tiled
from ._finder import AtomFinder as AtomFinder
from ._frames import frames as frames
from ._live import LiveFinder as LiveFinder, LiveResult as LiveResult
from ._long_run import RunProgress as RunProgress
from ._report import Report as Report
from ._second_opinion import SecondOpinion as SecondOpinion
from ._segment_tiled import segment_tiled as segment_tiled
from ._stack_atoms import StackAtoms as StackAtoms
from ._tiled import detect_tiled as detect_tiled
from ._tiled_atoms import TiledAtoms as TiledAtoms
from ._tiled_damage import TiledDamage as TiledDamage
from ._verdict import Verdict as Verdict
from ._window_maps import WindowMaps as WindowMaps
from ._workflow import make_logstar_workflow as make_logstar_workflow
