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
#: Size of the letters.
_POINTS = 9


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
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415
    from matplotlib.offsetbox import (  # noqa: PLC0415
        AnchoredOffsetbox,
        AuxTransformBox,
        TextArea,
        VPacker,
    )
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    length, label = bar_length(n_cols, pixel_size)
    bar = AuxTransformBox(ax.transData)
    bar.add_artist(Rectangle((0, 0), length, _THICKNESS * n_cols, color="white"))
    text = TextArea(label, textprops={"color": "white", "size": _POINTS, "weight": "bold"})
    box = AnchoredOffsetbox(
        "lower left",
        child=VPacker(children=[text, bar], align="center", pad=0, sep=3),
        pad=0.4,
        borderpad=0.5,
        prop=FontProperties(size=_POINTS),
    )
    # A dark ground keeps it legible on bright atoms.
    box.patch.set(facecolor="black", edgecolor="none", alpha=0.65)
    box.set_zorder(5)
    ax.add_artist(box)
