"""What all rewards have in common: they are scorers that say what their score means."""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from logstar._validation import FloatArray
from logstar.exceptions import NoAtomsWarning


class Reward(ABC):
    """A quantity of what an estimator finds, as a scorer ``reward(estimator, X, y=None)``.

    Subclasses say by class attributes, or properties, what searches over several rewards need to
    know. The score is the quantity where it is to grow, else minus its magnitude.
    """

    #: Whether the quantity is to grow.
    greater_is_better: ClassVar[bool] = False
    #: The value of the quantity that cannot be bettered; None where there is none.
    ideal: float | None = 0.0
    #: One unit of the quantity, by which distances from the ideal are measured; None is the range
    #: on the front.
    scale: float | None = 1.0

    @abstractmethod
    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score a fitted estimator; greater is better."""

    def __repr__(self) -> str:
        given = {name: (getattr(self, name), default) for name, default in _defaults(type(self))}
        shown = (f"{name}={value!r}" for name, (value, default) in given.items()
                 if not _is_same(value, default))  # fmt: skip
        return f"{type(self).__name__}({', '.join(shown)})"

    def _score(self, measures: float | FloatArray) -> float:
        """Turn measures of one image or several into the score."""
        return 0.0 + float(np.mean(self._scores(measures)))

    def _scores(self, measures: float | FloatArray) -> float | FloatArray:
        """Turn measures into what is averaged over images."""
        return measures if self.greater_is_better else -np.abs(measures)


class DetectionReward(Reward):
    """A reward of detected positions, averaged over images."""

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score a fitted detector, averaged over images; greater is better."""
        with warnings.catch_warnings():
            # While parameters are tried, finding nothing is a result like any other.
            warnings.simplefilter("ignore", NoAtomsWarning)
            detections = estimator.predict(X)
        return self._score(self.measure(detections, X, y))

    def measure(self, detections: Any, X: Any = None, y: Any = None) -> float | FloatArray:
        """Measure the detections of one image or a stack, in the quantity's own sign.

        Parameters
        ----------
        detections : array-like of shape (n_atoms, >=2), or list of arrays for a stack
            Row and column in pixels; further columns are ignored.
        X : image or stack, default=None
            The images; needed where the expected count comes from a lattice (for their shape) or
            an oracle, and by rewards that look at the field.
        y : positions or count, or a sequence of them for a stack; default=None
            Reference positions (row, col), or their number; needed where an expected number is
            asked for and not given, else ignored.

        Returns
        -------
        measure : float, or ndarray of shape (n_images,) for a stack
            The quantity itself.

        Raises
        ------
        TypeError, ValueError
            For tables that hold no positions, parameters that cannot be, and images or expected
            counts that are missing.
        """
        is_stack = isinstance(detections, (list, tuple)) and (
            len(detections) == 0 or np.ndim(detections[0]) == 2
        )
        tables = list(detections) if is_stack else [detections]
        if not is_stack:
            X, y = (None if value is None else [value] for value in (X, y))
        measures = np.array(self._measure_each(tables, X, y), dtype=np.float64)
        return measures if is_stack else float(measures[0])

    @abstractmethod
    def _measure_each(self, tables: list[ArrayLike], X: Any, y: Any) -> list[float]:
        """Measure each table; `X` and `y` hold an entry for each, or are None."""


@lru_cache(maxsize=64)
def _defaults(kind: type[Reward]) -> list[tuple[str, Any]]:
    """Names and defaults of a reward's parameters; scikit-learn writes rewards in each search."""
    return [(p.name, p.default) for p in inspect.signature(kind).parameters.values()]


def _is_same(value: Any, default: Any) -> bool:
    # Arrays and lattices are not compared: they are no defaults.
    return value is default or (
        isinstance(value, (bool, int, float, str, tuple)) and bool(value == default)
    )
