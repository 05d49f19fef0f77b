"""A map of what windows over an image say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ._style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Colours of verdicts; other words are grey.
_VERDICTS = {"ok": "#009e73", "check": "#d55e00"}


class WindowMapDisplay:
    """Draw one value, or one word, for each window, where its centre is.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_cols)
        Numbers, or words such as verdicts.
    rows, cols : array-like of shape (n_rows,) and (n_cols,)
        Centres of the windows, in pixels.
    name : str, default=""
        What the values are.

    Attributes
    ----------
    image_ : matplotlib QuadMesh
        The map.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    logstar.tuning.WindowMaps : Draws its maps by this.

    Examples
    --------
    >>> from logstar.inspection import WindowMapDisplay
    >>> display = WindowMapDisplay([[0.02, 0.03]], [32], [32, 64], name="threshold").plot()
    >>> display.ax_.get_title()
    'threshold'
    """

    def __init__(
        self, values: ArrayLike, rows: ArrayLike, cols: ArrayLike, *, name: str = ""
    ) -> None:
        self.values = values
        self.rows = rows
        self.cols = cols
        self.name = name

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes one by pyplot.

        Returns
        -------
        self : WindowMapDisplay
            With the artists as attributes.

        Raises
        ------
        ValueError
            If values and centres do not go together.
        """
        values = np.asarray(self.values)
        rows, cols = (np.asarray(axis, dtype=np.float64) for axis in (self.rows, self.cols))
        if values.shape != (len(rows), len(cols)):
            raise ValueError(
                f"values must have the shape ({len(rows)}, {len(cols)}) of the centres, got "
                f"{values.shape}."
            )
        ax = axes_or_new(ax, (6.0, 5.0))
        if values.dtype.kind in "US":
            self._draw_words(ax, values, rows, cols)
        else:
            self.image_ = ax.pcolormesh(cols, rows, values, shading="nearest")
            ax.figure.colorbar(self.image_, ax=ax)
        ax.set(aspect="equal", title=self.name, xlabel="column (px)", ylabel="row (px)")
        ax.invert_yaxis()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_words(self, ax: Axes, values: Any, rows: Any, cols: Any) -> None:
        from matplotlib.colors import BoundaryNorm, ListedColormap  # noqa: PLC0415 - likewise

        known = [word for word in _VERDICTS if word in values]
        words = known + sorted(set(values.ravel().tolist()) - set(known))
        colors = [_VERDICTS.get(word, "0.6") for word in words]
        numbers = np.vectorize(words.index)(values)
        norm = BoundaryNorm(np.arange(len(words) + 1) - 0.5, max(1, len(words)))
        self.image_ = ax.pcolormesh(
            cols, rows, numbers, shading="nearest", cmap=ListedColormap(colors), norm=norm
        )
        bar = ax.figure.colorbar(self.image_, ax=ax, ticks=range(len(words)))
        bar.ax.set_yticklabels(words)
