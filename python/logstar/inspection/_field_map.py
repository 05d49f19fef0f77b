"""Maps of what atoms measure: displacement, polarisation, strain, spacings, vacancies."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray, Image, as_image, as_positions
from logstar.fields import ScalarField, StrainField, VectorField
from logstar.fields._field_grid import nearest_atoms, spacing_of
from logstar.units import PixelSize

from ._image import draw_image, show_whole
from ._saving import new_figure, save_figure
from ._scale_bar import draw_scale_bar
from ._style import ATOM, FLAGGED, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

#: Longer side of the raster that numbers at atoms are spread over, in points: more are not seen.
_RASTER = 800
#: The longest arrows, but for a few, are as long as this share of the median nearest distance.
_ARROW = 0.9
#: Share of values within the range of colours, and of arrows that are not longer than the above.
_SHOWN = 98
#: Arrows shorter than this many standard deviations may be noise, and are drawn faintly.
_CLEAR = 2.0
#: Components of a strain as they are drawn, in this order.
STRAIN_TITLES = {
    "e_xx": r"$\varepsilon_{xx}$ (%)",
    "e_yy": r"$\varepsilon_{yy}$ (%)",
    "e_xy": r"$\varepsilon_{xy}$ (%)",
    "rotation": "rotation (degrees)",
}


class FieldMapDisplay:
    """Draw one field: arrows for vectors, colours for numbers, marks for vacancies.

    Colours are those of the nearest atom. They are symmetric about zero for strain and rotation, so
    that white is none. Arrows shorter than two standard deviations are drawn faintly.

    Parameters
    ----------
    field : VectorField, ScalarField, StrainField or None
        As `logstar.fields` has them. None draws vacancies alone, and needs an image.
    component : {"e_xx", "e_yy", "e_xy", "rotation"}, default="e_xx"
        Which part of a strain is drawn.
    image : array-like of shape (n_rows, n_cols), default=None
        The micrograph, drawn below arrows. For colours its shape alone is used. None shows where
        atoms are.
    vacancies : array-like of shape (n, >=2), default=None
        Row and column of missing atoms, such as `LatticeIndexer.vacancies_`.
    pixel_size : PixelSize, str or float, default=None
        Side of a pixel, for the scale bar. None takes the field's.

    Attributes
    ----------
    drawn_ : matplotlib Quiver, AxesImage or None
        Arrows or colours.
    vacancies_ : matplotlib Line2D or None
        Marks of vacancies.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    logstar.fields : Makes the fields.

    Examples
    --------
    >>> from logstar.fields import strain
    >>> from logstar.inspection import FieldMapDisplay
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> display = FieldMapDisplay(strain(indexer, positions), component="rotation").plot()
    >>> display.ax_.get_title(loc="left")
    'rotation (degrees)'
    """

    def __init__(
        self,
        field: VectorField | ScalarField | StrainField | None,
        *,
        component: str = "e_xx",
        image: ArrayLike | None = None,
        vacancies: ArrayLike | None = None,
        pixel_size: PixelSize | str | float | None = None,
    ) -> None:
        self.field = field
        self.component = component
        self.image = image
        self.vacancies = vacancies
        self.pixel_size = pixel_size

    def plot(
        self,
        ax: Axes | None = None,
        *,
        limit: float | None = None,
        cmap: str | None = None,
        scale_bar: bool = True,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        limit : float, default=None
            For vectors, what the longest arrows stand for, in the field's unit; for strain and
            rotation, where colours end, in per cent or degrees. None shows 98 % of the values.
        cmap : str, default=None
            Matplotlib's name of the colours; None is "RdBu_r" for what has a sign, else "viridis".
        scale_bar : bool, default=True
            Whether to draw one if the pixel size is known.

        Returns
        -------
        self : FieldMapDisplay
            With the artists as attributes.

        Raises
        ------
        TypeError, ValueError
            If the field is none of `logstar.fields`, or has no such component.
        """
        field = self.field
        is_field = isinstance(field, (VectorField, ScalarField, StrainField))
        if not (is_field or (field is None and self.image is not None)):
            raise TypeError(
                "field must be one of logstar.fields, or None with an image, got "
                f"{type(field).__name__}."
            )
        if isinstance(field, StrainField) and self.component not in STRAIN_TITLES:
            raise ValueError(
                f"component must be one of {', '.join(map(repr, STRAIN_TITLES))}, got "
                f"{self.component!r}."
            )
        image = None if self.image is None else as_image(self.image)
        shape = _shape(field, image)
        ax = axes_or_new(ax, (6.0, 6.0 * min(shape[0] / shape[1], 1.5) + 0.4))
        self.drawn_: Any = None
        if isinstance(field, VectorField):
            self._draw_vectors(ax, field, image, shape, limit)
        elif field is not None:
            self._draw_numbers(ax, field, shape, limit, cmap)
        elif image is not None:
            draw_image(ax, image)
        self.vacancies_: Line2D | None = None
        if self.vacancies is not None:
            self._mark_vacancies(ax, as_positions(self.vacancies, name="vacancies"))
        size = None if self.pixel_size is None else PixelSize.of(self.pixel_size)
        if size is None and field is not None:
            size = field.pixel_size
        if scale_bar and size is not None:
            draw_scale_bar(ax, shape[1], size)
        self.ax_, self.figure_ = ax, ax.figure
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
        figure = new_figure(6.4, 6.0)
        figure.set_layout_engine("constrained")
        self.plot(figure.add_subplot())
        return save_figure(figure, path)

    def _draw_vectors(
        self,
        ax: Axes,
        field: VectorField,
        image: Image | None,
        shape: tuple[int, int],
        limit: float | None,
    ) -> None:
        if image is None:
            show_whole(ax, shape)
        else:
            draw_image(ax, image)
        known = np.isfinite(field.vectors).all(axis=1)
        rows, cols = field.positions[known].T
        vectors = field.in_units[known]
        lengths = np.hypot(*vectors.T)
        longest = limit
        if longest is None:
            longest = float(np.percentile(lengths, _SHOWN)) if len(lengths) else 0.0
        longest = longest or 1.0
        with np.errstate(invalid="ignore"):
            faint = field.magnitudes[known] < _CLEAR * np.hypot(*field.errors[known].T) / math.sqrt(
                2
            )
        color = ATOM if image is not None else "black"
        self.drawn_ = ax.quiver(
            cols,
            rows,
            vectors[:, 1],
            vectors[:, 0],
            angles="xy",
            scale_units="xy",
            units="xy",
            scale=longest / (_ARROW * spacing_of(field.positions[known])),
            width=0.08 * spacing_of(field.positions[known]),
            pivot="tail",
            headlength=4,
            headaxislength=3.5,
            color=color,
            # Matplotlib takes no transparencies of no arrows.
            alpha=np.where(faint, 0.35, 1.0) if len(faint) else None,
            zorder=3,
        )
        rounded = float(f"{longest:.1g}")
        ax.quiverkey(
            self.drawn_,
            0.97,
            1.03,
            rounded,
            f"{rounded:g} {field.unit}",
            labelpos="W",
            color="black",
        )
        ax.set_title(field.name, loc="left")

    def _draw_numbers(
        self,
        ax: Axes,
        field: ScalarField | StrainField,
        shape: tuple[int, int],
        limit: float | None,
        cmap: str | None,
    ) -> None:
        if isinstance(field, StrainField):
            values = np.asarray(getattr(field, self.component))
            values = values if self.component == "rotation" else 100 * values
            title, signed = STRAIN_TITLES[self.component], True
        else:
            values, signed = field.in_units, False
            title = f"{field.name} ({field.unit})"
        known = np.isfinite(values) & np.isfinite(field.positions).all(axis=1)
        low, high = 0.0, 1.0
        if known.any():
            if signed:
                high = limit or float(np.percentile(np.abs(values[known]), _SHOWN)) or 1.0
                low = -high
            else:
                cut = (100 - _SHOWN) / 2
                low, high = (float(x) for x in np.percentile(values[known], [cut, 100 - cut]))
        self.drawn_ = ax.imshow(
            _raster(field.positions[known], values[known], shape),
            extent=(-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5),
            cmap=cmap or ("RdBu_r" if signed else "viridis"),
            vmin=low,
            vmax=high,
            interpolation="nearest",
        )
        show_whole(ax, shape)
        ax.set_title(title, loc="left")
        ax.figure.colorbar(self.drawn_, ax=ax, fraction=0.046, pad=0.02)

    def _mark_vacancies(self, ax: Axes, places: FloatArray) -> None:
        from matplotlib.lines import Line2D  # noqa: PLC0415 - only drawing pays for it

        style: dict[str, Any] = {
            "linestyle": "",
            "marker": "s",
            "markersize": 7,
            "markerfacecolor": "none",
            "markeredgecolor": FLAGGED,
            "markeredgewidth": 1.6,
        }
        marks = Line2D(places[:, 1], places[:, 0], **style, zorder=4)
        # Not by `add_line`, which would widen the view.
        ax.add_artist(marks)
        self.vacancies_ = marks
        key = Line2D([], [], **style, label=f"{len(places)} vacancies")
        ax.legend(handles=[key], loc="lower right", fontsize="small")


def _shape(
    field: VectorField | ScalarField | StrainField | None, image: Image | None
) -> tuple[int, int]:
    if image is not None:
        return image.shape[0], image.shape[1]
    if field is None:
        return 1, 1
    places = field.positions[np.isfinite(field.positions).all(axis=1)]
    if not len(places):
        return 1, 1
    rows, cols = np.ceil(places.max(axis=0) + spacing_of(places) / 2).astype(int)
    return max(int(rows), 1), max(int(cols), 1)


def _raster(positions: FloatArray, values: FloatArray, shape: tuple[int, int]) -> NDArray[Any]:
    """The value of the nearest atom at each point of a raster; NaN far from all."""
    step = max(shape) / min(_RASTER, max(shape))
    rows = np.arange(step / 2 - 0.5, shape[0] - 0.5, step)
    cols = np.arange(step / 2 - 0.5, shape[1] - 0.5, step)
    nearest = nearest_atoms(positions, rows, cols)
    return np.where(nearest >= 0, np.append(values, np.nan)[nearest], np.nan)
