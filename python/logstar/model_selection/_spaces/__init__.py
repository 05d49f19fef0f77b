"""Search spaces: what users write, as plain dimensions that no engine owns."""

from ._dimensions import Choice, Dimension, Integer, Point, Real
from ._domains import as_dimension
from ._space import SearchSpace

__all__ = ["Choice", "Dimension", "Integer", "Point", "Real", "SearchSpace", "as_dimension"]
