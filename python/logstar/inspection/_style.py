"""Colours and helpers that the displays share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

# Red and cyan differ in lightness, and along the axis from blue to yellow, which people with the
# common kinds of colour blindness see.
ATOM = "#19c8ff"
FLAGGED = "#ff2a1f"
# Yellow is told from both by its shape as well: crosses, not circles.
DISPUTED = "#ffe14d"
# Of the palette of Okabe and Ito.
FRONT = "#0072b2"
CHOSEN = "#d55e00"
EVALUATED = "#9a9a9a"
#: Colours of objectives that are drawn beside one another.
SERIES = (FRONT, "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
#: Values are drawn on a logarithmic axis if the largest exceeds this multiple of the least.
_WIDE = 30.0
#: An axis whose numbers are all below this is written in thousandths, or in millionths.
_SMALL = 0.02
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: An axis that spans less than this factor has ticks at 2 and 5 as well.
_FEW_DECADES = 1e4


def axes_or_new(ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    """Return the axes to draw on; without any, those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing pays for it

    return plt.subplots(figsize=figsize, layout="constrained")[1]


def figure_or_new(
    figure: Figure | SubFigure | None,
    figsize: tuple[float, float],
    layout: Literal["constrained"] | None = "constrained",
) -> Figure | SubFigure:
    """Return the figure to draw on; without any, a new one."""
    if figure is not None:
        return figure
    import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing pays for it

    return plt.figure(figsize=figsize, layout=layout)


def star(ax: Axes, point: ArrayLike, label: str, *, size: float) -> Line2D:
    """Mark the chosen point, `size` points wide, also where it lies on the frame."""
    x, y = np.asarray(point, dtype=float)
    (line,) = ax.plot(
        x,
        y,
        linestyle="",
        marker="*",
        ms=size,
        color=CHOSEN,
        mec="white",
        mew=0.8,
        zorder=4,
        clip_on=False,
        label=label,
    )
    return line


def tidy(ax: Axes) -> None:
    """Take away what draws the eye from the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(visible=True, color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)


def plain_log_axis(ax: Axes, low: float, high: float) -> None:
    """Make the horizontal axis logarithmic, with ticks at 1, 2 and 5 and their powers of ten.

    Matplotlib's own labels are powers of ten, of which a range of two decades shows two; and its
    ticks between them take a tenth of a second to make.
    """
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = (1, 2, 5) if high < _FEW_DECADES * low else (1,)
    ticks = [step * decade for decade in decades for step in steps if low <= step * decade <= high]
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)


def scale_small_numbers(axis: Axis, label: str) -> float:
    """Label an axis, and write its numbers in powers of a thousandth where they are small.

    Of an error rate of 0.00025 the zeros would take the room, on the axis and in a legend.

    Parameters
    ----------
    axis : matplotlib Axis
        With its limits set.
    label : str
        What it shows.

    Returns
    -------
    unit : float
        What the axis' numbers are multiples of: 1, 0.001, ...
    """
    largest = float(np.abs(axis.get_view_interval()).max())
    if not 0 < largest < _SMALL:
        axis.set_label_text(label)
        return 1.0
    power = 3 * int(np.floor(np.log10(largest) / 3))
    unit = 10.0**power
    axis.set_major_formatter(lambda value, _: f"{value / unit:g}")
    axis.set_label_text(f"{label} / 10{str(power).translate(_RAISED)}")
    return unit


def are_numbers(values: Iterable[Any]) -> bool:
    """Tell whether values belong on an axis of numbers rather than of categories."""
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def span_decades(values: Iterable[float]) -> bool:
    """Tell whether a logarithmic axis shows values better."""
    numbers = list(values)
    return min(numbers) > 0 and max(numbers) > _WIDE * min(numbers)


def legend_above(ax: Axes, **options: Any) -> Any:
    """Write the legend above the axes, where it hides nothing, in two columns from the left."""
    return ax.legend(
        **{
            "loc": "lower left",
            "bbox_to_anchor": (0.0, 1.0),
            "ncols": 2,
            "fontsize": "small",
            "columnspacing": 1.2,
            "handletextpad": 0.4,
            "frameon": False,
            "borderaxespad": 0.3,
        }
        | options
    )
