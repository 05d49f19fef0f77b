"""The plugin for napari: finding, choosing, correcting and mapping atoms in a viewer.

napari finds it by its manifest, ``napari.yaml``; what is here is for notebooks and scripts, and
needs the extra ``napari``.
"""

from typing import Any

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in {"napari", "qtpy"}:
            raise
        message = f'{__name__} needs {library}: pip install "logstar[napari]" "napari[all]"'
        raise ImportError(message, name=library) from None
