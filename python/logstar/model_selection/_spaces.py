"""Search spaces: what users write, as plain dimensions that no engine owns.

A *point* is a tuple with one number per dimension: the value itself, or the position of a choice.
Engines deal in points; the search turns them into parameters.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Point: TypeAlias = tuple[float, ...]

_PRIORS = ("uniform", "log-uniform")
_SYNTAX = (
    '(low, high), (low, high, "log-uniform"), a list of choices, a scikit-optimize dimension, or '
    "a frozen scipy.stats uniform, loguniform or randint"
)


@dataclass(frozen=True)
class Real:
    """An interval of real numbers, both ends included."""

    low: float
    high: float
    log: bool = False
    size: None = None

    def from_unit(self, u: float) -> float:
        """Map [0, 1] onto the interval, evenly in the prior."""
        if self.log:
            value = self.low * (self.high / self.low) ** u
        else:
            value = self.low + (self.high - self.low) * u
        return self.nearest(value)

    def nearest(self, value: Any) -> float:
        """Bring a value that left the interval by rounding back into it."""
        return min(max(float(value), self.low), self.high)

    def decode(self, number: float) -> float:
        """Return the parameter's value."""
        return float(number)


@dataclass(frozen=True)
class Integer:
    """An interval of integers, both ends included."""

    low: int
    high: int
    log: bool = False

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1

    def from_unit(self, u: float) -> int:
        """Map [0, 1] onto the integers, evenly in the prior."""
        # Each integer owns the unit interval around it; under the log prior, its share of that.
        low, high = self.low - 0.5, self.high + 0.5
        value = low * (high / low) ** u if self.log else low + (high - low) * u
        return self.nearest(value)

    def nearest(self, value: Any) -> int:
        """Round, and bring what rounding moved outside back."""
        return min(max(round(float(value)), self.low), self.high)

    def decode(self, number: float) -> int:
        """Return the parameter's value."""
        return int(number)


@dataclass(frozen=True)
class Choice:
    """A list of values without order, each with its probability in the initial design."""

    values: tuple[Any, ...]
    prior: tuple[float, ...] | None = None

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    def from_unit(self, u: float) -> int:
        """Map [0, 1] onto the positions of the choices."""
        if self.prior is None:
            return self.nearest(int(u * self.size))
        return self.nearest(int(np.searchsorted(np.cumsum(self.prior), u, side="right")))

    def nearest(self, value: Any) -> int:
        """Bring a position into the range."""
        return min(max(int(value), 0), self.size - 1)

    def decode(self, number: float) -> Any:
        """Return the parameter's value."""
        return self.values[int(number)]


Dimension: TypeAlias = Real | Integer | Choice


class SearchSpace:
    """The parameters to search, and the domain of each.

    Parameters
    ----------
    search_spaces : dict of str to domain
        As `MOBOSearchCV` takes it.
    may_be_single : bool, default=False
        Whether a space of one point will do, as where other parameters are swept.

    Raises
    ------
    TypeError, ValueError
        Naming the parameter, what was given for it, and what is allowed.
    """

    def __init__(self, search_spaces: Mapping[str, Any], *, may_be_single: bool = False) -> None:
        if not isinstance(search_spaces, Mapping):
            raise TypeError(
                f"search_spaces must be a dict from parameter names to domains, got "
                f"{type(search_spaces).__name__}."
            )
        if not search_spaces and not may_be_single:
            raise ValueError("search_spaces is empty; give at least one parameter to search.")
        domains = {name: as_dimension(name, value) for name, value in search_spaces.items()}
        # A choice of one leaves nothing to model; surrogates are spared the empty dimension.
        self.fixed = {
            name: domain.decode(0)
            for name, domain in domains.items()
            if isinstance(domain, Choice) and domain.size == 1
        }
        free = {name: domain for name, domain in domains.items() if name not in self.fixed}
        if not free and not may_be_single:
            raise ValueError(
                f"search_spaces gives only one value for each of {sorted(domains)}; at least one "
                "parameter needs a choice."
            )
        self.names = tuple(domains)
        self.free_names = tuple(free)
        self.dimensions: tuple[Dimension, ...] = tuple(free.values())

    @property
    def size(self) -> int | None:
        """How many points there are; None if uncountable."""
        size = 1
        for dimension in self.dimensions:
            if dimension.size is None:
                return None
            size *= dimension.size
        return size

    def from_unit(self, row: Iterable[float]) -> Point:
        """Map a point of the unit cube onto the space."""
        return tuple(
            dimension.from_unit(u) for dimension, u in zip(self.dimensions, row, strict=True)
        )

    def nearest(self, values: Iterable[Any]) -> Point:
        """Turn an engine's values into a point of the space."""
        return tuple(
            dimension.nearest(value)
            for dimension, value in zip(self.dimensions, values, strict=True)
        )

    def decode(self, point: Point) -> dict[str, Any]:
        """Return the parameters of a point as plain Python values, in the order given."""
        values = {
            name: dimension.decode(number)
            for name, dimension, number in zip(self.free_names, self.dimensions, point, strict=True)
        }
        return {name: values[name] if name in values else self.fixed[name] for name in self.names}


def as_dimension(name: str, domain: Any) -> Dimension:
    """Read one parameter's domain."""
    if type(domain).__module__.startswith("skopt.space"):
        return _from_skopt(name, domain)
    if hasattr(domain, "dist") and hasattr(domain, "support"):
        return _from_scipy(name, domain)
    if isinstance(domain, tuple) and _looks_like_interval(domain):
        return _from_tuple(name, domain)
    if isinstance(domain, (list, tuple, np.ndarray)):
        return _choice(name, domain)
    raise TypeError(f"search_spaces[{name!r}] must be {_SYNTAX}; got {domain!r}.")


def _looks_like_interval(domain: tuple[Any, ...]) -> bool:
    bounded = len(domain) >= 2 and all(
        isinstance(end, numbers.Real) and not isinstance(end, (bool, np.bool_))
        for end in domain[:2]
    )
    return bounded and (len(domain) == 2 or isinstance(domain[2], str))


def _from_tuple(name: str, domain: tuple[Any, ...]) -> Dimension:
    low, high, *rest = domain
    prior = rest[0] if rest else "uniform"
    # The fourth entry of BayesSearchCV's syntax, the logarithm's base, changes no distribution.
    if prior not in _PRIORS or len(rest) > 2:
        raise ValueError(
            f"search_spaces[{name!r}] = {domain!r}: the third entry must be one of {_PRIORS}, and "
            "only the base of the logarithm may follow."
        )
    return _interval(name, low, high, log=prior == "log-uniform", given=domain)


def _interval(name: str, low: Any, high: Any, *, log: bool, given: Any) -> Dimension:
    low, high = _plain(low), _plain(high)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"search_spaces[{name!r}] = {given!r}: both bounds must be finite.")
    if low >= high:
        raise ValueError(
            f"search_spaces[{name!r}] = {given!r}: low must be below high, got low={low}, "
            f"high={high}. For a fixed value give a list: [{low}]."
        )
    if log and low <= 0:
        raise ValueError(
            f'search_spaces[{name!r}] = {given!r}: "log-uniform" needs low above 0, got low={low}.'
        )
    if isinstance(low, int) and isinstance(high, int):
        return Integer(low, high, log)
    return Real(float(low), float(high), log)


def _choice(name: str, values: Iterable[Any], prior: Sequence[float] | None = None) -> Choice:
    choices = tuple(_plain(value) for value in values)
    if not choices:
        raise ValueError(f"search_spaces[{name!r}] is an empty list; give at least one choice.")
    return Choice(choices, None if prior is None else tuple(float(p) for p in prior))


def _from_skopt(name: str, dimension: Any) -> Dimension:
    if hasattr(dimension, "categories"):
        return _choice(name, dimension.categories, dimension.prior)
    log = dimension.prior == "log-uniform"
    return _interval(name, dimension.low, dimension.high, log=log, given=dimension)


def _from_scipy(name: str, frozen: Any) -> Dimension:
    kind = frozen.dist.name
    if kind not in {"uniform", "loguniform", "reciprocal", "randint"}:
        raise ValueError(
            f"search_spaces[{name!r}] is the distribution {kind!r}; of scipy.stats only uniform, "
            "loguniform and randint have the bounds and the evenness that a search needs."
        )
    low, high = frozen.support()
    given = f"{kind} on [{low}, {high}]"
    if kind == "randint":
        return _interval(name, int(low), int(high), log=False, given=given)
    return _interval(name, float(low), float(high), log=kind != "uniform", given=given)


def _plain(value: Any) -> Any:
    """Turn a NumPy scalar into Python's own, which every estimator's validation accepts."""
    return value.item() if isinstance(value, np.generic) else value
