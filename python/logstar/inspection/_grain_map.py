"""Grains over their image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from logstar._validation import FloatArray, as_image
from logstar.lattice import GrainMap
from logstar.units import PixelSize

from ._image import draw_image, show_whole
from ._scale_bar import draw_scale_bar
from ._style import SERIES, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Opacity of the colours of grains, beneath which atoms stay visible.
_OPACITY = 0.35


class GrainMapDisplay:
    """Grains as colours over the image, each with its number and the edges of its cell.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image.
    grains : GrainMap
        Its grains, from `logstar.lattice.find_grains`.
    pixel_size : PixelSize, str or float, default=None
        Side of a pixel, such as "0.2 A" or in angstrom. Draws a scale bar.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    image_, map_ : matplotlib AxesImage
        The image, and the colours over it.
    texts_ : list of matplotlib Text
        The grains' numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from logstar.datasets import make_scene
    >>> from logstar.inspection import GrainMapDisplay
    >>> from logstar.lattice import find_grains
    >>> image = make_scene(random_state=0).image
    >>> display = GrainMapDisplay(image, find_grains(image)).plot()
    >>> display.ax_.get_title()
    'one crystal'
    """

    def __init__(
        self,
        image: ArrayLike,
        grains: GrainMap,
        *,
        pixel_size: PixelSize | str | float | None = None,
    ) -> None:
        self.image = image
        self.grains = grains
        self.pixel_size = None if pixel_size is None else PixelSize.of(pixel_size)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : GrainMapDisplay
            With the artists as attributes.

        Raises
        ------
        ValueError
            If the grains are those of an image of another shape.
        """
        image = as_image(self.image)
        labels = self.grains.labels
        if image.shape != labels.shape:
            raise ValueError(f"grains has labels of shape {labels.shape}, the image {image.shape}.")
        ax = axes_or_new(ax, (6.0, 6.0 * image.shape[0] / image.shape[1] + 0.4))
        self.image_ = draw_image(ax, image)
        self.map_ = ax.imshow(_colors(labels), interpolation="nearest")
        self.texts_: list[Any] = []
        for number, lattice in enumerate(self.grains.lattices, start=1):
            # The place deepest inside the grain, which is in it whatever its shape.
            depth = ndimage.distance_transform_edt(np.pad(labels == number, 1))
            row, col = (int(i) - 1 for i in np.unravel_index(depth.argmax(), depth.shape))
            for edge in lattice.vectors:
                ax.plot([col, col + edge[1]], [row, row + edge[0]], color="white", lw=1.5)
            self.texts_.append(
                ax.text(col, row, str(number), color="white", ha="right", va="bottom", size=12)
            )
        show_whole(ax, image.shape)
        ax.set_title(str(self.grains))
        if self.pixel_size is not None:
            draw_scale_bar(ax, image.shape[1], self.pixel_size)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _colors(labels: NDArray[np.intp]) -> FloatArray:
    """Colours of shape (n_rows, n_cols, 4), transparent where there is no grain."""
    from matplotlib.colors import to_rgba  # noqa: PLC0415 - only drawing pays for it

    table = [to_rgba(SERIES[i % len(SERIES)], _OPACITY) for i in range(labels.max())]
    return np.asarray(np.array([(0.0, 0.0, 0.0, 0.0), *table])[labels])
