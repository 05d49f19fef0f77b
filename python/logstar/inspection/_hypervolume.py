"""How the dominated hypervolume grew in a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._style import EVALUATED, FRONT, axes_or_new, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HypervolumeDisplay:
    """Hypervolume after each evaluation, and where the initial points end.

    Use `from_estimator` to create one.

    Parameters
    ----------
    trace : array-like of shape (n_evaluations,)
        Hypervolume after each evaluation.
    n_initial : int, default=None
        Evaluations of the initial design; None marks no end of it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    line_, initial_ : matplotlib Line2D or None
        What was drawn.

    See Also
    --------
    logstar.model_selection.MOBOSearchCV : The search whose course this shows.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from logstar.inspection import HypervolumeDisplay
    >>> display = HypervolumeDisplay([0.0, 0.5, 0.5, 0.75], n_initial=2).plot()
    >>> display.line_.get_ydata().tolist()
    [0.0, 0.5, 0.5, 0.75]
    """

    def __init__(self, trace: ArrayLike, n_initial: int | None = None) -> None:
        self.trace = trace
        self.n_initial = n_initial

    @classmethod
    def from_estimator(cls, search: Any, *, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the course of a search.

        Parameters
        ----------
        search : MOBOSearchCV
            Fitted. The end of the initial points is not marked where parameters were swept.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : HypervolumeDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        """
        check_is_fitted(search, "hypervolume_trace_")
        n_initial = None if search.sweep else search.n_initial_points
        return cls(search.hypervolume_trace_, n_initial).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, *, legend: bool = True) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        legend : bool, default=True
            Whether to explain the lines.

        Returns
        -------
        self : HypervolumeDisplay
            With the artists as attributes.
        """
        trace = np.asarray(self.trace, dtype=np.float64)
        ax = axes_or_new(ax, (5.0, 3.4))
        (self.line_,) = ax.plot(
            np.arange(1, len(trace) + 1),
            trace,
            drawstyle="steps-post",
            marker="o",
            ms=3 if len(trace) <= 100 else 0,
            lw=1.6,
            color=FRONT,
            label=f"hypervolume ({trace[-1]:.4g})",
        )
        self.initial_ = None
        if self.n_initial is not None and self.n_initial < len(trace):
            self.initial_ = ax.axvline(
                self.n_initial + 0.5,
                color=EVALUATED,
                linestyle="--",
                linewidth=1.2,
                label=f"end of the {self.n_initial} initial points",
            )
        ax.set(xlabel="evaluation", ylabel="dominated hypervolume", xlim=(0, len(trace) + 1))
        tidy(ax)
        if legend:
            ax.legend(loc="lower right", frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
