"""What an image shows, drawn over it: outlines of all that is not its crystal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import as_image
from logstar.segmentation import KINDS
from logstar.units import PixelSize

from ._amorphous_map import AMORPHOUS, COLORS, outline
from ._image import draw_image
from ._saving import new_figure, save_figure
from ._scale_bar import draw_scale_bar
from ._style import FLAGGED, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches: the longer side of the image in a file, and room above it and at its sides.
_LONGER, _ABOVE, _EDGE = 7.0, 0.75, 0.1


class KindMapDisplay:
    """Draw the outlines of what is not the crystal over an image.

    Of a large image, such as `logstar.tuning.segment_tiled` maps, that is given smaller: image and
    map by the same factor, by which the pixel size grows.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image.
    kinds : array-like of shape (n_rows, n_cols), int
        What each pixel shows, as places in `logstar.segmentation.KINDS`.
    pixel_size : PixelSize, str or float, default=None
        Side of a pixel: with its unit, such as "0.2 A", or in angstrom. Draws a scale bar.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        The image.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    AmorphousMapDisplay : Draws also by what that is told.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from logstar.inspection import KindMapDisplay
    >>> kinds = np.zeros((32, 32), dtype=int)
    >>> kinds[8:24, 8:24] = 2
    >>> KindMapDisplay(np.eye(32), kinds).plot().ax_.get_title(loc="left")
    'amorphous 25 %'
    """

    def __init__(
        self,
        image: ArrayLike,
        kinds: ArrayLike,
        *,
        pixel_size: PixelSize | str | float | None = None,
    ) -> None:
        self.image = image
        self.kinds = kinds
        self.pixel_size = None if pixel_size is None else PixelSize.of(pixel_size)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : KindMapDisplay
            With the artists as attributes.

        Raises
        ------
        ValueError
            If image and map differ in their shapes.
        """
        image, kinds = as_image(self.image), np.asarray(self.kinds)
        if kinds.shape != image.shape:
            raise ValueError(
                f"kinds must have the image's shape {image.shape}, got shape {kinds.shape}."
            )
        ax = axes_or_new(ax, self._size())
        self.image_: Any = draw_image(ax, image)
        colors = {AMORPHOUS: FLAGGED, **COLORS}
        masks = {kind: kinds == KINDS.index(kind) for kind in colors}
        shown = {kind: mask for kind, mask in masks.items() if mask.any()}
        for kind, mask in shown.items():
            outline(ax, mask, colors[kind], "solid")
        words = [f"{kind} {100 * mask.mean():.3g} %" for kind, mask in shown.items()]
        ax.set_title(", ".join(words) or "no region", loc="left")
        if self.pixel_size is not None:
            draw_scale_bar(ax, image.shape[1], self.pixel_size)
        if shown:
            self._write_legend(ax, {kind: colors[kind] for kind in shown})
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def save(self, path: str | Path) -> Path:
        """Draw into a PNG file; neither a display nor pyplot is needed.

        Parameters
        ----------
        path : str or Path
            Where to write.

        Returns
        -------
        path : Path
            The file.
        """
        figure = new_figure(*self._size())
        figure.set_layout_engine("constrained")
        self.plot(figure.add_subplot())
        return save_figure(figure, path)

    def _size(self) -> tuple[float, float]:
        n_rows, n_cols = np.shape(self.image)
        scale = _LONGER / max(n_rows, n_cols)
        return max(scale * n_cols, _LONGER / 2) + 2 * _EDGE, scale * n_rows + _ABOVE

    def _write_legend(self, ax: Axes, colors: dict[str, str]) -> None:
        from matplotlib.lines import Line2D  # noqa: PLC0415 - only drawing pays for it

        handles = [Line2D([], [], color=one, lw=1.6, label=kind) for kind, one in colors.items()]
        ax.legend(handles=handles, loc="upper right", fontsize="small")
