"""Optimisers of several losses, behind one small protocol.

An engine deals in points of a `SearchSpace` and in losses, which are to be small. It is asked for
points and told their losses, None for a failure. It knows nothing of estimators and scores.
"""

from ._base import Engine
from ._registry import ENGINES, make_engine

__all__ = ["ENGINES", "Engine", "make_engine"]
