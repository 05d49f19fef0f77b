"""Images that are drawn for a file, pixel by pixel.

Imports matplotlib, so it is imported by drawing functions only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray


class Picture(AxesImage):
    """Opaque colours, of which each pixel of a file shows the nearest.

    Matplotlib resamples colours as numbers of four bytes, weighted by how opaque they are, which
    takes longer than all the rest of a drawing.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    colors : ndarray of shape (n_rows, n_cols, 4), uint8
        Red, green, blue and 255 of each pixel.
    extent : tuple of float
        Left, right, bottom and top in data.
    """

    def __init__(
        self, ax: Axes, colors: NDArray[np.uint8], extent: tuple[float, float, float, float]
    ) -> None:
        super().__init__(ax, interpolation="nearest", extent=extent)
        self.set_data(colors)
        self._colors = colors

    def make_image(
        self, renderer: Any, magnification: float = 1.0, unsampled: bool = False
    ) -> tuple[Any, float, float, Any]:
        """Take the nearest of the colours for each pixel of the drawing.

        Matplotlib does it where the axes show another part of the image than all of it.
        """
        left, right, bottom, top = self.get_extent()
        corners = self.get_transform().transform([(left, bottom), (right, top)])
        whole = np.abs(corners - self.axes.bbox.get_points()).max() < 1
        if magnification != 1 or unsampled or not whole:
            return super().make_image(renderer, magnification, unsampled)
        (low_x, low_y), (high_x, high_y) = corners
        # The first row of what is drawn is the lowest.
        rows = _nearest(self._colors.shape[0], low_y, high_y)[::-1]
        cols = _nearest(self._colors.shape[1], low_x, high_x)
        pixels = self._colors.view(np.uint32)[..., 0]
        shown = pixels.take(rows, axis=0).take(cols, axis=1)
        return shown[..., np.newaxis].view(np.uint8), round(low_x), round(low_y), None


def _nearest(n: int, low: float, high: float) -> NDArray[np.intp]:
    """For each pixel of a drawing, the one of the image that its middle lies in.

    Parameters
    ----------
    n : int
        Pixels of the image.
    low, high : float
        Where they begin and end in the drawing.

    Returns
    -------
    nearest : ndarray of int
        For the pixels of the drawing from the one that begins next to `low`.
    """
    middles = np.arange(round(low), round(high)) + 0.5
    nearest: NDArray[np.intp] = ((middles - low) * (n / (high - low))).astype(np.intp)
    return nearest.clip(0, n - 1)


def add_picture(
    ax: Axes, colors: NDArray[np.uint8], extent: tuple[float, float, float, float]
) -> Picture:
    """Add opaque colours to axes, of which pixels are square."""
    picture = Picture(ax, colors, extent)
    ax.set_aspect("equal")
    ax.add_image(picture)
    picture.set_clip_path(ax.patch)
    return picture
