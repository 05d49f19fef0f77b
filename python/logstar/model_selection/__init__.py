"""Search for the settings of any estimator over several scores at once."""

from . import protocols
from ._conformance import check_sweep
from ._optimizer import Optimizer, Trial
from ._progress import SearchProgress
from ._progress_bar import ProgressBar
from ._search import MOBOSearchCV
from ._search_surrogate import SearchSurrogate

__all__ = [
    "MOBOSearchCV",
    "Optimizer",
    "ProgressBar",
    "SearchProgress",
    "SearchSurrogate",
    "Trial",
    "check_sweep",
    "protocols",
]
