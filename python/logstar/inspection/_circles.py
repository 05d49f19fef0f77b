"""Circles of a radius in pixels of the image, drawn as markers.

Imports matplotlib, so it is imported by drawing functions only.
"""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from logstar._validation import FloatArray

_POINTS_PER_INCH = 72


class Circles(Line2D):
    """Open circles whose radius follows the axes when these are zoomed or resized.

    A collection of ellipses would do the same, but draws each one as a curve of its own; the one
    marker of a line is drawn once and copied, ten times as fast.

    Parameters
    ----------
    ax : matplotlib Axes
        Whose pixels `radius` is measured in.
    positions : ndarray of shape (n, 2)
        Row and column of the middles.
    radius : float
        In pixels of the image.
    color : str
        Colour of the edges.
    linewidth : float
        Width of the edges in points.
    """

    def __init__(
        self, ax: Axes, positions: FloatArray, radius: float, color: str, linewidth: float
    ) -> None:
        super().__init__(
            positions[:, 1],
            positions[:, 0],
            linestyle="",
            marker="o",
            markerfacecolor="none",
            markeredgecolor=color,
            markeredgewidth=linewidth,
        )
        self.radius = radius
        self._owner = ax

    def draw(self, renderer: Any) -> None:
        """Draw, with markers of the size that the axes have now."""
        matrix = self._owner.transData.get_matrix()
        diameter = 2 * self.radius * abs(float(matrix[0, 0]))
        self.set_markersize(diameter * _POINTS_PER_INCH / self._owner.figure.dpi)
        super().draw(renderer)


def draw_circles(
    ax: Axes, positions: FloatArray, radius: float, color: str, linewidth: float
) -> Circles:
    """Draw circles around positions (row, col); the view stays as it is."""
    circles = Circles(ax, positions, radius, color, linewidth)
    # Not by `add_line`, which would widen the view to hold the atoms at the edge.
    ax.add_artist(circles)
    return circles
