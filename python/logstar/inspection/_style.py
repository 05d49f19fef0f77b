"""Colours and helpers that the displays share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

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
#: Objectives beside one another.
SERIES = (FRONT, "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
#: Values that span more than so many times the least are drawn on a logarithmic axis.
_WIDE = 30.0


def axes_or_new(ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    """Return the axes to draw on; without any, those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing pays for it

    return plt.subplots(figsize=figsize, layout="constrained")[1]


def tidy(ax: Axes) -> None:
    """Take away what draws the eye from the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(visible=True, color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)


def are_numbers(values: Iterable[Any]) -> bool:
    """Tell whether values belong on an axis of numbers, not of categories."""
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def span_decades(values: Iterable[float]) -> bool:
    """Tell whether a logarithmic axis shows values better."""
    numbers = list(values)
    return min(numbers) > 0 and max(numbers) > _WIDE * min(numbers)
