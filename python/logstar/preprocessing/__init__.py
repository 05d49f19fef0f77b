"""Image to image: what to do to a micrograph before atoms are sought in it.

The names are loaded when they are first used: finding atoms needs one of them at most, and a user
waits for it. ``__init__.pyi`` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
