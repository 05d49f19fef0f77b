"""A search space: dimensions, branches of which only some apply, and a constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logstar._validation import FloatArray

from ._dimensions import Choice, Dimension, Integer, Point, Real, is_number
from ._domains import as_dimension

Constraint: TypeAlias = Callable[[dict[str, Any]], Any]

#: Share of a point's dimensions in which a neighbour of it differs, on average.
_MOVED = 0.5
#: Settings that are drawn before giving up on a constraint: at least `_MIN_TRIES`, and
#: `_TRIES_PER_POINT` for each one that is wanted. A space of fewer than `_MIN_TRIES` points is gone
#: through instead.
_MIN_TRIES, _TRIES_PER_POINT = 20_000, 50


@dataclass(frozen=True)
class Branch:
    """One dict of a list of search spaces.

    Parameters
    ----------
    names : tuple of str
        The parameters, in the order given.
    fixed : dict
        Those with a single value.
    places : dict of str to int
        For each other parameter, its dimension.
    """

    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    places: Mapping[str, int]


class SearchSpace:
    """The parameters to search, and the domain of each.

    A list of dicts makes branches: a setting takes its parameters from one of them. The dimensions
    are the union over the branches; parameters of the same name and domain share one. With several
    branches the first dimension is the choice among these. Dimensions that do not apply to a
    point's branch hold one fixed number, so that equal settings are equal points.

    Parameters
    ----------
    search_spaces : dict of str to domain, or list of such
        As `MOBOSearchCV` takes it.
    constraint : callable or None, default=None
        Given a setting as a dict, tells whether it may be evaluated.

    Attributes
    ----------
    dimensions : tuple of Real, Integer or Choice
        What the numbers of a point mean.
    dimension_names : tuple of str
        Their parameters; ``"branch"`` is the choice among branches.
    size : int or None
        How many points there are at most: the constraint is not counted; None if uncountable.
    n_encoded : int
        Number of columns of `encode`.
    unordered : ndarray of shape (n_encoded,), bool
        Which of the columns are one-hot.

    Raises
    ------
    TypeError, ValueError
        Naming the parameter, what was given for it, and what is allowed.
    """

    def __init__(
        self,
        search_spaces: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        constraint: Constraint | None = None,
    ) -> None:
        given = _as_branches(search_spaces)
        self._constraint = constraint
        dimensions: list[Dimension] = []
        names: list[str] = []
        if len(given) > 1:
            dimensions.append(Choice(tuple(range(len(given)))))
            names.append("branch")
        branches = []
        for spaces in given:
            domains = {name: as_dimension(name, value) for name, value in spaces.items()}
            fixed, places = {}, {}
            for name, domain in domains.items():
                # A choice of one leaves nothing to model; surrogates are spared the dimension.
                if isinstance(domain, Choice) and domain.size == 1:
                    fixed[name] = domain.decode(0)
                    continue
                shared = [
                    place
                    for place, other in enumerate(names)
                    if other == name and dimensions[place] == domain
                ]
                if not shared:
                    shared = [len(dimensions)]
                    dimensions.append(domain)
                    names.append(name)
                places[name] = shared[0]
            branches.append(Branch(tuple(domains), fixed, places))
        self.branches = tuple(branches)
        self.dimensions: tuple[Dimension, ...] = tuple(dimensions)
        self.dimension_names = tuple(names)
        #: Every parameter of any branch.
        self.names = tuple(dict.fromkeys(name for b in branches for name in b.names))
        self.size = self._count()
        widths = [d.size if isinstance(d, Choice) else 1 for d in dimensions]
        self.n_encoded = sum(widths)
        ends = np.cumsum(widths, dtype=np.int64).tolist()
        #: The columns of `encode` that belong to each dimension.
        self.columns = tuple(
            slice(end - width, end) for end, width in zip(ends, widths, strict=True)
        )
        self.unordered: NDArray[np.bool_] = np.repeat(
            np.array([isinstance(d, Choice) for d in dimensions], dtype=np.bool_), widths
        )

    def _count(self) -> int | None:
        total = 0
        for branch in self.branches:
            size = 1
            for place in branch.places.values():
                n_values = self.dimensions[place].size
                if n_values is None:
                    return None
                size *= n_values
            total += size
        return total

    # Points from numbers.

    def from_unit(self, row: Iterable[float]) -> Point:
        """Map a point of the unit cube onto the space, whatever the constraint."""
        return self.from_cube(np.array([list(row)], dtype=np.float64))[0]

    def from_cube(self, cube: NDArray[Any]) -> list[Point]:
        """Map points of the unit cube, one a row, onto the space, whatever the constraint."""
        cube = np.asarray(cube, dtype=np.float64)
        columns = [d.from_unit(cube[:, i]) for i, d in enumerate(self.dimensions)]
        return self._points(columns, len(cube))

    def nearest(self, values: Iterable[Any]) -> Point:
        """Turn an engine's values into a point of the space, whatever the constraint."""
        numbers = [d.nearest(value) for d, value in zip(self.dimensions, values, strict=True)]
        return self._points([np.array([number]) for number in numbers], 1)[0]

    def _points(self, columns: list[NDArray[Any]], n_points: int) -> list[Point]:
        """Put points together from their columns, in canonical form."""
        if not columns:
            return [()] * n_points
        if len(self.branches) > 1:
            active = self._active_dimensions[columns[0]]
            columns = [
                np.where(active[:, i], column, np.asarray(self._idle[i], dtype=column.dtype))
                for i, column in enumerate(columns)
            ]
        points: list[Point] = list(zip(*(column.tolist() for column in columns), strict=True))
        if self._overlapping:
            points = [self.encode_params(self.decode(point)) for point in points]
        return points

    @cached_property
    def _active_dimensions(self) -> NDArray[np.bool_]:
        """Which dimensions apply to each branch, shape (n_branches, n_dimensions)."""
        active = np.zeros((len(self.branches), len(self.dimensions)), dtype=np.bool_)
        active[:, 0] |= len(self.branches) > 1
        for row, branch in zip(active, self.branches, strict=True):
            row[list(branch.places.values())] = True
        return active

    @cached_property
    def _idle(self) -> list[float]:
        """What a dimension holds where it does not apply."""
        return [
            0 if isinstance(dimension, Choice) else dimension.from_unit(0.5).item()
            for dimension in self.dimensions
        ]

    @cached_property
    def _overlapping(self) -> bool:
        """Whether two branches may hold the same setting: it then belongs to the first."""
        return any(
            set(first.names) == set(second.names)
            and all(
                _meet(self.domain(first, name), self.domain(second, name)) for name in first.names
            )
            for i, first in enumerate(self.branches)
            for second in self.branches[:i]
        )

    def domain(self, branch: Branch, name: str) -> Dimension:
        """Return a parameter's domain in a branch; a choice of one where it has a single value."""
        if name in branch.fixed:
            return Choice((branch.fixed[name],))
        return self.dimensions[branch.places[name]]

    # Points that may be evaluated.

    def is_valid(self, point: Point) -> bool:
        """Tell whether the constraint holds."""
        return self._constraint is None or bool(self._constraint(self.decode(point)))

    def sample(self, rng: np.random.Generator, n_points: int) -> list[Point]:
        """Draw points from the prior, such that the constraint holds; some may be equal.

        Raises
        ------
        ValueError
            If the constraint holds for so few points that not enough were found.
        """
        if self._constraint is None:
            return self.from_cube(rng.uniform(size=(n_points, len(self.dimensions))))
        if self.size is not None and self.size <= _MIN_TRIES:
            valid = self._all_valid
            return [valid[index] for index in rng.integers(len(valid), size=n_points)]
        found: list[Point] = []
        n_tries = 0
        limit = max(_MIN_TRIES, _TRIES_PER_POINT * n_points)
        while len(found) < n_points:
            if n_tries >= limit:
                raise ValueError(
                    f"space_constraint holds for only {len(found)} of {n_tries} settings drawn "
                    f"from search_spaces, and {n_points} are needed; narrow search_spaces to "
                    "where it holds."
                )
            block = self.from_cube(
                rng.uniform(size=(max(n_points - len(found), 16), len(self.dimensions)))
            )
            n_tries += len(block)
            found.extend(filter(self.is_valid, block))
        return found[:n_points]

    @cached_property
    def _all_valid(self) -> list[Point]:
        valid = list(self.enumerate())
        if not valid:
            raise ValueError(
                f"space_constraint holds for none of the {self.size} settings of search_spaces."
            )
        return valid

    def neighbours(
        self, point: Point, rng: np.random.Generator, n_points: int, scale: float
    ) -> list[Point]:
        """Draw points near one, such that the constraint holds; at most `n_points`.

        Parameters
        ----------
        point : tuple
            Where to start; itself is never among them.
        rng : Generator
            Source of randomness.
        n_points : int
            How many to draw.
        scale : float
            Standard deviation of a step, in units of the dimension's range. A choice that is moved
            becomes any other; an integer moves by one at least.
        """
        if not self.dimensions:
            return []
        active = np.ones(len(self.dimensions), dtype=np.bool_)
        if len(self.branches) > 1:
            active = self._active_dimensions[int(point[0])]
        moved = rng.uniform(size=(n_points, len(active))) < _MOVED
        # At least one dimension each. Another branch is a far move, so it is a rare one.
        moved[np.arange(n_points), rng.choice(np.flatnonzero(active), size=n_points)] = True
        if len(self.branches) > 1:
            moved[:, 0] &= rng.uniform(size=n_points) < _MOVED * min(1.0, scale)
        columns = []
        for i, dimension in enumerate(self.dimensions):
            if not active[i]:
                # In case that the move is into a branch that this belongs to.
                columns.append(dimension.from_unit(rng.uniform(size=n_points)))
                continue
            steps = _moved(dimension, point[i], scale, rng, n_points)
            columns.append(np.where(moved[:, i], steps, np.asarray(point[i], dtype=steps.dtype)))
        near = self._points(columns, n_points)
        return [other for other in near if other != point and self.is_valid(other)]

    def enumerate(self) -> Iterator[Point]:
        """Yield every point where the constraint holds, of a finite space.

        Raises
        ------
        ValueError
            If some dimension is an interval of real numbers.
        """
        if self.size is None:
            raise ValueError("A space with an interval of real numbers cannot be enumerated.")
        seen: set[Point] = set()
        for index, branch in enumerate(self.branches):
            places = list(branch.places.values())
            point = list(self._idle)
            if len(self.branches) > 1:
                point[0] = index
            for values in product(*(_numbers(self.dimensions[place]) for place in places)):
                for place, value in zip(places, values, strict=True):
                    point[place] = value
                canonical = tuple(point)
                if self._overlapping:
                    canonical = self.encode_params(self.decode(canonical))
                    if canonical in seen:
                        continue
                    seen.add(canonical)
                if self.is_valid(canonical):
                    yield canonical

    # Numbers for surrogates.

    def encode(self, points: Sequence[Point]) -> FloatArray:
        """Turn points into rows of numbers in [0, 1] for a surrogate.

        Intervals take one column, evenly in their prior; choices one column a value, 1 for that
        of the point; dimensions that do not apply hold 0.5.
        """
        table = np.array(points, dtype=np.float64).reshape(len(points), len(self.dimensions))
        encoded = np.zeros((len(points), self.n_encoded))
        rows = np.arange(len(points))
        for i, (dimension, columns) in enumerate(zip(self.dimensions, self.columns, strict=True)):
            if isinstance(dimension, Choice):
                encoded[rows, columns.start + table[:, i].astype(np.int64)] = 1.0
            else:
                encoded[:, columns.start] = dimension.to_unit(table[:, i])
        if len(self.branches) > 1:
            active = self._active_dimensions[table[:, 0].astype(np.int64)]
            widths = [columns.stop - columns.start for columns in self.columns]
            encoded[~np.repeat(active, widths, axis=1)] = 0.5
        return encoded

    # Settings.

    def decode(self, point: Point) -> dict[str, Any]:
        """Return the parameters of a point as plain Python values, in the order given."""
        branch = self.branches[int(point[0]) if len(self.branches) > 1 else 0]
        return {
            name: branch.fixed[name]
            if name in branch.fixed
            else self.dimensions[branch.places[name]].decode(point[branch.places[name]])
            for name in branch.names
        }

    def encode_params(self, params: Mapping[str, Any]) -> Point:
        """Return the point of a setting; parameters with a single value may be left out.

        Raises
        ------
        ValueError
            Naming the parameter that is missing, unknown, or outside its domain.
        """
        reasons = []
        for index, branch in enumerate(self.branches):
            point, reason = self._encode_in(branch, index, params)
            if reason is None:
                return tuple(point)
            reasons.append(reason)
        if len(reasons) == 1:
            raise ValueError(reasons[0])
        raise ValueError(
            "in none of the search spaces: "
            + "; ".join(f"[{index}] {reason}" for index, reason in enumerate(reasons))
        )

    def _encode_in(
        self, branch: Branch, index: int, params: Mapping[str, Any]
    ) -> tuple[list[float], str | None]:
        """Return the point in a branch, and why there is none."""
        point = list(self._idle)
        if len(self.branches) > 1:
            point[0] = index
        if unknown := [name for name in params if name not in branch.names]:
            return point, f"{unknown} are not searched; {list(branch.names)} are"
        if missing := [name for name in branch.places if name not in params]:
            return point, f"{missing} are missing"
        for name, value in params.items():
            try:
                number = self.domain(branch, name).encode(value)
            except ValueError as error:
                return point, f"{name}={value!r} {error}"
            if name in branch.places:
                point[branch.places[name]] = number
        return point, None

    def nearest_params(self, params: Mapping[str, Any]) -> Point:
        """Return the point of a setting of another search, clipped into this space.

        Parameters that are not searched here are left out, numbers are brought into their interval
        or to the nearest choice. The branch that has most of the parameters is taken.

        Raises
        ------
        ValueError
            Naming a parameter that is missing, or that is no choice and no number.
        """
        known = [set(branch.places) <= set(params) for branch in self.branches]
        if not any(known):
            missing = [name for name in self.branches[0].places if name not in params]
            raise ValueError(f"{missing} are missing")
        matches = [
            sum(
                name in params and _holds(self.domain(branch, name), params[name])
                for name in branch.names
            )
            if complete
            else -1
            for branch, complete in zip(self.branches, known, strict=True)
        ]
        branch = self.branches[int(np.argmax(matches))]
        clipped = {
            name: _clip(name, self.dimensions[place], params[name])
            for name, place in branch.places.items()
        }
        return self.encode_params(clipped | dict(branch.fixed))


def _as_branches(search_spaces: Any) -> list[Mapping[str, Any]]:
    branches = [search_spaces] if isinstance(search_spaces, Mapping) else search_spaces
    if not isinstance(branches, (list, tuple)):
        raise TypeError(
            "search_spaces must be a dict from parameter names to domains, or a list of such "
            f"dicts, got {type(search_spaces).__name__}."
        )
    if not branches:
        raise ValueError(
            "search_spaces is an empty list, so there is nothing to evaluate; an empty dict would "
            "be the estimator as it is."
        )
    for index, branch in enumerate(branches):
        if not isinstance(branch, Mapping):
            raise TypeError(
                f"search_spaces[{index}] must be a dict from parameter names to domains, got "
                f"{branch!r}."
            )
    return list(branches)


def _meet(first: Dimension, second: Dimension) -> bool:
    """Tell whether two domains have a value in common."""
    if isinstance(first, Choice):
        return any(_holds(second, value) for value in first.values)
    if isinstance(second, Choice):
        return any(_holds(first, value) for value in second.values)
    return first.low <= second.high and second.low <= first.high


def _holds(dimension: Dimension, value: Any) -> bool:
    try:
        dimension.encode(value)
    except ValueError:
        return False
    return True


def _clip(name: str, dimension: Dimension, value: Any) -> Any:
    if _holds(dimension, value):
        return value
    if isinstance(dimension, Choice):
        numbers = [choice for choice in dimension.values if is_number(choice)]
        if is_number(value) and numbers:
            return min(numbers, key=lambda choice: abs(choice - value))
    elif is_number(value):
        return dimension.nearest(value)
    raise ValueError(f"{name}={value!r} has no counterpart in its domain")


def _moved(
    dimension: Dimension, number: float, scale: float, rng: np.random.Generator, size: int
) -> NDArray[Any]:
    """Move one number of a point at random, `size` times."""
    if isinstance(dimension, Choice):
        return (int(number) + rng.integers(1, dimension.size, size=size)) % dimension.size
    steps = rng.normal(scale=scale, size=size)
    moved = dimension.from_unit(np.clip(dimension.to_unit(number) + steps, 0.0, 1.0))
    if isinstance(dimension, Real):
        return moved
    up_or_down = np.where(moved == number, np.where(steps < 0, -1, 1), 0)
    return np.clip(moved + up_or_down, dimension.low, dimension.high)


def _numbers(dimension: Dimension) -> range:
    if isinstance(dimension, Integer):
        return range(dimension.low, dimension.high + 1)
    if isinstance(dimension, Choice):
        return range(dimension.size)
    raise TypeError("An interval of real numbers cannot be enumerated.")
