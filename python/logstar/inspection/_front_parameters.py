"""How the parameters change along a Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray

from ._style import CHOSEN, FRONT, are_numbers, figure_or_new, span_decades, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


class FrontParametersDisplay:
    """Values of each parameter on the front against one objective, a panel for each.

    Use `from_estimator` to create one.

    Parameters
    ----------
    objective : array-like of shape (n_front,)
        What to draw against.
    parameters : dict of str to sequence
        Values of each parameter on the front; None where it does not apply. What is not a number
        is drawn as categories.
    chosen : int, default=None
        Which point of the front is the compromise.
    objective_name : str, default="objective"
        Label of the axis.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each parameter.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    ParetoFrontDisplay : The front itself.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from logstar.inspection import FrontParametersDisplay
    >>> display = FrontParametersDisplay(
    ...     [0.0, 0.1, 0.3], {"threshold": [0.1, 0.2, 0.4], "kernel": ["a", "b", "b"]}, chosen=1
    ... ).plot()
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['threshold', 'kernel']
    """

    def __init__(
        self,
        objective: ArrayLike,
        parameters: Mapping[str, Sequence[Any]],
        chosen: int | None = None,
        *,
        objective_name: str = "objective",
    ) -> None:
        self.objective = objective
        self.parameters = parameters
        self.chosen = chosen
        self.objective_name = objective_name

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        objective: str | None = None,
        parameters: Sequence[str] | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> Self:
        """Draw the settings on a search's front.

        Parameters
        ----------
        search : MOBOSearchCV
            Fitted.
        objective : str, default=None
            One of its objectives; None takes the first.
        parameters : sequence of str, default=None
            Parameters to draw; None takes all that vary over the evaluations.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.

        Returns
        -------
        display : FrontParametersDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        ValueError
            For an unknown objective or parameter.
        """
        check_is_fitted(search, "cv_results_")
        names = list(search.objective_names_)
        name = names[0] if objective is None else objective
        if name not in names:
            raise ValueError(f"objective={objective!r} must be one of {names}.")
        results = search.cv_results_
        columns = {
            key.removeprefix("param_"): np.where(column.mask, None, column.data)
            for key, column in results.items()
            if key.startswith("param_")
        }
        varying = [key for key, column in columns.items() if len(set(map(repr, column))) > 1]
        shown = varying if parameters is None else list(parameters)
        if unknown := [key for key in shown if key not in columns]:
            raise ValueError(f"parameters names {unknown}, not searched; {list(columns)} were.")
        rows = search.pareto_indices_
        rows = rows[np.argsort(results[f"objective_{name}"][rows], kind="stable")]
        chosen = np.flatnonzero(rows == getattr(search, "best_index_", -1))
        return cls(
            results[f"objective_{name}"][rows],
            {key: list(columns[key][rows]) for key in shown},
            int(chosen[0]) if len(chosen) else None,
            objective_name=name,
        ).plot(figure)

    def plot(self, figure: Figure | SubFigure | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.

        Returns
        -------
        self : FrontParametersDisplay
            With the panels as attributes.
        """
        n_panels = len(self.parameters)
        figure = figure_or_new(figure, (5.0, 0.6 + 1.5 * n_panels))
        panels: Any = figure.subplots(n_panels, squeeze=False, sharex=True)[:, 0]
        objective = np.asarray(self.objective, dtype=np.float64)
        for ax, (name, values) in zip(panels, self.parameters.items(), strict=True):
            heights = _heights(ax, values)
            ax.plot(objective, heights, marker="o", ms=5, lw=0, color=FRONT)
            if self.chosen is not None:
                ax.plot(
                    objective[self.chosen],
                    heights[self.chosen],
                    marker="*",
                    ms=15,
                    color=CHOSEN,
                    mec="white",
                    mew=0.8,
                    zorder=3,
                )
            ax.set_ylabel(name)
            ax.margins(0.06, 0.15)
            tidy(ax)
        panels[-1].set_xlabel(self.objective_name)
        self.axes_, self.figure_ = panels, figure
        return self


def _heights(ax: Axes, values: Sequence[Any]) -> FloatArray:
    """Return where values are drawn, and prepare the axis; NaN where a parameter does not apply."""
    given = [value for value in values if value is not None]
    if given and are_numbers(given):
        if span_decades(given):
            ax.set_yscale("log")
        return np.array([np.nan if value is None else float(value) for value in values])
    labels = list(dict.fromkeys(map(str, given)))
    ax.set_yticks(range(len(labels)), labels)
    return np.array([np.nan if value is None else labels.index(str(value)) for value in values])
