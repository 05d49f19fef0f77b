"""Optimisers of several losses, behind one small protocol; scikit-optimize is imported here only.

An engine deals in points of a `SearchSpace` and in losses, which are to be small. It is asked for
a batch of points and told the losses of each, None for a failure.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from typing import Any, Protocol

import numpy as np
from scipy.stats import qmc
from threadpoolctl import ThreadpoolController

from ._pareto import FloatArray, is_non_dominated
from ._spaces import Choice, Integer, Point, Real, SearchSpace

#: Weight of the sum beside the maximum in the augmented Chebyshev norm (Knowles 2006, section III).
_RHO = 0.05
#: Finite spaces up to this size are enumerated when a new point has to be found.
_MAX_ENUMERATED = 5_000
_N_CANDIDATES = 1_000


class Engine(Protocol):
    """What the search needs of an optimiser."""

    def ask(self) -> list[Point]:
        """Return points to evaluate next; none when the space is exhausted."""

    def tell(self, points: Sequence[Point], losses: Sequence[FloatArray | None]) -> None:
        """Take the losses of each evaluated point, all finite; None for a failure."""


class ParEGO:
    """Bayesian optimisation of randomly weighted Chebyshev norms (ParEGO).

    The first batch is a scrambled Sobol design. After it, each ask draws weights, turns all
    losses seen into one number each, fits a Gaussian process to these and takes the point of
    largest expected improvement. With one objective this is plain Bayesian optimisation.

    Parameters
    ----------
    space : SearchSpace
        Where to search.
    n_initial_points : int
        Size of the initial design; smaller where the space has fewer points.
    random_state : RandomState
        The only source of randomness.

    References
    ----------
    J. Knowles, ParEGO, IEEE Transactions on Evolutionary Computation 10 (2006) 50.
    """

    def __init__(
        self, space: SearchSpace, *, n_initial_points: int, random_state: np.random.RandomState
    ) -> None:
        self._space = space
        self._n_initial_points = n_initial_points
        self._rng = random_state
        self._points: list[Point] = []
        self._losses: list[FloatArray | None] = []
        self._threads = ThreadpoolController()

    def ask(self) -> list[Point]:
        """Return the initial design at first, then one point at a time."""
        seen = set(self._points)
        if not seen:
            return self._initial_design()
        if self._space.size is not None and len(seen) >= self._space.size:
            return []
        if all(losses is None for losses in self._losses):
            return self._unseen(seen, 1)
        return [self._propose(scalarise(self._losses, self._rng), seen)]

    def tell(self, points: Sequence[Point], losses: Sequence[FloatArray | None]) -> None:
        """Remember what was evaluated."""
        self._points.extend(points)
        self._losses.extend(losses)

    def _initial_design(self) -> list[Point]:
        if not self._space.dimensions:
            return [()]
        size = self._space.size
        n_points = self._n_initial_points if size is None else min(self._n_initial_points, size)
        sobol = qmc.Sobol(len(self._space.dimensions), seed=self._seed())
        cube = sobol.random_base2(int(np.ceil(np.log2(n_points))))[:n_points]
        design = list(dict.fromkeys(self._space.from_unit(row) for row in cube))
        if len(design) < n_points:
            design += self._unseen(set(design), n_points - len(design))
        return design

    def _propose(self, values: FloatArray, seen: set[Point]) -> Point:
        # Late: importing scikit-optimize takes half a second, which only a search should pay.
        from skopt import Optimizer  # noqa: PLC0415
        from skopt.acquisition import gaussian_ei  # noqa: PLC0415

        optimizer = Optimizer(
            self._skopt_dimensions(),
            base_estimator="GP",
            n_initial_points=0,
            acq_func="EI",
            random_state=self._seed(),
        )
        # Matrices this small lose by threads: a fit on 80 points took 0.28 CPU s on one and 3.9
        # on two. One thread also makes the result independent of the machine's core count.
        with self._threads.limit(limits=1, user_api="blas"), warnings.catch_warnings():
            # Repeated proposals are replaced below, by something better than a random point.
            warnings.filterwarnings("ignore", message="The objective has been evaluated at point")
            optimizer.tell([list(point) for point in self._points], values.tolist())
            proposal = self._space.nearest(optimizer.ask())
            if proposal not in seen:
                return proposal
            candidates = self._unseen(seen, _N_CANDIDATES)
            improvement = gaussian_ei(
                optimizer.space.transform([list(point) for point in candidates]),
                optimizer.models[-1],
                values.min(),
            )
        return candidates[int(np.argmax(improvement))]

    def _unseen(self, seen: set[Point], n_points: int) -> list[Point]:
        """Draw up to `n_points` different points that are not `seen`; at least one if any is left.

        All that are left are returned in random order where the space can be enumerated.
        """
        size = self._space.size
        if size is not None and size <= _MAX_ENUMERATED:
            ranges = [_numbers(dimension) for dimension in self._space.dimensions]
            left = [point for point in product(*ranges) if point not in seen]
            order = self._rng.permutation(len(left))[:n_points]
            return [left[index] for index in order]
        # Far fewer points are ever evaluated than the space holds, so most draws are new.
        found: dict[Point, None] = {}
        while len(found) < n_points:
            cube = self._rng.uniform(size=(n_points, len(self._space.dimensions)))
            found.update(
                (point, None) for point in map(self._space.from_unit, cube) if point not in seen
            )
        return list(found)[:n_points]

    def _skopt_dimensions(self) -> list[Any]:
        from skopt import space as skopt_space  # noqa: PLC0415 # late, as above

        dimensions: list[Any] = []
        for dimension in self._space.dimensions:
            if isinstance(dimension, Choice):
                # Positions instead of the values: NumPy would turn [1, "a"] into two strings.
                positions = list(range(dimension.size))
                dimensions.append(skopt_space.Categorical(positions, dimension.prior))
            else:
                kind = skopt_space.Real if isinstance(dimension, Real) else skopt_space.Integer
                prior = "log-uniform" if dimension.log else "uniform"
                dimensions.append(kind(dimension.low, dimension.high, prior))
        return dimensions

    def _seed(self) -> int:
        return int(self._rng.randint(np.iinfo(np.int32).max))


def scalarise(losses: Sequence[FloatArray | None], rng: np.random.RandomState) -> FloatArray:
    """Turn losses into one number each by an augmented Chebyshev norm with random weights.

    Losses are measured from the best seen in units of the front's range; beyond one unit they
    grow as the logarithm, because counts of atoms can miss by a factor of 40 and such outliers
    would flatten the surrogate over all that matters. Failures get the worst number seen, which
    leads the search away from them.

    Parameters
    ----------
    losses : sequence of ndarray of shape (n_objectives,) or None
        None is a failure; at least one is not.
    rng : RandomState
        Draws the weights, evenly over the simplex.

    Returns
    -------
    values : ndarray of shape (n_points,)
        All finite.
    """
    valid = np.array([row for row in losses if row is not None])
    front = valid[is_non_dominated(valid)]
    excess = valid - front.min(axis=0)
    unit = np.ptp(front, axis=0)
    for column in np.flatnonzero(unit <= 0):
        # All of the front agrees, as it does with one objective: the typical excess is the unit.
        positive = excess[excess[:, column] > 0, column]
        unit[column] = np.median(positive) if len(positive) else 1.0
    excess /= unit
    excess = np.where(excess > 1, 1 + np.log(np.maximum(excess, 1)), excess)
    weighted = rng.dirichlet(np.ones(valid.shape[1])) * excess
    norms = weighted.max(axis=1) + _RHO * weighted.sum(axis=1)
    values = np.full(len(losses), norms.max())
    values[[row is not None for row in losses]] = norms
    return values


def as_random_state(seed: Any) -> np.random.RandomState:
    """Turn any seed into the legacy generator, the only one that scikit-optimize takes."""
    if isinstance(seed, np.random.Generator):
        return np.random.RandomState(int(seed.integers(2**32)))
    if isinstance(seed, np.random.RandomState):
        return seed
    return np.random.RandomState(seed)


def _numbers(dimension: Real | Integer | Choice) -> range:
    if isinstance(dimension, Integer):
        return range(dimension.low, dimension.high + 1)
    if isinstance(dimension, Choice):
        return range(dimension.size)
    raise TypeError("An interval of real numbers cannot be enumerated.")
