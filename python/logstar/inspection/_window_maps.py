"""All maps of what windows over an image say, beside one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ._saving import new_figure, save_figure
from ._style import figure_or_new
from ._window_map import WindowMapDisplay

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

#: Width and height of a map, in inches, and how many stand side by side.
_SIZE, _BESIDE = (4.4, 3.8), 3


class WindowMapsDisplay:
    """Draw what windows say, a map each.

    Parameters
    ----------
    maps : mapping of str to array-like of shape (n_rows, n_cols)
        Numbers, or words such as verdicts, by their name.
    rows, cols : array-like of shape (n_rows,) and (n_cols,)
        Centres of the windows, in pixels.

    Attributes
    ----------
    displays_ : dict of str to WindowMapDisplay
        The maps by their names.
    axes_ : ndarray of matplotlib Axes
        Where they were drawn.
    figure_ : matplotlib Figure or SubFigure
        Their figure.

    See Also
    --------
    logstar.tuning.WindowMaps : Draws all its maps by this.

    Examples
    --------
    >>> from logstar.inspection import WindowMapsDisplay
    >>> maps = {"threshold": [[0.02, 0.03]], "verdict": [["ok", "check"]]}
    >>> display = WindowMapsDisplay(maps, [32], [32, 64]).plot()
    >>> [ax.get_title() for ax in display.axes_]
    ['threshold', 'verdict']
    """

    def __init__(self, maps: Mapping[str, ArrayLike], rows: ArrayLike, cols: ArrayLike) -> None:
        self.maps = maps
        self.rows = rows
        self.cols = cols

    def plot(self, figure: Figure | SubFigure | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes one by pyplot.

        Returns
        -------
        self : WindowMapsDisplay
            With the maps as attributes.

        Raises
        ------
        ValueError
            If values and centres do not go together, or there is no map.
        """
        if not self.maps:
            raise ValueError("maps is empty: there is nothing to draw.")
        figure = figure_or_new(figure, self._size())
        n_cols = min(_BESIDE, len(self.maps))
        grid: Any = figure.subplots(math.ceil(len(self.maps) / n_cols), n_cols, squeeze=False)
        for ax in grid.ravel()[len(self.maps) :]:
            ax.remove()
        self.axes_ = grid.ravel()[: len(self.maps)]
        self.displays_ = {
            name: WindowMapDisplay(values, self.rows, self.cols, name=name).plot(ax)
            for ax, (name, values) in zip(self.axes_, self.maps.items(), strict=True)
        }
        self.figure_ = figure
        return self

    def save(self, path: str | Path) -> Path:
        """Draw into a PNG file, without pyplot.

        Parameters
        ----------
        path : str or Path
            Where to.

        Returns
        -------
        path : Path
            The file.
        """
        figure = new_figure(*self._size())
        figure.set_layout_engine("constrained")
        self.plot(figure)
        return save_figure(figure, path)

    def _size(self) -> tuple[float, float]:
        n_cols = min(_BESIDE, len(self.maps))
        n_rows = math.ceil(len(self.maps) / _BESIDE)
        return tuple(np.array(_SIZE) * (n_cols, n_rows))
