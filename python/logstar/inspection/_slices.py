"""Slices through what a search has learnt of its objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._style import CHOSEN, FRONT, are_numbers, figure_or_new, span_decades, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Names of categories with more letters than this are written aslant, so that they do not meet.
_SHORT = 6


@dataclass(frozen=True)
class Slice:
    """One objective along one parameter.

    Parameters
    ----------
    parameter, objective : str
        Their names.
    values : sequence
        Of the parameter; what is not a number is drawn as categories.
    median : array-like of shape (n_values,)
        Prediction.
    bounds : array-like of shape (n_values, 2)
        Lower and upper end of the interval of 0.95.
    at : object
        The parameter's value in the setting that the slice goes through.
    """

    parameter: str
    objective: str
    values: Sequence[Any]
    median: ArrayLike
    bounds: ArrayLike
    at: Any


class SurrogateSliceDisplay:
    """Panels of objectives over parameters: prediction, its uncertainty, and the setting held.

    Use `from_estimator` to create one.

    Parameters
    ----------
    slices : sequence of sequence of Slice
        A row of panels for each objective, in it one for each parameter.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, shape (n_objectives, n_parameters)
        The panels.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    ParameterImportanceDisplay : Which parameters matter.
    logstar.model_selection.SearchSurrogate : What predicts.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.datasets import make_regression
    >>> from logstar.inspection import SurrogateSliceDisplay
    >>> from logstar.model_selection import MOBOSearchCV
    >>> X, y = make_regression(n_samples=40, n_features=5, noise=10, random_state=0)
    >>> search = MOBOSearchCV(
    ...     Ridge(),
    ...     {"alpha": (1e-3, 1e3, "log-uniform")},
    ...     scoring=["neg_mean_absolute_error", "neg_max_error"],
    ...     n_iter=10,
    ...     cv=4,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> SurrogateSliceDisplay.from_estimator(search).axes_.shape
    (2, 1)
    """

    def __init__(self, slices: Sequence[Sequence[Slice]]) -> None:
        self.slices = slices

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        parameters: Sequence[str] | None = None,
        setting: Mapping[str, Any] | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> Self:
        """Learn what a search has found of each objective, and draw it along each parameter.

        Parameters
        ----------
        search : MOBOSearchCV
            Fitted.
        parameters : sequence of str, default=None
            Along which parameters; None takes all numbers and choices that apply to the setting.
        setting : dict, default=None
            Where to hold the others; None takes the compromise.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.

        Returns
        -------
        display : SurrogateSliceDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        ValueError
            For a parameter that does not vary, or a setting outside the space.
        """
        check_is_fitted(search, "cv_results_")
        if setting is None:
            setting = search.cv_results_["params"][search.select()]
        rows = []
        for objective in search.objective_names_:
            surrogate = search.surrogate(objective)
            names = parameters
            if names is None:
                # A parameter that has several domains has as many dimensions of one name.
                known = dict.fromkeys(surrogate.parameter_names)
                names = [name for name in known if name in setting and name != "branch"]
            rows.append([_slice(surrogate, name, objective, setting) for name in names])
        return cls(rows).plot(figure)

    def plot(self, figure: Figure | SubFigure | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one of the right size.

        Returns
        -------
        self : SurrogateSliceDisplay
            With the panels as attributes.
        """
        n_rows, n_columns = len(self.slices), len(self.slices[0])
        figure = figure_or_new(figure, (0.8 + 2.4 * n_columns, 0.6 + 2.1 * n_rows))
        self.axes_: Any = figure.subplots(
            n_rows, n_columns, squeeze=False, sharey="row", sharex="col"
        )
        for i, row in enumerate(self.slices):
            for ax, one in zip(self.axes_[i], row, strict=True):
                _draw(ax, one)
            # The view is that of the medians: the bounds reach so far where nothing is known that
            # they would squeeze the curve.
            medians = np.concatenate([np.asarray(one.median) for one in row])
            low, high = float(medians.min()), float(medians.max())
            room = 0.25 * ((high - low) or 1.0)
            self.axes_[i, 0].set(ylabel=row[0].objective, ylim=(low - room, high + room))
        for ax, one in zip(self.axes_[-1], self.slices[-1], strict=True):
            ax.set_xlabel(one.parameter)
        self.figure_ = figure
        return self


def _slice(surrogate: Any, name: str, objective: str, setting: Mapping[str, Any]) -> Slice:
    values, median, bounds = surrogate.slice(name, setting)
    return Slice(name, objective, values, median, bounds, setting[name])


def _draw(ax: Axes, one: Slice) -> None:
    median = np.asarray(one.median, dtype=np.float64)
    bounds = np.asarray(one.bounds, dtype=np.float64)
    if are_numbers(one.values):
        values = np.asarray(one.values, dtype=np.float64)
        ax.fill_between(values, *bounds.T, color=FRONT, alpha=0.18, linewidth=0)
        ax.plot(values, median, color=FRONT, lw=1.6)
        ax.axvline(float(one.at), color=CHOSEN, lw=1.4, linestyle="--")
        if span_decades(values):
            ax.set_xscale("log")
    else:
        places = np.arange(len(one.values))
        reach = np.abs(bounds.T - median)
        ax.errorbar(places, median, yerr=reach, fmt="o", color=FRONT, capsize=3)
        labels = [str(value) for value in one.values]
        ax.set_xlim(-0.5, len(labels) - 0.5)
        ax.set_xticks(places, labels)
        if max(map(len, labels)) > _SHORT:
            ax.tick_params(axis="x", labelrotation=30)
            for label in ax.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        if str(one.at) in labels:
            ax.axvline(labels.index(str(one.at)), color=CHOSEN, lw=1.4, linestyle="--")
    tidy(ax)
