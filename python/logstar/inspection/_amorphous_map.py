"""Amorphous regions over their image, and the atoms that tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray, as_image, as_positions

from ._scale_bar import draw_scale_bar
from ._style import FLAGGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Percentiles of the image drawn black and white: a hot pixel must not darken the rest.
_CONTRAST = (0.1, 99.8)
_MAP = "magma"
#: Size of a panel in inches.
_PANEL = 4.6
#: Share of the points of the scatter that its view shows: a few are far out.
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
    pixel_size : float, default=None
        Side of a pixel in `unit`; draws a scale bar.
    unit : str, default="A"
        Unit of `pixel_size`.

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
        pixel_size: float | None = None,
        unit: str = "A",
    ) -> None:
        self.image = image
        self.mask = mask
        self.probability = probability
        self.positions = positions
        self.posteriors = posteriors
        self.embedding = embedding
        self.pixel_size = pixel_size
        self.unit = unit

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        pixel_size: float | None = None,
        unit: str = "A",
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
        pixel_size : float, default=None
            Side of a pixel in `unit`; draws a scale bar.
        unit : str, default="A"
            Unit of `pixel_size`.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : AmorphousMapDisplay

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
        display = cls(
            image,
            segmenter.mask_,
            segmenter.probability_,
            segmenter.positions_,
            segmenter.posteriors_,
            segmenter.embedding_,
            pixel_size=pixel_size,
            unit=unit,
        )
        return display.plot(figure=figure, **kwargs)

    def plot(
        self, figure: Figure | SubFigure | None = None, *, contour_color: str = FLAGGED
    ) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new figure.
        contour_color : color, default=red
            Of the boundaries of regions.

        Returns
        -------
        self : AmorphousMapDisplay
        """
        image = as_image(self.image)
        mask = np.asarray(self.mask, dtype=bool)
        positions = as_positions(self.positions)
        posteriors = np.asarray(self.posteriors, dtype=np.float64)
        if figure is None:
            import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing pays for it

            height = float(np.clip(image.shape[0] / image.shape[1], 0.5, 2.0))
            figure = plt.figure(
                figsize=(2 * _PANEL + 0.8, 2 * _PANEL * height + 0.8), layout="constrained"
            )
        axes = figure.subplots(2, 2)
        (on_image, on_map), (on_atoms, on_plane) = axes
        low, high = np.percentile(image, _CONTRAST)
        gray: dict[str, Any] = {"cmap": "gray", "vmin": low, "vmax": high}

        self.image_ = on_image.imshow(image, **gray)
        share = mask.mean()
        on_image.set_title(f"amorphous: {share:.1%} of the area" if mask.any() else "no region")
        if self.pixel_size is not None:
            draw_scale_bar(on_image, image.shape, self.pixel_size, self.unit)
        self.map_ = on_map.imshow(np.asarray(self.probability), cmap=_MAP, vmin=0, vmax=1)
        on_map.set_title("probability")
        figure.colorbar(self.map_, ax=on_map, shrink=0.8)

        on_atoms.imshow(image, **gray, alpha=0.55)
        # Circles small enough to leave the atoms apart: their area goes with that of an atom.
        size = float(np.clip(20 * 1400 / max(len(positions), 1), 2, 60))
        colors: dict[str, Any] = {"c": posteriors, "cmap": "coolwarm", "vmin": 0, "vmax": 1}
        self.atoms_ = on_atoms.scatter(
            positions[:, 1], positions[:, 0], s=size, linewidths=0, **colors
        )
        on_atoms.set_title(f"{len(positions)} atoms")
        for ax in (on_image, on_map, on_atoms):
            if mask.any() and not mask.all():
                color = "white" if ax is on_map else contour_color
                ax.contour(mask, levels=[0.5], colors=[color], linewidths=1.4)
            ax.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))
            ax.set_axis_off()
        self.scatter_ = self._draw_plane(on_plane, colors)
        figure.colorbar(self.scatter_, ax=on_plane, shrink=0.8, label="posterior: amorphous")
        self.axes_, self.figure_ = axes.ravel(), figure
        return self

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
            xlabel="component 1 of the residual",
            ylabel="component 2",
            title="tight: crystal, dispersed: amorphous",
        )
        # Residuals of unscaled images are long numbers.
        ax.locator_params(nbins=5)
        ax.spines[["top", "right"]].set_visible(False)
        return scatter
