"""The engine: deterministic, without repeats, robust, and better than chance."""

import numpy as np
import pytest
from scipy.stats import qmc

from logstar.model_selection import hypervolume
from logstar.model_selection._engine import ParEGO, as_random_state, scalarise
from logstar.model_selection._spaces import SearchSpace


def run(space, function, n_iter, n_initial_points=5, seed=0):
    space = SearchSpace(space)
    engine = ParEGO(space, n_initial_points=n_initial_points, random_state=as_random_state(seed))
    points, losses = [], []
    while len(points) < n_iter and (batch := engine.ask()):
        told = [function(**space.decode(point)) for point in batch]
        told = [None if row is None else np.asarray(row, dtype=float) for row in told]
        engine.tell(batch, told)
        points += batch
        losses += told
    return points, losses


def two_valleys(x, y):
    return [(x - 0.2) ** 2 + 10 * y**2, (x - 0.8) ** 2 + 10 * y**2]


UNIT_SQUARE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}


def test_same_seed_same_points():
    first = run(UNIT_SQUARE, two_valleys, 8, seed=3)[0]
    assert first == run(UNIT_SQUARE, two_valleys, 8, seed=3)[0]
    assert first != run(UNIT_SQUARE, two_valleys, 8, seed=4)[0]


@pytest.mark.parametrize(
    "make", [lambda: 3, lambda: np.random.RandomState(3), lambda: np.random.default_rng(3)]
)
def test_every_kind_of_seed(make):
    draws = [as_random_state(make()).uniform(size=3) for _ in range(2)]
    np.testing.assert_array_equal(draws[0], draws[1])


def test_better_than_chance_on_two_valleys():
    corner = [1.0, 1.0]
    _, losses = run(UNIT_SQUARE, two_valleys, 20, n_initial_points=8)
    found = hypervolume(losses, corner)
    # A known front: y = 0, x between the valleys.
    x = np.linspace(0.2, 0.8, 400)
    best = hypervolume(np.column_stack([(x - 0.2) ** 2, (x - 0.8) ** 2]), corner)
    by_chance = [
        hypervolume(
            [two_valleys(*row) for row in np.random.default_rng(seed).uniform(size=(20, 2))],
            corner,
        )
        for seed in range(50)
    ]
    assert found > 0.93 * best
    assert found > np.quantile(by_chance, 0.95)


def test_one_objective_is_plain_optimisation():
    _, losses = run({"x": (0.0, 1.0)}, lambda x: [(x - 0.3) ** 2], 14)
    assert np.min(losses) < 1e-4


def test_finite_space_is_exhausted_without_repeats():
    space = {"n": (1, 3), "kind": ["a", "b"], "flag": [True, False]}
    points, _ = run(space, lambda n, kind, flag: [n + (kind == "a"), 3 - n + flag], 30)
    assert len(points) == len(set(points)) == 12


def test_initial_design_has_no_repeats_in_a_small_space():
    points, _ = run({"n": (1, 6)}, lambda n: [n], 6, n_initial_points=6)
    assert sorted(points) == [(n,) for n in range(1, 7)]


@pytest.mark.parametrize("seed", range(5))
def test_in_place_of_a_repeat_comes_the_most_promising_point(seed):
    space = SearchSpace({"n": (1, 40)})
    engine = ParEGO(space, n_initial_points=2, random_state=as_random_state(seed))
    # All is known but a point beside the optimum and one far from it.
    points = [(n,) for n in range(1, 41) if n not in {18, 35}]
    engine.tell(points, [np.array([(n - 17) ** 2 / 100]) for (n,) in points])
    assert engine.ask() == [(18,)]


def test_large_finite_space_has_no_repeats():
    points, _ = run({"a": (1, 100), "b": (1, 100)}, lambda a, b: [a, b], 14, n_initial_points=8)
    assert len(set(points)) == 14


def test_mixed_space_and_categories_of_any_type():
    marker = object()

    def function(x, n, kind):
        penalty = {"best": 0.0, None: 1.0, 3: 1.0, marker: 2.0}[kind]
        return [x + penalty, n + penalty]

    space = {"x": (1e-3, 1.0, "log-uniform"), "n": (1, 9), "kind": [None, "best", 3, marker]}
    _, losses = run(space, function, 25, n_initial_points=8)
    assert np.min(np.sum(losses, axis=1)) < 1.3


def test_all_failures_leave_a_random_search():
    points, _ = run(UNIT_SQUARE, lambda **_: None, 9)
    assert len(set(points)) == 9


def test_failures_are_avoided():
    _, losses = run(
        UNIT_SQUARE, lambda x, y: None if x > 0.5 else two_valleys(x, y), 20, n_initial_points=6
    )
    later = losses[6:]
    assert sum(row is None for row in later) < len(later) / 2


@pytest.mark.parametrize("value", [0.0, 1.0, -7.5])
def test_constant_objectives(value):
    points, _ = run(UNIT_SQUARE, lambda **_: [value, value], 8, n_initial_points=4)
    assert len(set(points)) == 8


def test_one_initial_point():
    assert len(run(UNIT_SQUARE, two_valleys, 4, n_initial_points=1)[0]) == 4


def test_points_stay_inside_a_log_interval():
    space = SearchSpace({"x": (1e-3, 10.0, "log-uniform")})
    points, _ = run({"x": (1e-3, 10.0, "log-uniform")}, lambda x: [-x], 10)
    assert all(1e-3 <= space.decode(point)["x"] <= 10.0 for point in points)
    assert max(points)[0] > 9.0


def test_initial_design_is_even():
    points, _ = run(UNIT_SQUARE, two_valleys, 16, n_initial_points=16)
    random = np.random.default_rng(0).uniform(size=(200, 16, 2))
    assert qmc.discrepancy(points) < np.quantile([qmc.discrepancy(r) for r in random], 0.05)


def test_outliers_do_not_flatten_what_matters():
    rng = np.random.default_rng(0)
    front = np.array([[0.0, 0.3], [0.1, 0.1], [0.3, 0.0]])
    outliers = np.array([[40.0, 7.0], [0.5, 40.0]])
    losses = [*front, *outliers, None]
    for _ in range(20):
        values = scalarise(losses, as_random_state(rng))
        assert np.isfinite(values).all()
        assert values[-1] == values.max()
        assert values[:3].max() <= values[3:5].max()
        # Two decades away, but not two decades larger.
        assert values[3:5].max() < 10


def test_norm_is_the_augmented_chebyshev_norm():
    class Weights:
        def dirichlet(self, alpha):
            assert list(alpha) == [1, 1]
            return np.array([0.25, 0.75])

    # Ideal (0, 0), front ranges 2 and 4; the third is at 0.5 and 0.5 of them.
    losses = [np.array(row) for row in ([0.0, 4.0], [2.0, 0.0], [1.0, 2.0])]
    values = scalarise(losses, Weights())
    expected = [0.75 + 0.05 * 0.75, 0.25 + 0.05 * 0.25, 0.375 + 0.05 * 0.5]
    np.testing.assert_allclose(values, expected)
