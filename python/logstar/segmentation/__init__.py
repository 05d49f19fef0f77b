"""Where the crystal is damaged: windows centred on atoms, types of atoms, amorphous regions.

The public names are loaded when they are first used: the rewards of masks need the geometry of
regions alone, and mixtures and convolutions take a sixth of a second to import. ``__init__.pyi``
lists the names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
