"""Objectives of all evaluations, their Pareto front and the compromise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from logstar._validation import FloatArray

from ._style import EVALUATED, FRONT, axes_or_new, legend_above, scale_small_numbers, star, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: How far the view reaches beyond the front, by the span of front and ideal point; or farther, ...
_BEYOND_FRONT = 0.5
#: ... as far as it takes to show this share of the evaluations.
_SHARE_IN_VIEW = 0.4
_PAD = 0.05
_REACH_OF_NOTHING = 0.05
#: Most steps between the labels of the lower axis; labels of more would run into each other.
_MOST_TICKS = 5


class ParetoFrontDisplay:
    """Evaluated points over two objectives, the front that no point beats, and the point chosen.

    Use `from_estimator` to create one. Evaluations far from the front are left outside the view,
    and counted in the legend.

    Parameters
    ----------
    objectives : array-like of shape (n_evaluations, 2)
        Rows that are not finite are failures and not drawn.
    is_pareto : array-like of shape (n_evaluations,), bool
        Which are on the front.
    chosen : int, default=None
        Index of the compromise.
    objective_names : sequence of str, default=("objective 1", "objective 2")
        Labels of the axes.
    ideal : array-like of shape (2,), default=None
        The ideal point; None draws none.
    ref_point : array-like of shape (2,), default=None
        The reference point, where the hypervolume ends; None draws none. Where it is outside the
        view, the legend tells it.
    shade : array-like of shape (n_evaluations,), default=None
        A third objective, which colours the points of the front. These are then not joined by a
        line: a front of three objectives is a surface.
    shade_name : str, default=""
        What the legend calls it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        Their figure.
    evaluated_, front_, chosen_, ideal_, ref_point_ : matplotlib Line2D or None
        What was drawn.

    See Also
    --------
    logstar.model_selection.MOBOSearchCV : The search whose outcome this shows.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from logstar.inspection import ParetoFrontDisplay
    >>> display = ParetoFrontDisplay(
    ...     [[0.0, 0.3], [0.1, 0.1], [0.4, 0.4]], [True, True, False], chosen=1
    ... ).plot()
    >>> len(display.front_.get_xdata())
    2
    """

    def __init__(
        self,
        objectives: ArrayLike,
        is_pareto: ArrayLike,
        chosen: int | None = None,
        *,
        objective_names: Sequence[str] = ("objective 1", "objective 2"),
        ideal: ArrayLike | None = None,
        ref_point: ArrayLike | None = None,
        shade: ArrayLike | None = None,
        shade_name: str = "",
    ) -> None:
        self.objectives = objectives
        self.is_pareto = is_pareto
        self.chosen = chosen
        self.objective_names = objective_names
        self.ideal = ideal
        self.ref_point = ref_point
        self.shade = shade
        self.shade_name = shade_name

    @classmethod
    def of(cls, search: Any, *, objectives: Sequence[str] | None = None) -> Self:
        """Collect from a fitted search what is to be drawn, and draw nothing yet.

        Parameters
        ----------
        search : MOBOSearchCV
            Fitted, with two objectives or more. The ideal point is drawn where their scorers
            declare one (`ideal`), as the rewards of `logstar.rewards` do.
        objectives : sequence of two or three str, default=None
            Names of the objectives to draw, the third by colour; None takes the first two.

        Returns
        -------
        display : ParetoFrontDisplay
            Not drawn.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        ValueError
            For unknown objectives, or a search with only one.
        """
        check_is_fitted(search, "cv_results_")
        known = list(search.objective_names_)
        names = list(objectives or known[:2])
        if len(names) not in (2, 3) or not set(names) <= set(known):
            raise ValueError(
                "objectives must be two of those searched, or three of which the third is shown "
                f"by colour; got {names}, there are {known}."
            )
        axes, third = names[:2], names[2:]
        results = search.cv_results_
        return cls(
            np.column_stack([results[f"objective_{name}"] for name in axes]),
            results["is_pareto"],
            getattr(search, "best_index_", None),
            objective_names=axes,
            ideal=_declared_ideal(search.scorer_, axes),
            ref_point=search.ref_point_[[known.index(name) for name in axes]],
            shade=results[f"objective_{third[0]}"] if third else None,
            shade_name=third[0] if third else "",
        )

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        *,
        objectives: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the outcome of a search.

        Parameters
        ----------
        search : MOBOSearchCV
            Fitted, with two objectives or more.
        objectives : sequence of two or three str, default=None
            Names of the objectives to draw, the third by colour; None takes the first two.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Handed to `plot`.

        Returns
        -------
        display : ParetoFrontDisplay
            Drawn.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        ValueError
            For unknown objectives, or a search with only one.
        """
        return cls.of(search, objectives=objectives).plot(ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: bool = True,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        xlabel, ylabel : str, default=None
            Labels of the axes; None takes the names of the objectives.
        legend : bool, default=True
            Whether to explain the markers.

        Returns
        -------
        self : ParetoFrontDisplay
            With the artists as attributes.
        """
        values = np.asarray(self.objectives, dtype=np.float64)
        succeeded = np.isfinite(values).all(axis=1)
        points = values[succeeded]
        rows = np.flatnonzero(np.asarray(self.is_pareto, dtype=bool) & succeeded)
        rows = rows[np.lexsort(values[rows].T[::-1])]
        front = values[rows]
        # A rule may choose a setting beside the front; it is to be seen as well.
        also = [] if self.chosen is None else [values[self.chosen]]
        marked = np.vstack([front, *also, *([] if self.ideal is None else [self.ideal])])
        low, high = _view(points, marked)
        n_outside = int(((points < low) | (points > high)).any(axis=1).sum())

        ax = axes_or_new(ax, (5.6, 4.4))
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        units = [
            scale_small_numbers(axis, name if label is None else label)
            for axis, name, label in zip(
                (ax.xaxis, ax.yaxis), self.objective_names, (xlabel, ylabel), strict=True
            )
        ]
        text = f"evaluated ({len(points)}" + (f", {n_outside} outside)" if n_outside else ")")
        (self.evaluated_,) = ax.plot(
            *points.T, ls="", marker="o", ms=4.5, mew=0, color=EVALUATED, alpha=0.7, label=text
        )
        self._draw_front(ax, front, rows)
        self.chosen_ = self.ideal_ = self.ref_point_ = None
        if self.chosen is not None:
            label = "compromise ({:.3g}, {:.3g})".format(*values[self.chosen] / units)
            self.chosen_ = star(ax, values[self.chosen], label, size=17)
        if self.ideal is not None:
            (self.ideal_,) = ax.plot(
                *np.asarray(self.ideal, dtype=np.float64),
                linestyle="",
                marker="+",
                ms=12,
                mew=1.6,
                color="black",
                zorder=3.5,
                clip_on=False,
                label="ideal point",
            )
        if self.ref_point is not None:
            corner = np.asarray(self.ref_point, dtype=np.float64)
            inside = ((low <= corner) & (corner <= high)).all()
            (self.ref_point_,) = ax.plot(
                *corner,
                linestyle="",
                marker="x" if inside else "",
                ms=9,
                mew=1.6,
                color="black",
                zorder=3.5,
                label="reference"
                + (" point" if inside else " ({:.3g}, {:.3g})".format(*corner / units)),
            )
        ax.locator_params(axis="x", nbins=_MOST_TICKS)
        tidy(ax)
        if legend:
            legend_above(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_front(self, ax: Axes, front: FloatArray, rows: NDArray[np.intp]) -> None:
        line: dict[str, Any] = {"marker": "o", "ms": 6, "color": FRONT, "zorder": 3}
        if self.shade is None:
            (self.front_,) = ax.plot(*front.T, lw=1.4, label="Pareto front", **line)
            return
        shades = np.asarray(self.shade, dtype=np.float64)[rows]
        text = f"front, {self.shade_name} {shades.min():.2g} (dark) to {shades.max():.2g}"
        (self.front_,) = ax.plot(*front.T, lw=0, label=text, **line)
        ax.scatter(front[:, 0], front[:, 1], c=shades, cmap="viridis", s=36, lw=0, zorder=3.2)


def _declared_ideal(scorers: Any, names: Sequence[str]) -> list[float] | None:
    if not isinstance(scorers, Mapping):
        return None
    ideals: list[Any] = [getattr(scorers.get(name), "ideal", None) for name in names]
    return None if None in ideals else [float(ideal) for ideal in ideals]


def _view(points: FloatArray, marked: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Limits of the axes: counts of atoms miss by any factor, which would squeeze the front."""
    low, high = marked.min(axis=0), marked.max(axis=0)
    beyond = np.maximum(np.maximum(low - points, points - high), 0)
    reach = np.maximum(_BEYOND_FRONT * (high - low), np.quantile(beyond, _SHARE_IN_VIEW, axis=0))
    for axis in np.flatnonzero(reach == 0):
        positive = beyond[beyond[:, axis] > 0, axis]
        reach[axis] = np.median(positive) if len(positive) else _REACH_OF_NOTHING
    # Beyond the front on its good side there are no points, so no room is kept there.
    has_below, has_above = (points < low).any(axis=0), (points > high).any(axis=0)
    below = np.where(has_below, reach, 0)
    above = np.where(has_above | ((low == high) & ~has_below), reach, 0)
    pad = _PAD * (high - low + reach)
    return low - below - pad, high + above + pad
