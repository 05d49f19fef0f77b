"""Figures for files: made without a window, written quickly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Dots per inch of a file.
DPI = 150
#: Of zlib's levels 1 to 9. Pictures of atoms are noise, which higher levels do not make smaller;
#: at 6, Pillow's own, compressing takes half as long again.
_COMPRESSION = 1


def new_figure(width: float, height: float) -> Figure:
    """Make a figure without pyplot: it needs no display and leaves no global state.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    figure : matplotlib Figure
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - only drawing pays for it

    return Figure(figsize=(width, height), dpi=DPI)


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure of `new_figure` to a PNG file, laid out as it is.

    Parameters
    ----------
    figure : matplotlib Figure
        What to write; its ground is opaque.
    path : str or Path
        Where to.

    Returns
    -------
    path : Path
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - as above
    from PIL import Image  # noqa: PLC0415

    path = Path(path)
    canvas: Any = FigureCanvasAgg(figure)  # its methods have no types
    canvas.draw()
    # Not by `savefig`, which writes a fourth channel that says that nothing is transparent.
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.save(path, "png", compress_level=_COMPRESSION, dpi=(figure.dpi, figure.dpi))
    return path
