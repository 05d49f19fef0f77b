"""Amorphous regions over their image, and the atoms that tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray, as_image, as_positions
from logstar.segmentation import KINDS
from logstar.units import PixelSize

from ._image import draw_image, draw_picture, show_whole
from ._saving import DPI, new_figure, save_figure
from ._scale_bar import draw_scale_bar
from ._style import FLAGGED, figure_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_MAP = "magma"
#: Colour of the boundaries of regions that were rejected, which are dashed as well.
_REJECTED = "#9fd8ff"
#: Colours of the boundaries of regions that are not amorphous, by kind: apart from one another and
#: from red for all kinds of colour vision, and seen on grey.
COLORS = {"other grain": "#56b4e9", "vacuum": "#f0e442", "contamination": "#cc79a7"}
AMORPHOUS = "amorphous"
#: Inches: width of a panel; room at its right for a colour bar, and left of the plane for its
#: label; above each panel for its title, above all for the legend, below, and around.
_PANEL, _BAR, _LEFT, _ABOVE, _LEGEND, _BELOW, _EDGE = 4.6, 0.75, 0.35, 0.35, 0.3, 0.55, 0.1
#: Least and greatest height of a panel by its width; images beyond are drawn with room beside them.
_LOWEST, _HIGHEST = 0.5, 2.0
#: Share of the atoms that the view of the plane holds at least: a few are so far out that a view of
#: all would squeeze the rest.
_IN_VIEW = 0.995


class AmorphousMapDisplay:
    """Four panels: regions on the image, their probability, atoms, and principal components.

    As Fig. 4C to F of Barakati et al. (Digital Discovery 2024, 3, 2061). Use `from_estimator` to
    create one.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image.
    mask : array-like of shape (n_rows, n_cols), bool
        Where it is amorphous.
    probability : array-like of shape (n_rows, n_cols)
        How probable that is.
    positions : array-like of shape (n_atoms, >=2)
        Row and column of the atoms in pixels.
    posteriors : array-like of shape (n_atoms,)
        Of the amorphous components, of each atom.
    embedding : array-like of shape (n_atoms, n_pca)
        Principal components of the atoms' windows; the first two are drawn.
    pixel_size : PixelSize, str or float, default=None
        Side of a pixel: with its unit, such as "0.2 A", or in angstrom. Draws a scale bar.
    rejected : array-like of shape (n_rows, n_cols), bool, default=None
        Where regions were found and rejected; their boundaries are dashed. None draws none.
    variances : array-like of shape (n_pca,), default=None
        Share of the variance that each component explains, for the labels of the axes.
    kinds : array-like of shape (n_rows, n_cols), int, default=None
        What each pixel shows, as places in `logstar.segmentation.KINDS`: boundaries of vacuum,
        contamination and other grains are drawn in colours of their own. None draws none.

    Attributes
    ----------
    axes_ : ndarray of shape (4,) of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure or SubFigure
        Their figure.
    image_, map_ : matplotlib AxesImage
        The image and the probability.
    atoms_, scatter_ : matplotlib PathCollection
        The atoms on the image and in the space of components, coloured by posterior.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from logstar.inspection import AmorphousMapDisplay
    >>> mask = np.zeros((32, 32), dtype=bool)
    >>> mask[8:20, 8:20] = True
    >>> display = AmorphousMapDisplay(
    ...     np.eye(32), mask, mask * 1.0, [[10, 10], [25, 25]], [0.9, 0.1], [[2, 1], [0, 0]]
    ... ).plot()
    >>> len(display.axes_)
    4
    """

    def __init__(
        self,
        image: ArrayLike,
        mask: ArrayLike,
        probability: ArrayLike,
        positions: ArrayLike,
        posteriors: ArrayLike,
        embedding: ArrayLike,
        *,
        pixel_size: PixelSize | str | float | None = None,
        rejected: ArrayLike | None = None,
        variances: ArrayLike | None = None,
        kinds: ArrayLike | None = None,
    ) -> None:
        self.image = image
        self.mask = mask
        self.probability = probability
        self.positions = positions
        self.posteriors = posteriors
        self.embedding = embedding
        self.pixel_size = None if pixel_size is None else PixelSize.of(pixel_size)
        self.rejected = rejected
        self.variances = variances
        self.kinds = kinds

    @classmethod
    def of(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        pixel_size: PixelSize | str | float | None = None,
    ) -> Self:
        """Collect from a fitted segmenter what is to be drawn, and draw nothing yet.

        Parameters
        ----------
        estimator : AmorphousGMMSegmenter or search over one
            Fitted.
        X : array-like of shape (n_rows, n_cols)
            The image that it was fitted to.
        pixel_size : PixelSize, str or float, default=None
            Side of a pixel; None takes the segmenter's `pixel_size_`.

        Returns
        -------
        display : AmorphousMapDisplay
            Not drawn: `plot` and `save` do that.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has another shape than the image that it was fitted to.
        """
        check_is_fitted(estimator)
        segmenter = getattr(estimator, "best_estimator_", estimator)
        image = as_image(X, name="X")
        if image.shape != segmenter.mask_.shape:
            raise ValueError(
                f"X must be the fitted image of shape {segmenter.mask_.shape}, got {image.shape}."
            )
        return cls(
            image,
            segmenter.mask_,
            segmenter.probability_,
            segmenter.positions_,
            segmenter.posteriors_,
            segmenter.embedding_,
            pixel_size=segmenter.pixel_size_ if pixel_size is None else pixel_size,
            rejected=segmenter.rejected_mask_,
            variances=segmenter.pca_.explained_variance_ratio_,
            kinds=segmenter.kinds_,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        pixel_size: PixelSize | str | float | None = None,
        figure: Figure | SubFigure | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw what a segmenter found in the image that it was fitted to.

        Parameters
        ----------
        estimator : AmorphousGMMSegmenter or search over one
            Fitted.
        X : array-like of shape (n_rows, n_cols)
            The image that it was fitted to.
        pixel_size : PixelSize, str or float, default=None
            Side of a pixel; None takes the segmenter's `pixel_size_`.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : AmorphousMapDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has another shape than the image that it was fitted to.
        """
        return cls.of(estimator, X, pixel_size=pixel_size).plot(figure, **kwargs)

    def plot(
        self, figure: Figure | SubFigure | None = None, *, contour_color: str = FLAGGED
    ) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.
        contour_color : color, default=red
            Of the boundaries of regions.

        Returns
        -------
        self : AmorphousMapDisplay
            With the artists as attributes.
        """
        figure = figure_or_new(figure, self._size(), layout=None)
        self._draw(figure, contour_color)
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
        self._draw(figure, FLAGGED, longest=round(max(_PANEL, self._panel_height()) * DPI))
        return save_figure(figure, path)

    def _panel_height(self) -> float:
        n_rows, n_cols = np.shape(self.image)
        return _PANEL * float(np.clip(n_rows / n_cols, _LOWEST, _HIGHEST))

    def _size(self) -> tuple[float, float]:
        """Width and height of the figure in inches."""
        width = 2 * (_PANEL + _BAR) + _LEFT + 2 * _EDGE
        return width, 2 * (self._panel_height() + _ABOVE) + _LEGEND + _BELOW

    def _draw(
        self, figure: Figure | SubFigure, contour_color: str, *, longest: int | None = None
    ) -> None:
        image = as_image(self.image)
        mask = np.asarray(self.mask, dtype=bool)
        positions = as_positions(self.positions)
        axes = self._add_axes(figure)
        on_image, on_map, on_atoms, on_plane = axes
        self.image_, faint = (
            draw_image(ax, image) if longest is None else draw_picture(ax, image, longest)
            for ax in (on_image, on_atoms)
        )
        faint.set_alpha(0.55)
        kinds = self._other_kinds()
        shares = {AMORPHOUS: mask, **kinds} if mask.any() else kinds
        words = [f"{kind} {100 * where.mean():.3g} %" for kind, where in shares.items()]
        on_image.set_title(", ".join(words) or "no region")
        if self.pixel_size is not None:
            draw_scale_bar(on_image, image.shape[1], self.pixel_size)
        self.map_ = on_map.imshow(np.asarray(self.probability), cmap=_MAP, vmin=0, vmax=1)
        show_whole(on_map, image.shape)
        text = "probability to be amorphous"
        on_map.set_title(text if mask.any() else "probability: 0, as no region is kept")
        figure.colorbar(self.map_, cax=_beside(on_map))

        # Dots small enough to leave the atoms apart: their area goes with that of an atom.
        size = float(np.clip(20 * 1400 / max(len(positions), 1), 2, 60))
        posteriors = np.asarray(self.posteriors, dtype=np.float64)
        colors: dict[str, Any] = {"c": posteriors, "cmap": "coolwarm", "vmin": 0, "vmax": 1}
        self.atoms_ = on_atoms.scatter(
            positions[:, 1], positions[:, 0], s=size, linewidths=0, **colors
        )
        show_whole(on_atoms, image.shape)
        on_atoms.set_title(f"{len(positions)} atoms, coloured as at the right")
        for ax in (on_image, on_map, on_atoms):
            outline(ax, mask, "white" if ax is on_map else contour_color, "solid")
            # A hole in what is amorphous has the same edge.
            for kind, where in kinds.items():
                outline(ax, where, COLORS[kind], "solid")
            if self.rejected is not None:
                outline(ax, np.asarray(self.rejected, dtype=bool), _REJECTED, "dashed")
        self.scatter_ = self._draw_plane(on_plane, colors)
        figure.colorbar(
            self.scatter_, cax=_beside(on_plane), label="posterior of the atom's window"
        )
        self._write_legend(figure, mask, list(kinds), contour_color)
        self.axes_, self.figure_ = np.array(axes, dtype=object), figure

    def _add_axes(self, figure: Figure | SubFigure) -> list[Axes]:
        """Make the four panels, row after row."""
        width, height = self._size()
        high = self._panel_height()
        return [
            figure.add_axes(
                (
                    (_EDGE + col * (_PANEL + _BAR + _LEFT)) / width,
                    (_BELOW + (1 - row) * (high + _ABOVE)) / height,
                    _PANEL / width,
                    high / height,
                )
            )
            for row in range(2)
            for col in range(2)
        ]

    def _other_kinds(self) -> dict[str, NDArray[np.bool_]]:
        """Where vacuum and the like are, of the kinds that there are."""
        kinds = np.asarray(0 if self.kinds is None else self.kinds)
        masks = {kind: np.asarray(kinds == KINDS.index(kind)) for kind in COLORS}
        return {kind: mask for kind, mask in masks.items() if mask.any()}

    def _write_legend(
        self,
        figure: Figure | SubFigure,
        mask: NDArray[np.bool_],
        kinds: list[str],
        contour_color: str,
    ) -> None:
        from matplotlib.lines import Line2D  # noqa: PLC0415 - only drawing pays for it

        handles = []
        if mask.any():
            handles.append(Line2D([], [], color=contour_color, lw=1.6, label=AMORPHOUS))
        handles += [Line2D([], [], color=COLORS[kind], lw=1.6, label=kind) for kind in kinds]
        if self.rejected is not None and np.any(self.rejected):
            text = "looked at and rejected: too small, or too little disordered"
            handles.append(Line2D([], [], color=_REJECTED, lw=1.6, ls="dashed", label=text))
        if handles:
            figure.legend(
                handles=handles, loc="upper left", ncols=5, frameon=False, borderaxespad=0.2
            )

    def _draw_plane(self, ax: Axes, colors: dict[str, Any]) -> Any:
        plane: FloatArray = np.asarray(self.embedding, dtype=np.float64)
        if plane.shape[1] == 1:
            plane = np.column_stack([plane, np.zeros(len(plane))])
        scatter = ax.scatter(plane[:, 0], plane[:, 1], s=9, linewidths=0, alpha=0.8, **colors)
        reach = 1.1 * np.quantile(np.abs(plane[:, :2]), _IN_VIEW, axis=0)
        reach[reach == 0] = 1.0
        ax.set(
            xlim=(-reach[0], reach[0]),
            ylim=(-reach[1], reach[1]),
            xlabel=self._label(0),
            ylabel=self._label(1),
            title="each dot an atom; tight: crystal, dispersed: amorphous",
        )
        # Few ticks, since the residual of an image of counts has numbers of many digits.
        ax.locator_params(nbins=5)
        ax.spines[["top", "right"]].set_visible(False)
        return scatter

    def _label(self, component: int) -> str:
        """What an axis of the plane is."""
        text = f"principal component {component + 1} of the residual around the atom"
        variances = np.ravel([] if self.variances is None else self.variances)
        if component < len(variances):
            text += f" ({variances[component]:.0%})"
        return text


def outline(ax: Axes, mask: NDArray[np.bool_], color: str, linestyle: str) -> None:
    """Draw where a mask begins."""
    if mask.any() and not mask.all():
        ax.contour(mask, levels=[0.5], colors=[color], linewidths=1.4, linestyles=linestyle)


def _beside(ax: Axes) -> Axes:
    """Axes of a colour bar at the right of a panel."""
    return ax.inset_axes((1.02, 0.1, 0.035, 0.8))
