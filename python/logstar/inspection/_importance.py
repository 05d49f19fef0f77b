"""Which parameters matter to which objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._style import SERIES, axes_or_new, legend_above, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ParameterImportanceDisplay:
    """Bars: the share of each objective's variation that each parameter takes part in.

    Use `from_estimator` to create one.

    Parameters
    ----------
    importances : dict of str to array-like of shape (n_parameters,)
        For each objective, from 0 to 1.
    parameter_names : sequence of str
        The parameters.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    bars_ : list of matplotlib BarContainer
        One for each objective.

    See Also
    --------
    SurrogateSliceDisplay : How an objective depends on a parameter.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from logstar.inspection import ParameterImportanceDisplay
    >>> display = ParameterImportanceDisplay(
    ...     {"qc": [0.9, 0.2], "er": [0.3, 0.8]}, ["threshold", "overlap"]
    ... ).plot()
    >>> len(display.bars_)
    2
    """

    def __init__(
        self, importances: Mapping[str, ArrayLike], parameter_names: Sequence[str]
    ) -> None:
        self.importances = importances
        self.parameter_names = parameter_names

    @classmethod
    def from_estimator(
        cls, search: Any, *, random_state: int = 0, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Learn what a search has found of each objective, and draw what matters.

        Parameters
        ----------
        search : MOBOSearchCV
            Fitted.
        random_state : int, default=0
            Seed of the settings at which its surrogates are asked.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : ParameterImportanceDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        """
        check_is_fitted(search, "cv_results_")
        surrogates = {name: search.surrogate(name) for name in search.objective_names_}
        importances = {name: s.importances(random_state) for name, s in surrogates.items()}
        names = next(iter(surrogates.values())).parameter_names
        return cls(importances, names).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : ParameterImportanceDisplay
            With the artists as attributes.
        """
        n_parameters, n_objectives = len(self.parameter_names), len(self.importances)
        ax = axes_or_new(ax, (5.0, 1.2 + 0.3 * n_parameters * (n_objectives + 1)))
        height = 0.8 / n_objectives
        self.bars_ = [
            ax.barh(
                np.arange(n_parameters) + height * (i - (n_objectives - 1) / 2),
                np.asarray(values, dtype=np.float64),
                height=0.9 * height,
                color=SERIES[i % len(SERIES)],
                label=name,
            )
            for i, (name, values) in enumerate(self.importances.items())
        ]
        ax.set_yticks(range(n_parameters), self.parameter_names)
        ax.invert_yaxis()
        ax.set(xlim=(0, 1), xlabel="share of the variation")
        tidy(ax)
        ax.grid(visible=False, axis="y")
        legend_above(ax, ncols=n_objectives)
        self.ax_, self.figure_ = ax, ax.figure
        return self
