from . import (
    datasets as datasets,
)
from . import (
    detection as detection,
)
from . import (
    inspection as inspection,
)
from . import (
    io as io,
)
from . import (
    lattice as lattice,
)
from . import (
    metrics as metrics,
)
from . import (
    model_selection as model_selection,
)
from . import (
    rewards as rewards,
)
from ._core import __version__ as __version__
from .detection import LoGStarDetector as LoGStarDetector
from .detection import blob_log as blob_log
from .lattice import Lattice as Lattice
from .model_selection import MOBOSearchCV as MOBOSearchCV
