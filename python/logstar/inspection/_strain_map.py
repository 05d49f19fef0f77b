"""All components of a strain, beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from logstar.fields import StrainField

from ._field_map import STRAIN_TITLES, FieldMapDisplay
from ._saving import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

#: Share of values within the range of colours.
_SHOWN = 98


class StrainMapDisplay:
    """Draw strains and rotation: the three strains with one range of colours.

    Parameters
    ----------
    field : StrainField
        As `logstar.fields.strain` makes it.
    image : array-like of shape (n_rows, n_cols), default=None
        The micrograph, for its shape. None shows where atoms are.
    vacancies : array-like of shape (n, >=2), default=None
        Row and column of missing atoms.

    Attributes
    ----------
    displays_ : list of FieldMapDisplay
        One for each of e_xx, e_yy, e_xy and the rotation.
    axes_ : list of matplotlib Axes
        Where they were drawn.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    FieldMapDisplay : Draws one of them.

    Examples
    --------
    >>> from logstar.fields import strain
    >>> from logstar.inspection import StrainMapDisplay
    >>> from logstar.lattice import Lattice, LatticeIndexer
    >>> lattice = Lattice.perovskite(4.0, pixel_size=0.2)
    >>> positions, kinds = lattice.positions((200, 200))
    >>> indexer = LatticeIndexer(lattice).fit(positions, kinds)
    >>> display = StrainMapDisplay(strain(indexer, positions)).plot()
    >>> len(display.displays_)
    4
    """

    def __init__(
        self,
        field: StrainField,
        *,
        image: ArrayLike | None = None,
        vacancies: ArrayLike | None = None,
    ) -> None:
        self.field = field
        self.image = image
        self.vacancies = vacancies

    def plot(self, figure: Figure | SubFigure | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes one of pyplot.

        Returns
        -------
        self : StrainMapDisplay
            With the displays as attributes.

        Raises
        ------
        TypeError
            If the field is no strain.
        """
        field = self.field
        if not isinstance(field, StrainField):
            raise TypeError(f"field must be a StrainField, got {type(field).__name__}.")
        if figure is None:
            import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing pays for it

            figure = plt.figure(figsize=(11.0, 10.0), layout="constrained")
        strains = np.abs(100 * field.components[:, :3])
        known = strains[np.isfinite(strains)]
        limit = (float(np.percentile(known, _SHOWN)) if len(known) else 0.0) or None
        self.displays_: list[FieldMapDisplay] = []
        for i, name in enumerate(STRAIN_TITLES, start=1):
            display = FieldMapDisplay(
                field, component=name, image=self.image, vacancies=self.vacancies
            )
            ax = figure.add_subplot(2, 2, i)
            display.plot(ax, limit=None if name == "rotation" else limit)
            self.displays_.append(display)
        self.axes_ = [display.ax_ for display in self.displays_]
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
        figure = new_figure(11.0, 10.0)
        figure.set_layout_engine("constrained")
        self.plot(figure)
        return save_figure(figure, path)
