"""Pictures for files show the pixels that Matplotlib's images of the same colours show."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from logstar.inspection._image import show_whole
from logstar.inspection._pictures import add_picture


def drawn(colors, how, place=(0.1, 0.2, 0.7, 0.7), view=None):
    """The pixels of a figure that shows colours."""
    figure = Figure(figsize=(3, 2), dpi=100)
    ax = figure.add_axes(place)
    n_rows, n_cols = colors.shape[:2]
    extent = (-0.5, n_cols - 0.5, n_rows - 0.5, -0.5)
    if how == "picture":
        add_picture(ax, colors, extent)
    else:
        ax.imshow(colors, extent=extent, interpolation="nearest")
    show_whole(ax, (n_rows, n_cols))
    if view is not None:
        ax.set(xlim=view, ylim=view[::-1])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).astype(int)


def opaque(rng, shape):
    colors = np.full((*shape, 4), 255, dtype=np.uint8)
    colors[..., :3] = rng.integers(0, 256, (*shape, 3))
    return colors


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 64), (140, 140), (33, 190), (120, 3)])
def test_pixels_are_those_of_matplotlib(shape, rng):
    colors = opaque(rng, shape)
    unlike = np.abs(drawn(colors, "picture") - drawn(colors, "imshow")).max(axis=-1) > 1
    # Where a pixel's middle lies between two pixels of the image, either may be taken: of 64 pixels
    # drawn as 140, that is one row in 18, and one column.
    assert unlike.mean() < 0.02


@pytest.mark.parametrize("view", [(2.0, 9.0), (-5.0, 40.0), (20.5, -0.5)])
def test_a_part_is_drawn_where_it_is(view, rng):
    """What shows another part of the image than all of it is drawn by Matplotlib."""
    colors = opaque(rng, (21, 21))
    assert np.array_equal(drawn(colors, "picture", view=view), drawn(colors, "imshow", view=view))
