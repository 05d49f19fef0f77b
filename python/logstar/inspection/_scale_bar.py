"""A bar of known length on an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logstar.units import PixelSize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Share of the image's width that the bar covers at most.
_MAX_SHARE = 0.25
_THICKNESS = 0.01


def bar_length(n_cols: float, pixel_size: PixelSize | None) -> tuple[float, str]:
    """Choose a round length for a scale bar.

    Parameters
    ----------
    n_cols : float
        Width of what is drawn, in pixels.
    pixel_size : PixelSize or None
        Side of a pixel; None measures in pixels.

    Returns
    -------
    length : float
        In pixels: 1, 2 or 5 times a power of ten in nm, in Å where that is below 1 nm, or in
        pixels where their size is not known.
    label : str
        The length with its unit.
    """
    most = _MAX_SHARE * n_cols
    if pixel_size is None:
        rounded = _round_below(most)
        return rounded, f"{rounded:g} px"
    nanometers = pixel_size.to("nm").value
    shown, per_nanometer = ("nm", 1) if most * nanometers >= 1 else ("Å", 10)
    rounded = _round_below(most * nanometers * per_nanometer)
    return rounded / per_nanometer / nanometers, f"{rounded:g} {shown}"


def _round_below(most: float) -> float:
    """Greatest of 1, 2 and 5 times a power of ten that does not exceed a number."""
    most *= 1 + 1e-9  # a quarter of the image to the digit shall count
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most))


def draw_scale_bar(ax: Axes, n_cols: float, pixel_size: PixelSize | None) -> None:
    """Draw a scale bar into the lower left corner of axes that show `n_cols` columns of pixels."""
    # Only drawing pays for matplotlib.
    from mpl_toolkits.axes_grid1 import anchored_artists  # noqa: PLC0415

    length, label = bar_length(n_cols, pixel_size)
    bar = anchored_artists.AnchoredSizeBar(
        ax.transData,
        length,
        label,
        "lower left",
        pad=0.4,
        borderpad=0.5,
        sep=3,
        color="white",
        size_vertical=_THICKNESS * n_cols,
        fill_bar=True,
        label_top=True,
        fontproperties={"size": 9, "weight": "bold"},
    )
    # A dark ground keeps it legible on bright atoms.
    bar.patch.set(facecolor="black", edgecolor="none", alpha=0.65)
    bar.set_zorder(5)
    ax.add_artist(bar)
