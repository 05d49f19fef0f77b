"""Figures for files: made without a window, written quickly."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Dots per inch of a file.
DPI = 150
#: Of zlib's levels 1 to 9. Pictures of atoms are noise, which higher levels do not make smaller.
_COMPRESSION = 1
_METERS_PER_INCH = 0.0254


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

    path = Path(path)
    canvas: Any = FigureCanvasAgg(figure)  # its methods have no types
    canvas.draw()
    path.write_bytes(as_png(np.asarray(canvas.buffer_rgba()), figure.dpi))
    return path


def as_png(colors: NDArray[np.uint8], dpi: float) -> bytes:
    """Encode a picture as PNG, without the channel that says that nothing is transparent.

    Libraries try five filters on each row, which suit photographs: pictures of atoms take half the
    time without, and are smaller by a few percent.

    Parameters
    ----------
    colors : ndarray of shape (n_rows, n_cols, 4), uint8
        Red, green and blue; the fourth channel is left out.
    dpi : float
        Pixels per inch that viewers are told.

    Returns
    -------
    data : bytes
        A whole file.
    """
    n_rows, n_cols = colors.shape[:2]
    # Each row begins with the number of its filter, of which 0 is none.
    rows = np.zeros((n_rows, 1 + 3 * n_cols), dtype=np.uint8)
    for channel in range(3):
        rows[:, 1 + channel :: 3] = colors[..., channel]
    per_meter = round(dpi / _METERS_PER_INCH)
    # Eight bits a channel, three channels, and the only methods that there are.
    header = struct.pack(">IIBBBBB", n_cols, n_rows, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"pHYs", struct.pack(">IIB", per_meter, per_meter, 1)),
            _chunk(b"IDAT", zlib.compress(rows.data, _COMPRESSION)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)))
