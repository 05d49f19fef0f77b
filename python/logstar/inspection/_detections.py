"""Atoms over their image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from logstar._validation import FloatArray, as_image, as_positions
from logstar.lattice import Lattice
from logstar.rewards import flag_errors

from ._scale_bar import draw_scale_bar
from ._style import ATOM, FLAGGED, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Percentiles of the image drawn black and white: a hot pixel must not darken the rest.
_CONTRAST = (0.1, 99.8)
#: Radius of a circle, as a share of the median distance to the nearest atom.
_RADIUS = 0.3
#: Atoms alone have no neighbour to measure from.
_LONE_RADIUS_PX = 5.0


class DetectionDisplay:
    """Atoms as circles over the image, flagged ones in red.

    Use `from_estimator` or `from_detections` to create one.

    Parameters
    ----------
    image : array-like of shape (n_rows, n_cols)
        The image.
    detections : array-like of shape (n_atoms, >=2)
        Row and column in pixels; further columns are ignored.
    flagged : array-like of shape (n_atoms,), bool, default=None
        Atoms that break the distance rule; None flags nothing and leaves the legend out.
    pixel_size : float, default=None
        Side of a pixel in `unit`; draws a scale bar.
    unit : str, default="A"
        Unit of `pixel_size`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    image_ : matplotlib AxesImage
        The image.
    atoms_, flagged_atoms_ : matplotlib EllipseCollection
        The circles.

    See Also
    --------
    logstar.rewards.flag_errors : Tells which atoms to flag.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from logstar.inspection import DetectionDisplay
    >>> atoms = [[8, 8], [8, 24], [24, 8], [24, 24], [10, 9]]
    >>> display = DetectionDisplay.from_detections(np.eye(32), atoms, distance_sum=60)
    >>> display.flagged
    array([ True, False, False, False,  True])
    """

    def __init__(
        self,
        image: ArrayLike,
        detections: ArrayLike,
        *,
        flagged: ArrayLike | None = None,
        pixel_size: float | None = None,
        unit: str = "A",
    ) -> None:
        self.image = image
        self.detections = detections
        self.flagged = flagged
        self.pixel_size = pixel_size
        self.unit = unit

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        distance_sum: float | Lattice | None = None,
        n_neighbors: int = 4,
        pixel_size: float | None = None,
        unit: str = "A",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Find the atoms of an image and draw them.

        Parameters
        ----------
        estimator : object
            Fitted, with a `predict` that finds atoms: a detector or a search over one.
        X : array-like of shape (n_rows, n_cols)
            One image.
        distance_sum : float or Lattice, default=None
            Flag atoms whose distances to their neighbours sum to less; see `from_detections`.
        n_neighbors : int, default=4
            How many neighbours are summed over.
        pixel_size : float, default=None
            Side of a pixel in `unit`; see `from_detections`.
        unit : str, default="A"
            Unit of `pixel_size`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : DetectionDisplay
        """
        return cls.from_detections(
            X,
            estimator.predict(as_image(X, name="X")),
            distance_sum=distance_sum,
            n_neighbors=n_neighbors,
            pixel_size=pixel_size,
            unit=unit,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_detections(
        cls,
        image: ArrayLike,
        detections: ArrayLike,
        *,
        distance_sum: float | Lattice | None = None,
        n_neighbors: int = 4,
        pixel_size: float | None = None,
        unit: str = "A",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw atoms that were found before.

        Parameters
        ----------
        image : array-like of shape (n_rows, n_cols)
            The image.
        detections : array-like of shape (n_atoms, >=2)
            Row and column in pixels; further columns are ignored.
        distance_sum : float or Lattice, default=None
            Flag atoms whose distances to their neighbours sum to less, in pixels; of a lattice its
            threshold. None flags nothing.
        n_neighbors : int, default=4
            How many neighbours are summed over.
        pixel_size : float, default=None
            Side of a pixel in `unit`; draws a scale bar. None takes that of `distance_sum` if it
            is a lattice.
        unit : str, default="A"
            Unit of `pixel_size`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : DetectionDisplay
        """
        flagged = None
        if distance_sum is not None:
            flagged = flag_errors(detections, distance_sum, n_neighbors)
        if pixel_size is None and isinstance(distance_sum, Lattice) and distance_sum.pixel_size:
            pixel_size, unit = distance_sum.pixel_size.value, distance_sum.pixel_size.unit
        display = cls(image, detections, flagged=flagged, pixel_size=pixel_size, unit=unit)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        radius: float | None = None,
        atom_color: str = ATOM,
        flagged_color: str = FLAGGED,
        scale_bar: bool = True,
        legend: bool = True,
        image_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        radius : float, default=None
            Radius of the circles in pixels; None is 0.3 of the median nearest distance.
        atom_color, flagged_color : str
            Matplotlib colours.
        scale_bar : bool, default=True
            Whether to draw one if the pixel size is known.
        legend : bool, default=True
            Whether to write the numbers of atoms above the image.
        image_kw : dict, default=None
            Handed to `imshow`.

        Returns
        -------
        self : DetectionDisplay
        """
        image = as_image(self.image)
        positions = as_positions(self.detections, name="detections")
        flagged = np.zeros(len(positions), dtype=bool)
        if self.flagged is not None:
            flagged[:] = np.asarray(self.flagged, dtype=bool)
        ax = axes_or_new(ax, (6.0, 6.0 * min(image.shape[0] / image.shape[1], 1.5) + 0.4))
        low, high = np.percentile(image, _CONTRAST)
        options: dict[str, Any] = {"cmap": "gray", "vmin": low, "vmax": high} | (image_kw or {})
        self.image_ = ax.imshow(image, **options)
        radius = _radius(positions) if radius is None else radius
        self.atoms_ = _draw_circles(ax, positions[~flagged], radius, atom_color, 0.9)
        # Thicker and a little larger: told apart without colour, too.
        self.flagged_atoms_ = _draw_circles(
            ax, positions[flagged], 1.25 * radius, flagged_color, 1.6
        )
        # Circles of atoms at the edge must not widen the view.
        ax.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))
        ax.set_axis_off()
        if legend:
            _write_legend(ax, len(positions), None if self.flagged is None else int(flagged.sum()))
        if scale_bar and self.pixel_size is not None:
            draw_scale_bar(ax, image.shape, self.pixel_size, self.unit)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _radius(positions: FloatArray) -> float:
    if len(positions) < 2:
        return _LONE_RADIUS_PX
    distances = np.asarray(KDTree(positions).query(positions, k=2)[0])
    return _RADIUS * float(np.median(distances[:, 1])) or _LONE_RADIUS_PX


def _draw_circles(
    ax: Axes, positions: FloatArray, radius: float, color: str, linewidth: float
) -> Any:
    # Only drawing pays for matplotlib.
    from matplotlib.collections import EllipseCollection  # noqa: PLC0415

    diameters = np.full(len(positions), 2 * radius)
    circles = EllipseCollection(
        diameters,
        diameters,
        np.zeros(len(positions)),
        units="xy",
        offsets=positions[:, ::-1],
        offset_transform=ax.transData,
        facecolors="none",
        edgecolors=color,
        linewidths=linewidth,
    )
    ax.add_collection(circles)
    return circles


def _write_legend(ax: Axes, n_atoms: int, n_flagged: int | None) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    style: dict[str, Any] = {"linestyle": "", "marker": "o", "markerfacecolor": "none"}
    text = f"{n_atoms} atoms"
    handles = [Line2D([], [], **style, markeredgecolor=ATOM, markeredgewidth=1.4, label=text)]
    if n_flagged is not None:
        text = f"{n_flagged} flagged: too close to their neighbours"
        handles.append(
            Line2D([], [], **style, markeredgecolor=FLAGGED, markeredgewidth=2, label=text)
        )
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=2,
        frameon=False,
        borderaxespad=0.2,
        handletextpad=0.2,
        columnspacing=1.2,
    )
