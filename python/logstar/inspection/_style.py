"""Colours and helpers that the displays share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Red against cyan differs in lightness and along the axis of blue and yellow, which all common
# kinds of colour blindness keep.
ATOM = "#19c8ff"
FLAGGED = "#ff2a1f"
# Of the palette of Okabe and Ito.
FRONT = "#0072b2"
CHOSEN = "#d55e00"
EVALUATED = "#9a9a9a"


def axes_or_new(ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    """Return the axes to draw on; without any, those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing pays for it

    return plt.subplots(figsize=figsize, layout="constrained")[1]
