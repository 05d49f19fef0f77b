"""Checks of a search's parameters, before anything is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from logstar._sweeping import Interval

from ._compromise import RULES
from ._evaluation import unshared
from ._spaces import Choice, Dimension, Point, SearchSpace, as_dimension

#: Combinations of steps and other estimators for which the names of the parameters are checked
#: before anything is evaluated, a few milliseconds each; any beyond fail when their turn comes.
_MAX_STRUCTURES = 500
#: What `set_params` raises for a parameter that is not there: the last two where the step that
#: should have it is "passthrough", or takes no parameters at all.
_CANNOT_SET = (ValueError, AttributeError, TypeError)


def check_space(search: Any) -> tuple[SearchSpace, dict[str, Interval]]:
    """Read the space to search, and the domains of the parameters to sweep."""
    swept = _check_sweep(search)
    searched: Any = search.search_spaces
    if swept:
        searched = {name: v for name, v in search.search_spaces.items() if name not in swept}
    space = SearchSpace(searched, constraint=search.space_constraint)
    for index, branch in enumerate(space.branches):
        where = f"search_spaces[{index}]" if len(space.branches) > 1 else "search_spaces"
        domains = {name: space.domain(branch, name) for name in branch.names} | swept
        for chosen in _structures(domains):
            _check_names(search.estimator, chosen, domains, where)
    return space, {name: _interval(name, domain) for name, domain in swept.items()}


def _interval(name: str, domain: Dimension) -> Interval:
    if not isinstance(domain, Choice):
        return Interval(domain.low, domain.high)
    raise ValueError(
        f"sweep names {name!r}, whose domain is a list of choices; give an interval (low, high)."
    )


def _structures(domains: Mapping[str, Dimension]) -> Iterator[dict[str, Any]]:
    """Yield the settings of the parameters that decide which others there are.

    Such are steps of a pipeline and other choices among estimators.
    """
    choices = {
        name: domain.values
        for name, domain in domains.items()
        if isinstance(domain, Choice)
        and (
            any(map(_holds_estimator, domain.values))
            or any(other.startswith(f"{name}__") for other in domains)
        )
    }
    for values in islice(product(*choices.values()), _MAX_STRUCTURES):
        yield dict(zip(choices, values, strict=True))


def _holds_estimator(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_estimator, value))
    return hasattr(value, "get_params") and not isinstance(value, type)


def _check_names(
    estimator: Any, chosen: Mapping[str, Any], domains: Mapping[str, Dimension], where: str
) -> None:
    """Refuse parameters that an estimator does not have once the choices are set."""
    name_of_estimator = type(estimator).__name__
    choices = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
    names = [name for name in domains if name not in chosen]
    if chosen:
        estimator = clone(estimator)
        try:
            estimator.set_params(**unshared(chosen))
        except _CANNOT_SET as error:
            raise ValueError(
                f"{where}: {name_of_estimator} does not take {choices}: {error}"
            ) from error
    known = estimator.get_params()
    # Whether it can be set is what counts: some estimators list only what was set.
    unknown = [
        name for name in names if name not in known and not _can_set(estimator, name, domains[name])
    ]
    if unknown:
        raise ValueError(
            f"{where} names parameters that {name_of_estimator} does not have"
            f"{f' with {choices}' if choices else ''}: {unknown}. It has {sorted(known)}."
        )


def _can_set(estimator: Any, name: str, domain: Dimension) -> bool:
    value = domain.decode(domain.from_unit(0.5).item())
    try:
        clone(estimator).set_params(**unshared({name: value}))
    except _CANNOT_SET:
        return False
    return True


def _check_sweep(search: Any) -> dict[str, Dimension]:
    names = search.sweep
    if not names:
        return {}
    if not hasattr(search.estimator, "sweep"):
        raise ValueError(
            f"sweep={names!r}: {type(search.estimator).__name__} has no method `sweep`, so "
            "it evaluates no parameters exactly; leave `sweep` empty."
        )
    if search.cv is not None:
        raise ValueError(f"sweep={names!r} needs cv=None, got cv={search.cv!r}.")
    if not isinstance(search.search_spaces, Mapping):
        raise TypeError(
            f"sweep={names!r} needs search_spaces as one dict, got a list of them; search the "
            "branches one after the other."
        )
    missing = [name for name in names if name not in search.search_spaces]
    if missing:
        raise ValueError(
            f"sweep names {missing}, which search_spaces lacks; it has "
            f"{sorted(search.search_spaces)}."
        )
    return {name: as_dimension(name, search.search_spaces[name]) for name in names}


def check_not_cut(search: Any, X: Any) -> None:
    """Refuse to split one image into bands of rows."""
    shape = getattr(X, "shape", ())
    takes_stacks = get_tags(search.estimator).input_tags.three_d_array
    if search.cv is not None and takes_stacks and len(shape) == 2:
        raise ValueError(
            f"cv={search.cv!r} would cut the image of shape {shape} into bands of rows. One image "
            "is fitted and scored as a whole by cv=None; a stack of shape (n_images, rows, "
            "columns), or a list of images, is split into images."
        )


def is_supervised(estimator: Any) -> bool:
    """Tell whether an estimator learns from the target that its `fit` is given."""
    tags = get_tags(estimator)
    return tags.estimator_type in {"classifier", "regressor"} or bool(tags.target_tags.required)


def check_refit(refit: Any, names: Sequence[str]) -> None:
    """Refuse a rule that is neither one of ours nor a score's name, and names that are both."""
    if both := [name for name in names if name in RULES]:
        raise ValueError(
            f"scoring names scores {both}, which are rules of refit; give them other names."
        )
    allowed = (*RULES, *names)
    if isinstance(refit, str) and refit not in allowed:
        raise ValueError(
            f"refit={refit!r} is no rule and no scorer's name; it must be one of "
            f"{allowed}, a callable that returns an index, or False."
        )


def check_initial_points(search: Any, space: SearchSpace) -> list[Point]:
    """Read settings to begin with: dicts that are in the space, or another search's front."""
    given = search.initial_points
    if given is None:
        return []
    if hasattr(given, "pareto_params_"):
        return _points_of_front(given, space, max(1, search.n_initial_points // 2))
    if hasattr(given, "get_params"):
        raise ValueError(f"initial_points={given!r} is a search that is not fitted.")
    points: list[Point] = []
    for index, params in enumerate(given):
        if not isinstance(params, Mapping):
            raise TypeError(
                f"initial_points[{index}] must be a dict of parameters, got {params!r}."
            )
        try:
            point = space.encode_params(params)
        except ValueError as error:
            raise ValueError(f"initial_points[{index}]: {error}.") from None
        if not space.is_valid(point):
            raise ValueError(
                f"initial_points[{index}] = {dict(params)} does not meet space_constraint."
            )
        points.append(point)
    points = list(dict.fromkeys(points))
    if len(points) > search.n_iter:
        raise ValueError(
            f"initial_points holds {len(points)} different settings, more than n_iter="
            f"{search.n_iter}."
        )
    return points


def _points_of_front(search: Any, space: SearchSpace, n_most: int) -> list[Point]:
    """Points of another search's front: its compromise, then evenly along the first objective."""
    order = np.argsort(search.pareto_front_[:, 0], kind="stable")
    settings = [search.pareto_params_[index] for index in order]
    if hasattr(search, "best_params_"):
        settings.insert(0, search.best_params_)
    found: dict[Point, None] = {}
    for params in settings:
        try:
            point = space.nearest_params(params)
        except ValueError as error:
            raise ValueError(
                f"initial_points is a search over other parameters than search_spaces: {error}."
            ) from None
        if space.is_valid(point):
            found.setdefault(point)
    points = list(found)
    if len(points) <= n_most:
        return points
    if n_most == 1:
        return points[:1]
    rest = points[1:]
    places = np.linspace(0, len(rest) - 1, n_most - 1).round().astype(np.int64)
    return points[:1] + [rest[place] for place in np.unique(places)]


def seed_of(random_state: Any) -> int:
    """Turn any seed into an int for the engine."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(random_state)
