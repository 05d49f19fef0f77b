"""What searches and the estimators that they tune agree on to sweep parameters exactly.

It stands below both, as neither imports the other; `logstar.model_selection.protocols` is where
it is public and explained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._validation import FloatArray


@dataclass(frozen=True)
class Interval:
    """The values that a swept parameter may take, both ends included.

    Parameters
    ----------
    low, high : float
        The ends.

    Examples
    --------
    >>> from logstar.model_selection.protocols import Interval
    >>> Interval(0.01, 0.5).high
    0.5
    """

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Front:
    """Settings of the swept parameters that no other beats, as columns.

    Parameters
    ----------
    settings : mapping of str to array-like of shape (n_settings,)
        Values of each swept parameter. Integers stay integers.
    scores : mapping of str to array-like of shape (n_settings,)
        What each scorer gives at these settings, by its name; greater is better.
    details : mapping of str to array-like of shape (n_settings,), default={}
        Numbers that the estimator tells beside the scores. A search keeps them in `cv_results_` as
        ``detail_NAME``.

    Raises
    ------
    ValueError
        If columns are not one-dimensional or not of one length, or there is no setting or no score.

    Examples
    --------
    >>> from logstar.model_selection.protocols import Front
    >>> front = Front({"alpha": [0.1, 0.2]}, {"fit": [-1.0, -2.0], "size": [-3.0, -2.0]})
    >>> len(front)
    2
    """

    settings: Mapping[str, NDArray[Any]]
    scores: Mapping[str, FloatArray]
    details: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in ("settings", "scores", "details"):
            columns = {
                name: _column(f"{part}[{name!r}]", values, as_float=part != "settings")
                for name, values in getattr(self, part).items()
            }
            object.__setattr__(self, part, columns)
        if not self.settings or not self.scores:
            raise ValueError("a front needs a column of settings and a column of scores at least.")
        lengths = {
            f"{part}[{name!r}]": len(column)
            for part in ("settings", "scores", "details")
            for name, column in getattr(self, part).items()
        }
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns of a front must have one length, got {lengths}.")

    def __len__(self) -> int:
        """Number of settings."""
        return len(next(iter(self.settings.values())))


def _column(name: str, values: ArrayLike, *, as_float: bool) -> NDArray[Any]:
    column = np.asarray(values, dtype=np.float64) if as_float else np.asarray(values)
    if column.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {column.shape}.")
    if column.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold numbers, got {column.dtype}.")
    return column


@runtime_checkable
class SupportsSweep(Protocol):
    """An estimator that finds its own front over some parameters, all of their values at once."""

    def sweep(
        self,
        X: Any,
        y: Any = None,
        *,
        settings: Sequence[Mapping[str, Any]],
        ranges: Mapping[str, Interval],
        scorers: Mapping[str, Any],
    ) -> Iterator[Front]:
        """Sweep parameters for several settings of the others.

        Parameters
        ----------
        X : array-like, image, or whatever the estimator takes
            The data.
        y : array-like or None, default=None
            Target, reference, or nothing.
        settings : sequence of mapping
            Values of other parameters. They hold for one front each and for copies only: the
            estimator itself stays as it is, and parameters that a setting lacks are as it has them.
            Estimators among the values are cloned before they are fitted; the same object in
            several settings stands for the same value.
        ranges : mapping of str to Interval
            The parameters to sweep, and between which values.
        scorers : mapping of str to callable
            What counts, as scorers ``scorer(estimator, X, y)``, greater is better.

        Returns
        -------
        fronts : iterator of Front
            One for each of `settings`, in their order. Work may be shared between them and done
            ahead.

        Raises
        ------
        TypeError, ValueError
            At once, for parameters or scorers that cannot be swept, even if `settings` is empty.
            What is wrong with one of the settings is raised when it is its turn.
        """
