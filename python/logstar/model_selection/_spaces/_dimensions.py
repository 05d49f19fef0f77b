"""Dimensions of a search space: intervals of numbers, and choices.

A *point* is a tuple with one number per dimension: the value itself, or the position of a choice.
Engines deal in points; the search turns them into parameters.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logstar._validation import FloatArray

Point: TypeAlias = tuple[float, ...]


@dataclass(frozen=True)
class Quantiles:
    """A frozen distribution of scipy.stats, equal to another of the same name and parameters.

    Parameters
    ----------
    key : tuple
        Name and parameters.
    frozen : rv_frozen
        What computes.
    """

    key: tuple[Any, ...]
    frozen: Any = field(compare=False, repr=False)


@dataclass(frozen=True)
class Real:
    """An interval of real numbers, both ends included.

    Parameters
    ----------
    low, high : float
        The ends.
    log : bool, default=False
        Whether values are spread evenly over their logarithms.
    quantiles : Quantiles or None, default=None
        How values are spread, if not evenly.
    """

    low: float
    high: float
    log: bool = False
    quantiles: Quantiles | None = None
    size: None = field(default=None, init=False)

    def from_unit(self, u: ArrayLike) -> FloatArray:
        """Map numbers in [0, 1] onto the interval, evenly in the prior."""
        u = np.asarray(u, dtype=np.float64)
        if self.quantiles is not None:
            value = self.quantiles.frozen.ppf(u)
        elif self.log:
            value = self.low * (self.high / self.low) ** u
        else:
            value = self.low + (self.high - self.low) * u
        # Rounding may leave the interval.
        clipped: FloatArray = np.clip(value, self.low, self.high)
        return clipped

    def to_unit(self, values: ArrayLike) -> FloatArray:
        """Undo `from_unit`."""
        values = np.asarray(values, dtype=np.float64)
        if self.quantiles is not None:
            unit = self.quantiles.frozen.cdf(values)
        elif self.log:
            unit = np.log(values / self.low) / np.log(self.high / self.low)
        else:
            unit = (values - self.low) / (self.high - self.low)
        clipped: FloatArray = np.clip(unit, 0.0, 1.0)
        return clipped

    def nearest(self, value: Any) -> float:
        """Bring a value that left the interval back into it."""
        return min(max(float(value), self.low), self.high)

    def decode(self, number: float) -> float:
        """Return the parameter's value."""
        return float(number)

    def encode(self, value: Any) -> float:
        """Return the number that stands for a parameter's value; ValueError outside."""
        if not is_number(value) or not self.low <= value <= self.high:
            raise ValueError(f"must be a number from {self.low} to {self.high}")
        return float(value)


@dataclass(frozen=True)
class Integer:
    """An interval of integers, both ends included; parameters as of `Real`."""

    low: int
    high: int
    log: bool = False
    quantiles: Quantiles | None = None

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1

    def from_unit(self, u: ArrayLike) -> NDArray[np.int64]:
        """Map numbers in [0, 1] onto the integers, evenly in the prior."""
        u = np.asarray(u, dtype=np.float64)
        # Each integer owns the unit interval around it; under the log prior, its share of that.
        low, high = self.low - 0.5, self.high + 0.5
        if self.quantiles is not None:
            value = self.quantiles.frozen.ppf(u)
        else:
            value = low * (high / low) ** u if self.log else low + (high - low) * u
        clipped: NDArray[np.int64] = np.clip(np.rint(value), self.low, self.high).astype(np.int64)
        return clipped

    def to_unit(self, values: ArrayLike) -> FloatArray:
        """Map each integer to where it lies in its own share of [0, 1]."""
        values = np.asarray(values, dtype=np.float64)
        low, high = self.low - 0.5, self.high + 0.5
        if self.quantiles is not None:
            frozen = self.quantiles.frozen
            unit = (frozen.cdf(values) + frozen.cdf(values - 1)) / 2
        elif self.log:
            unit = np.log(values / low) / np.log(high / low)
        else:
            unit = (values - low) / (high - low)
        clipped: FloatArray = np.clip(unit, 0.0, 1.0)
        return clipped

    def nearest(self, value: Any) -> int:
        """Round, and bring what rounding moved outside back."""
        return min(max(round(float(value)), self.low), self.high)

    def decode(self, number: float) -> int:
        """Return the parameter's value."""
        return int(number)

    def encode(self, value: Any) -> int:
        """Return the number that stands for a parameter's value; ValueError outside."""
        if not is_number(value) or value != int(value) or not self.low <= value <= self.high:
            raise ValueError(f"must be an integer from {self.low} to {self.high}")
        return int(value)


@dataclass(frozen=True)
class Choice:
    """A list of values without order.

    Parameters
    ----------
    values : tuple
        Anything: numbers, strings, estimators.
    prior : tuple of float or None, default=None
        Probability of each in the initial design; None makes them equal.
    """

    values: tuple[Any, ...]
    prior: tuple[float, ...] | None = None

    def __eq__(self, other: object) -> bool:
        # The generated one would fail on arrays, and take 1 and True for the same.
        if not isinstance(other, Choice):
            return NotImplemented
        return (
            self.prior == other.prior
            and self.size == other.size
            and all(map(same, self.values, other.values))
        )

    def __hash__(self) -> int:
        return hash((self.size, self.prior))

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    def from_unit(self, u: ArrayLike) -> NDArray[np.int64]:
        """Map numbers in [0, 1] onto the positions of the choices."""
        u = np.asarray(u, dtype=np.float64)
        if self.prior is None:
            positions = (u * self.size).astype(np.int64)
        else:
            positions = np.searchsorted(np.cumsum(self.prior), u, side="right")
        return np.clip(positions, 0, self.size - 1)

    def nearest(self, value: Any) -> int:
        """Bring a position into the range."""
        return min(max(int(value), 0), self.size - 1)

    def decode(self, number: float) -> Any:
        """Return the parameter's value."""
        return self.values[int(number)]

    def encode(self, value: Any) -> int:
        """Return the position of a parameter's value; ValueError if it is no choice."""
        value = plain(value)
        for position, choice in enumerate(self.values):
            if same(choice, value):
                return position
        # 2 for 2.0 is meant well; a bool for a number is not.
        if is_number(value):
            for position, choice in enumerate(self.values):
                if is_number(choice) and choice == value:
                    return position
        raise ValueError(f"must be one of {list(self.values)}")


Dimension: TypeAlias = Real | Integer | Choice


def plain(value: Any) -> Any:
    """Turn a NumPy scalar into Python's own, which every estimator's validation accepts."""
    return value.item() if isinstance(value, np.generic) else value


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite real number, and no bool."""
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, numbers.Real) and math.isfinite(float(value))


def same(first: Any, second: Any) -> bool:
    """Tell whether two values mean the same setting; estimators do if all their parameters do."""
    if first is second:
        return True
    if type(first) is not type(second):
        return False
    if hasattr(first, "get_params"):
        ours, theirs = first.get_params(deep=False), second.get_params(deep=False)
        return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, np.ndarray):
        return bool(np.array_equal(first, second))
    return bool(first == second)
