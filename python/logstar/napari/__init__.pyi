from ._correct_panel import CorrectPanel as CorrectPanel
from ._damage_panel import DamagePanel as DamagePanel
from ._fields_panel import FieldsPanel as FieldsPanel
from ._find_panel import FindAtomsPanel as FindAtomsPanel
from ._front_panel import FrontPanel as FrontPanel
from ._viewer import add_finder as add_finder, atoms_of as atoms_of
