"""A bar of known length on an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logstar.units import convert_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Share of the image's width that the bar covers at most.
_MAX_SHARE = 0.25
_THICKNESS = 0.01


def bar_length(n_cols: int, pixel_size: float, unit: str) -> tuple[float, str]:
    """Choose a round length for a scale bar.

    Parameters
    ----------
    n_cols : int
        Width of the image in pixels.
    pixel_size : float
        Side of a pixel in `unit`.
    unit : str
        A unit of length.

    Returns
    -------
    length : float
        In pixels: 1, 2 or 5 times a power of ten in nm, or in Å where that is below 1 nm.
    label : str
        The length with its unit.
    """
    nanometers = convert_length(pixel_size, unit, to="nm")
    most = _MAX_SHARE * n_cols * nanometers
    shown, per_nanometer = ("nm", 1) if most >= 1 else ("Å", 10)
    most *= per_nanometer * (1 + 1e-9)  # a quarter of the image to the digit shall count
    power = 10.0 ** np.floor(np.log10(most))
    rounded = float(max(step * power for step in (1, 2, 5) if step * power <= most))
    return rounded / per_nanometer / nanometers, f"{rounded:g} {shown}"


def draw_scale_bar(ax: Axes, shape: tuple[int, int], pixel_size: float, unit: str) -> None:
    """Draw a scale bar into the lower left corner of an image's axes."""
    # Only drawing pays for matplotlib.
    from mpl_toolkits.axes_grid1 import anchored_artists  # noqa: PLC0415

    length, label = bar_length(shape[1], pixel_size, unit)
    bar = anchored_artists.AnchoredSizeBar(
        ax.transData,
        length,
        label,
        "lower left",
        pad=0.4,
        borderpad=0.5,
        sep=3,
        color="white",
        size_vertical=_THICKNESS * max(shape),
        fill_bar=True,
        label_top=True,
        fontproperties={"size": 9, "weight": "bold"},
    )
    # A dark ground keeps it legible on bright atoms.
    bar.patch.set(facecolor="black", edgecolor="none", alpha=0.65)
    bar.set_zorder(5)
    ax.add_artist(bar)
