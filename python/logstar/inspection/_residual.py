"""What a refinement leaves of an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from logstar._numerics import MAD_TO_SIGMA
from logstar.refinement import Refinement
from logstar.refinement._finite_pixels import finite_pixels
from logstar.units import PixelSize

from ._image import draw_image, show_whole
from ._saving import new_figure, save_figure
from ._scale_bar import draw_scale_bar
from ._style import FLAGGED, figure_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Colours end at this many standard deviations of the residual, by its median absolute deviation:
#: white noise stays pale, and what was not fitted is seen.
_RANGE = 6.0
#: Colours do not end below this share of the contrast of the image: what a fit leaves of an image
#: without noise is not made to look like noise.
_LEAST_RANGE = 0.02


class ResidualDisplay:
    """Draw an image, the peaks fitted to it, and what they leave.

    Where the model is right, white noise is left. A bright atom that is not in the list, or whose
    fit failed, stands out red, a dark one blue; rings around all atoms say that columns are no
    Gaussians.

    Parameters
    ----------
    refinement : Refinement
        As `logstar.refinement.GaussianRefiner.refine` gives it.
    image : array-like of shape (n_rows, n_cols)
        The image that was refined.
    pixel_size : PixelSize, str or float, default=None
        Side of a pixel, for the scale bar. None takes the refinement's.

    Attributes
    ----------
    residual_ : ndarray of shape (n_rows, n_cols)
        The image less its model, in units of the image.
    limit_ : float
        Where its colours end.
    axes_ : list of matplotlib Axes
        Of the image, the model and the residual.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    logstar.refinement.Refinement.residual_image : The numbers.

    Examples
    --------
    >>> from logstar.datasets import make_scene
    >>> from logstar.inspection import ResidualDisplay
    >>> from logstar.lattice import Lattice
    >>> from logstar.refinement import GaussianRefiner
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> scene = make_scene(lattice, (96, 96), noise=0.05, random_state=0)
    >>> refinement = GaussianRefiner().refine(scene.image, scene.positions)
    >>> display = ResidualDisplay(refinement, scene.image).plot()
    >>> [ax.get_title(loc="left") for ax in display.axes_]
    ['image', 'fitted peaks', 'residual: ... root mean square']
    """

    def __init__(
        self,
        refinement: Refinement,
        image: ArrayLike,
        *,
        pixel_size: PixelSize | str | float | None = None,
    ) -> None:
        self.refinement = refinement
        self.image = image
        self.pixel_size = pixel_size

    def plot(self, figure: Figure | SubFigure | None = None, *, limit: float | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes one of pyplot.
        limit : float, default=None
            Where the colours of the residual end, in units of the image. None is six standard
            deviations, by the median absolute deviation, but at least 2 % of the image's range.

        Returns
        -------
        self : ResidualDisplay
            With what was drawn as attributes.

        Raises
        ------
        TypeError
            If the refinement is none.
        """
        refinement = self.refinement
        if not isinstance(refinement, Refinement):
            raise TypeError(f"refinement must be a Refinement, got {type(refinement).__name__}.")
        pixels, _ = finite_pixels(self.image, None)
        figure = figure_or_new(figure, (15.0, 5.4))
        self.residual_ = refinement.residual_image(self.image)
        known = self.residual_[np.isfinite(self.residual_)]
        if limit is None:
            usual = _RANGE * float(np.median(np.abs(known))) * MAD_TO_SIGMA
            limit = max(usual, _LEAST_RANGE * float(np.ptp(pixels))) or 1.0
        self.limit_ = limit
        self.axes_: list[Axes] = [figure.add_subplot(1, 3, i) for i in (1, 2, 3)]
        raw, fitted, left = self.axes_
        drawn = draw_image(raw, pixels)
        raw.set_title("image", loc="left")
        low, high = drawn.get_clim()
        model = refinement.model_image(pixels.shape)
        draw_image(fitted, model, {"vmin": low, "vmax": high})
        fitted.set_title("fitted peaks", loc="left")
        colors = left.imshow(self.residual_, cmap="RdBu_r", vmin=-limit, vmax=limit)
        show_whole(left, pixels.shape)
        root = float(np.sqrt((known**2).mean()))
        left.set_title(f"residual: {root:.2g} root mean square", loc="left")
        figure.colorbar(colors, ax=left, fraction=0.046, pad=0.02)
        self._mark_failures(left)
        size = refinement.pixel_size if self.pixel_size is None else PixelSize.of(self.pixel_size)
        if size is not None:
            draw_scale_bar(raw, pixels.shape[1], size)
        self.figure_ = figure
        return self

    def save(self, path: str | Path) -> Path:
        """Draw into a file, without pyplot.

        Parameters
        ----------
        path : str or Path
            A PNG file.

        Returns
        -------
        path : Path
            The same.
        """
        figure = new_figure(15.0, 5.4)
        figure.set_layout_engine("constrained")
        self.plot(figure)
        return save_figure(figure, path)

    def _mark_failures(self, ax: Axes) -> None:
        from matplotlib.lines import Line2D  # noqa: PLC0415 - only drawing pays for it

        failed = self.refinement.atoms[~self.refinement.converged, :2]
        if not len(failed):
            return
        style: dict[str, Any] = {
            "linestyle": "",
            "marker": "o",
            "markersize": 9,
            "markerfacecolor": "none",
            "markeredgecolor": FLAGGED,
        }
        # Not by `add_line`, which would widen the view.
        ax.add_artist(Line2D(failed[:, 1], failed[:, 0], **style))
        key = Line2D([], [], **style, label=f"{len(failed)} not fitted")
        ax.legend(handles=[key], loc="lower right", fontsize="small")
