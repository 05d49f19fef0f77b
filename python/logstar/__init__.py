"""Find every atom in an atomically resolved image, tuned by rewards that physics gives.

The public names are loaded when they are first used, so that ``import logstar`` costs next to
nothing; ``__init__.pyi`` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
