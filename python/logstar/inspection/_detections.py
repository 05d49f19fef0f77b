"""Atoms over their image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import FloatArray, as_image, as_positions
from logstar.lattice import Lattice
from logstar.neighbors import distance_sums
from logstar.rewards import flag_errors
from logstar.units import PixelSize

from ._image import draw_image, draw_picture
from ._scale_bar import draw_scale_bar
from ._style import ATOM, DISPUTED, FLAGGED, axes_or_new, legend_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

#: Radius of a circle, as a share of the median distance to the nearest atom.
_RADIUS = 0.3
#: Radius in pixels where there are no two atoms to measure the distance of.
_LONE_RADIUS_PX = 5.0
#: Circles of more atoms than this cover less of the picture, so that the image stays visible: their
#: radius and line width shrink by the square root of this number over that of the atoms.
_MANY_ATOMS = 2000
#: Widths of the circles in points, and what many atoms thin them to.
_LINE_WIDTH, _FLAGGED_WIDTH, _LEAST_WIDTH = 0.9, 1.6, 0.35
#: Size and width in points of the crosses where a second opinion differs. There are few of them,
#: and they are looked for: their size does not follow the image.
_CROSS, _CROSS_WIDTH = 7.0, 1.5


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
    pixel_size : PixelSize, str or float, default=None
        Side of a pixel: with its unit, such as "0.2 A", or in angstrom. Draws a scale bar.
    unseen : array-like of shape (n, >=2), default=None
        Row and column in pixels of atoms that a second opinion does not see: diagonal crosses. None
        draws none and leaves the legend out.
    missed : array-like of shape (n, >=2), default=None
        Row and column in pixels of what only the second opinion sees: upright crosses. None as with
        `unseen`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    image_ : matplotlib AxesImage
        The image.
    atoms_, flagged_atoms_ : matplotlib Line2D
        The circles, as markers whose size follows the axes.
    unseen_, missed_ : matplotlib Line2D or None
        The crosses; None where there is no second opinion.

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
        pixel_size: PixelSize | str | float | None = None,
        unseen: ArrayLike | None = None,
        missed: ArrayLike | None = None,
    ) -> None:
        self.image = image
        self.detections = detections
        self.flagged = flagged
        self.pixel_size = None if pixel_size is None else PixelSize.of(pixel_size)
        self.unseen = unseen
        self.missed = missed

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        distance_sum: float | Lattice | None = None,
        n_neighbors: int = 4,
        pixel_size: PixelSize | str | float | None = None,
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
        pixel_size : PixelSize, str or float, default=None
            Side of a pixel; see `from_detections`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : DetectionDisplay
            Drawn.
        """
        return cls.from_detections(
            X,
            estimator.predict(as_image(X, name="X")),
            distance_sum=distance_sum,
            n_neighbors=n_neighbors,
            pixel_size=pixel_size,
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
        pixel_size: PixelSize | str | float | None = None,
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
        pixel_size : PixelSize, str or float, default=None
            Side of a pixel: with its unit, such as "0.2 A", or in angstrom. Draws a scale bar.
            None takes that of `distance_sum` if it is a lattice that knows one.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : DetectionDisplay
            Drawn.
        """
        flagged = None
        if distance_sum is not None:
            flagged = flag_errors(detections, distance_sum, n_neighbors)
        if pixel_size is None and isinstance(distance_sum, Lattice):
            pixel_size = distance_sum.pixel_size
        display = cls(image, detections, flagged=flagged, pixel_size=pixel_size)
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
        longest: int | None = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        radius : float, default=None
            Radius of the circles in pixels. None is 0.3 of the median nearest distance; of more
            than 2,000 atoms smaller, so that the image stays visible.
        atom_color, flagged_color : str
            Matplotlib colours.
        scale_bar : bool, default=True
            Whether to draw one if the pixel size is known.
        legend : bool, default=True
            Whether to write the numbers of atoms above the image.
        image_kw : dict, default=None
            Handed to `imshow`.
        longest : int, default=None
            For a file: pixels along the longer side that the image will have in it. A larger image
            is averaged to that size, which draws it much faster; `image_kw` is then not used.

        Returns
        -------
        self : DetectionDisplay
            With the artists as attributes.

        Raises
        ------
        TypeError, ValueError
            If the image or the detections are none.
        """
        image = as_image(self.image)
        positions = as_positions(self.detections, name="detections")
        flagged = np.zeros(len(positions), dtype=bool)
        if self.flagged is not None:
            flagged[:] = np.asarray(self.flagged, dtype=bool)
        ax = axes_or_new(ax, (6.0, 6.0 * min(image.shape[0] / image.shape[1], 1.5) + 0.4))
        if longest is None:
            self.image_ = draw_image(ax, image, image_kw)
        else:
            self.image_ = draw_picture(ax, image, longest)
        # Only drawing pays for matplotlib.
        from ._circles import draw_circles  # noqa: PLC0415

        share = min(1.0, math.sqrt(_MANY_ATOMS / max(len(positions), 1)))
        radius = share * _radius(positions) if radius is None else radius
        width, flagged_width = (max(_LEAST_WIDTH, share * w) for w in (_LINE_WIDTH, _FLAGGED_WIDTH))
        self.atoms_ = draw_circles(ax, positions[~flagged], radius, atom_color, width)
        # Thicker and a little larger, so that they are told apart without colour, too.
        self.flagged_atoms_ = draw_circles(
            ax, positions[flagged], 1.25 * radius, flagged_color, flagged_width
        )
        self.unseen_ = _crosses(ax, self.unseen, "x", "the oracle does not see")
        self.missed_ = _crosses(ax, self.missed, "+", "only the oracle sees")
        if legend:
            _write_legend(
                ax,
                len(positions),
                None if self.flagged is None else int(flagged.sum()),
                [line for line in (self.unseen_, self.missed_) if line is not None],
            )
        if scale_bar and self.pixel_size is not None:
            draw_scale_bar(ax, image.shape[1], self.pixel_size)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _radius(positions: FloatArray) -> float:
    if len(positions) < 2:
        return _LONE_RADIUS_PX
    return _RADIUS * float(np.median(distance_sums(positions, n_neighbors=1))) or _LONE_RADIUS_PX


def _crosses(ax: Axes, points: ArrayLike | None, marker: str, what: str) -> Line2D | None:
    if points is None:
        return None
    checked = as_positions(points, name="unseen and missed")
    (line,) = ax.plot(
        checked[:, 1],
        checked[:, 0],
        linestyle="",
        marker=marker,
        markersize=_CROSS,
        markeredgewidth=_CROSS_WIDTH,
        color=DISPUTED,
        label=f"{len(checked)} {what}",
        scalex=False,
        scaley=False,
    )
    return line


def _write_legend(ax: Axes, n_atoms: int, n_flagged: int | None, opinion: list[Line2D]) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    style: dict[str, Any] = {"linestyle": "", "marker": "o", "markerfacecolor": "none"}
    text = f"{n_atoms} atoms"
    handles = [Line2D([], [], **style, markeredgecolor=ATOM, markeredgewidth=1.4, label=text)]
    if n_flagged is not None:
        text = f"{n_flagged} flagged: too close to their neighbours"
        handles.append(
            Line2D([], [], **style, markeredgecolor=FLAGGED, markeredgewidth=2, label=text)
        )
    legend_above(ax, handles=handles + opinion, borderaxespad=0.2, handletextpad=0.2)
