"""Reading of one parameter's domain, in any of the syntaxes that users know."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ._dimensions import Choice, Dimension, Integer, Quantiles, Real, plain, same

_PRIORS = ("uniform", "log-uniform")
_SYNTAX = (
    '(low, high), (low, high, "log-uniform"), a sequence or one-dimensional array of choices (a '
    "single value in a list of one), a scikit-optimize dimension, or a frozen distribution of "
    "scipy.stats"
)
#: Distributions without an end are cut where this share is left on either side.
_TAIL = 1e-4


def as_dimension(name: str, domain: Any) -> Dimension:
    """Read one parameter's domain.

    A tuple that begins with two numbers is an interval if nothing follows or text does; any other
    sequence holds choices. Text that is no prior is an error and no third choice, as it is more
    often a slip of spelling.
    """
    if type(domain).__module__.startswith("skopt.space"):
        return _from_skopt(name, domain)
    if hasattr(domain, "dist") and hasattr(domain, "support"):
        return _from_scipy(name, domain)
    if isinstance(domain, tuple) and _looks_like_interval(domain):
        return _from_tuple(name, domain)
    if isinstance(domain, np.ndarray) and domain.ndim != 1:
        raise ValueError(
            f"search_spaces[{name!r}] is an array of shape {domain.shape}; choices are a "
            "one-dimensional one. For choices that are arrays give a list of them."
        )
    if isinstance(domain, (Sequence, np.ndarray)) and not isinstance(domain, (str, bytes)):
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
            f"search_spaces[{name!r}] = {domain!r}: a tuple that begins with two numbers is an "
            f"interval, whose third entry must be one of {_PRIORS}, and only the base of the "
            "logarithm may follow. For choices give a list."
        )
    return _interval(name, low, high, log=prior == "log-uniform", given=domain)


def _interval(name: str, low: Any, high: Any, *, log: bool, given: Any) -> Real | Integer:
    low, high = plain(low), plain(high)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"search_spaces[{name!r}] = {given!r}: both bounds must be finite.")
    if low >= high:
        raise ValueError(
            f"search_spaces[{name!r}] = {given!r}: low must be below high, got low={low}, "
            f"high={high}. For choices give a list: {[low, high] if low > high else [low]}."
        )
    if log and low <= 0:
        raise ValueError(
            f'search_spaces[{name!r}] = {given!r}: "log-uniform" needs low above 0, got low={low}.'
        )
    if isinstance(low, int) and isinstance(high, int):
        return Integer(low, high, log)
    return Real(float(low), float(high), log)


def _choice(name: str, values: Iterable[Any], prior: Sequence[float] | None = None) -> Choice:
    choices = tuple(plain(value) for value in values)
    if not choices:
        raise ValueError(f"search_spaces[{name!r}] is empty; give at least one choice.")
    if prior is not None:
        return Choice(choices, tuple(float(p) for p in prior))
    # A value given twice would be two points of the space, and be evaluated twice.
    distinct: list[Any] = []
    for choice in choices:
        if not any(same(choice, other) for other in distinct):
            distinct.append(choice)
    return Choice(tuple(distinct))


def _from_skopt(name: str, dimension: Any) -> Dimension:
    if hasattr(dimension, "categories"):
        return _choice(name, dimension.categories, dimension.prior)
    log = dimension.prior == "log-uniform"
    return _interval(name, dimension.low, dimension.high, log=log, given=dimension)


def _from_scipy(name: str, frozen: Any) -> Dimension:
    kind = frozen.dist.name
    low, high = frozen.support()
    low = low if np.isfinite(low) else frozen.ppf(_TAIL)
    high = high if np.isfinite(high) else frozen.ppf(1 - _TAIL)
    given = f"{kind} on [{low}, {high}]"
    discrete = hasattr(frozen, "pmf")
    convert = int if discrete else float
    if kind in {"uniform", "randint", "loguniform", "reciprocal"}:
        log = kind in {"loguniform", "reciprocal"}
        return _interval(name, convert(low), convert(high), log=log, given=given)
    even = _interval(name, convert(low), convert(high), log=False, given=given)
    quantiles = Quantiles((kind, frozen.args, tuple(sorted(frozen.kwds.items()))), frozen)
    if isinstance(even, Integer):
        return Integer(even.low, even.high, quantiles=quantiles)
    return Real(float(even.low), float(even.high), quantiles=quantiles)
