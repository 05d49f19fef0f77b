"""Search for the settings of any estimator over several scores at once."""

from ._pareto import hypervolume, is_non_dominated
from ._progress import SearchProgress
from ._search import MOBOSearchCV

__all__ = ["MOBOSearchCV", "SearchProgress", "hypervolume", "is_non_dominated"]
