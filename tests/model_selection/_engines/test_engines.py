"""What every engine promises, and what those with a model are good for."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from logstar.model_selection._engines import ENGINES, make_engine
from logstar.model_selection._spaces import SearchSpace
from logstar.pareto import hypervolume

EXTRAS = {"nsga2": "pymoo", "optuna": "optuna", "botorch": "botorch"}
MODELS = ["ehvi", "parego"]
SQUARE = {"x": (0.0, 1.0), "y": (0.0, 1.0)}
MIXED = {"x": (1e-3, 1.0, "log-uniform"), "n": (1, 9), "kind": [None, "best", 3]}


@pytest.fixture(params=ENGINES)
def name(request):
    package = EXTRAS.get(request.param)
    if package is not None and find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    return request.param


def two_valleys(x, y):
    return [(x - 0.2) ** 2 + 10 * y**2, (x - 0.8) ** 2 + 10 * y**2]


def mixed(x, n, kind):
    penalty = {"best": 0.0, None: 1.0, 3: 2.0}[kind]
    return [x + penalty, abs(n - 4) + penalty]


def make(name, space, *, n_initial_points=5, seed=0, **keywords):
    return make_engine(name, space, n_initial_points=n_initial_points, seed=seed, **keywords)


def go_on(engine, space, function, n_iter, n_points=1):
    """Ask and tell until there are so many points, or none are left."""
    points, losses = [], []
    while len(points) < n_iter:
        batch = engine.ask(min(n_points, n_iter - len(points)))
        if not batch:
            break
        told = [function(**space.decode(point)) for point in batch]
        told = [None if row is None else np.asarray(row, dtype=float) for row in told]
        engine.tell(batch, told)
        points += batch
        losses += told
    return points, losses


def run(name, spaces, function, n_iter, n_points=1, constraint=None, **keywords):
    space = SearchSpace(spaces, constraint=constraint)
    return go_on(make(name, space, **keywords), space, function, n_iter, n_points)


# Every engine.


def test_same_seed_same_points(name):
    first = run(name, SQUARE, two_valleys, 9, seed=3)[0]
    assert first == run(name, SQUARE, two_valleys, 9, seed=3)[0]
    assert first != run(name, SQUARE, two_valleys, 9, seed=4)[0]


@pytest.mark.parametrize("n_points", [1, 3])
def test_points_are_new_and_inside(name, n_points):
    points, _ = run(name, MIXED, mixed, 14, n_points)
    assert len(points) == len(set(points)) == 14
    for x, n, kind in points:
        assert 1e-3 <= x <= 1
        assert n in range(1, 10)
        assert kind in range(3)


def test_finite_space_is_exhausted_without_repeats(name):
    space = {"n": (1, 3), "kind": ["a", "b"], "flag": [True, False]}
    points, _ = run(name, space, lambda n, kind, flag: [n + (kind == "a"), 3 - n + flag], 30)
    assert len(points) == len(set(points)) == 12


def test_constraint_holds_from_the_first_point_on(name):
    points, _ = run(
        name, SQUARE, two_valleys, 12, constraint=lambda setting: setting["x"] < setting["y"]
    )
    assert len(points) == 12
    assert all(x < y for x, y in points)


def test_failures_are_survived(name):
    points, losses = run(
        name, SQUARE, lambda x, y: None if x > 0.5 else two_valleys(x, y), 12, n_initial_points=4
    )
    assert len(set(points)) == 12
    assert any(row is not None for row in losses)


def test_all_failures_leave_a_search(name):
    assert len(set(run(name, SQUARE, lambda **_: None, 9)[0])) == 9


def test_one_constant_objective(name):
    assert len(set(run(name, SQUARE, lambda **_: [1.0], 8)[0])) == 8


@pytest.mark.parametrize("n_objectives", [1, 3])
def test_other_numbers_of_objectives(name, n_objectives):
    points, _ = run(name, SQUARE, lambda x, y: [x, 1 - x + y, abs(x - y)][:n_objectives], 8)
    assert len(set(points)) == 8


@pytest.mark.parametrize("n_points", [1, 2])
def test_resumed_search_equals_uninterrupted(name, n_points):
    space = SearchSpace(MIXED)
    whole, losses = go_on(make(name, space), space, mixed, 11, n_points)
    first = make(name, space)
    # At the end of a batch; random search knows no initial design of five.
    n_before = 6 if name == "random" else 7
    assert go_on(first, space, mixed, n_before, n_points)[0] == whole[:n_before]
    state = json.loads(json.dumps(first.get_state()))
    for order in ("state first", "history first"):
        second = make(name, space)
        if order == "state first":
            second.set_state(state)
        second.tell(whole[:n_before], losses[:n_before])
        if order == "history first":
            second.set_state(state)
        assert go_on(second, space, mixed, 11 - n_before, n_points)[0] == whole[n_before:]


def test_resumed_amid_a_batch(name):
    space = SearchSpace(SQUARE)
    first = make(name, space)
    points, losses = go_on(first, space, two_valleys, 7)
    batch = first.ask(2)
    state = json.loads(json.dumps(first.get_state()))
    expected = first.ask(1)
    second = make(name, space)
    second.tell(points, losses)
    second.set_state(state)
    assert second.ask(1) == expected
    assert not set(expected) & {*points, *batch}


def test_points_that_were_told_count_as_initial(name):
    space = SearchSpace(SQUARE)
    told = space.sample(np.random.default_rng(0), 5)
    engine = make(name, space)
    engine.tell(told, [np.array(two_valleys(*point)) for point in told])
    points, _ = go_on(engine, space, two_valleys, 3)
    assert not set(points) & set(told)
    if name in MODELS:
        design, _ = run("sobol", SQUARE, two_valleys, 3)
        assert not set(points) & set(design)


def test_result_does_not_depend_on_threads(name):
    with threadpool_limits(1):
        one = run(name, SQUARE, two_valleys, 10)[0]
    assert run(name, SQUARE, two_valleys, 10)[0] == one


def test_losses_are_checked(name):
    engine = make(name, SearchSpace(SQUARE))
    (point,) = engine.ask()
    for row in ([np.nan, 1.0], [np.inf, 0.0]):
        with pytest.raises(ValueError, match="finite numbers for each point, or None"):
            engine.tell([point], [np.array(row)])
    engine.tell([point], [np.array([0.0, 1.0])])
    with pytest.raises(ValueError, match="must be 2 finite numbers"):
        engine.tell([(0.5, 0.5)], [np.array([0.0])])


# By name.


def test_unknown_names_and_options():
    space = SearchSpace(SQUARE)
    with pytest.raises(ValueError, match=r"'cmaes' must be one of \('ehvi', 'parego'"):
        make("cmaes", space)
    with pytest.raises(ValueError, match=r"\"ehvi\" has no options \['wrap'\]; it has \['warp'"):
        make("ehvi", space, options={"wrap": True})
    with pytest.raises(ValueError, match="it has none"):
        make("random", space, options={"warp": True})


@pytest.mark.parametrize(("name", "package"), EXTRAS.items())
def test_missing_package_names_the_extra(name, package, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=rf'pip install "logstar\[{package}\]"'):
        make(name, SearchSpace(SQUARE))


def test_own_factory():
    def factory(space, *, n_initial_points, seed, n_objectives, noisy, shift):
        return space, n_initial_points, seed, n_objectives, noisy, shift

    made = make(factory, "space", seed=7, options={"shift": 2})
    assert made == ("space", 5, 7, None, False, 2)


def test_optuna_has_two_samplers():
    pytest.importorskip("optuna")
    with pytest.raises(ValueError, match=r"sampler='cma' must be one of \('tpe', 'gp'\)"):
        make("optuna", SearchSpace(SQUARE), options={"sampler": "cma"})


# Engines with a model.


def valley_share(losses):
    corner = [1.0, 1.0]
    x = np.linspace(0.2, 0.8, 400)
    best = hypervolume(np.column_stack([(x - 0.2) ** 2, (x - 0.8) ** 2]), corner)
    return hypervolume(losses, corner) / best


@pytest.mark.parametrize(("name", "share"), [("ehvi", 0.985), ("parego", 0.95)])
@pytest.mark.parametrize("n_points", [1, 4])
def test_two_valleys_are_found(name, share, n_points):
    _, losses = run(name, SQUARE, two_valleys, 24, n_points, n_initial_points=8)
    assert valley_share(losses) > share


@pytest.mark.parametrize("name", MODELS)
def test_one_objective_is_plain_optimisation(name):
    _, losses = run(name, {"x": (0.0, 1.0)}, lambda x: [(x - 0.3) ** 2], 12)
    assert np.min(losses) < 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_categories_are_understood(name):
    _, losses = run(name, MIXED, mixed, 22, n_initial_points=8)
    assert np.min(np.sum(losses, axis=1)) < 0.1


@pytest.mark.parametrize("name", MODELS)
def test_failures_repel(name):
    _, losses = run(
        name, SQUARE, lambda x, y: None if x > 0.5 else two_valleys(x, y), 22, n_initial_points=6
    )
    # The second loss falls towards where all fails: without a model most would.
    assert sum(row is None for row in losses[6:]) < 6


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(3))
def test_in_a_small_space_the_most_promising_point_is_next(name, seed):
    space = SearchSpace({"n": (1, 40)})
    engine = make(name, space, n_initial_points=2, seed=seed)
    # All is known but a point beside the optimum and one far from it.
    points = [(n,) for n in range(1, 41) if n not in {18, 35}]
    engine.tell(points, [np.array([(n - 17) ** 2 / 100]) for (n,) in points])
    assert engine.ask() == [(18,)]


def test_batch_is_spread_out():
    space = SearchSpace(SQUARE)
    engine = make("ehvi", space, n_initial_points=8)
    go_on(engine, space, two_valleys, 8)
    batch = np.array(engine.ask(4))
    distances = np.linalg.norm(batch[:, None] - batch, axis=2)[np.triu_indices(4, 1)]
    assert distances.min() > 0.02


def heavy(x, y):
    """The valleys, with a cliff behind which both are off by a factor of 40."""
    return [loss + (40.0 if y > 0.4 else 0.0) for loss in two_valleys(x, y)]


def test_heavy_tails_do_not_flatten_what_matters():
    shares = {
        warp: np.mean(
            [
                valley_share(
                    run("ehvi", SQUARE, heavy, 18, n_initial_points=8, seed=seed, options=options)[
                        1
                    ]
                )
                for seed in range(2)
            ]
        )
        for warp, options in ((True, {}), (False, {"warp": False}))
    }
    assert shares[True] > 0.95
    assert shares[True] > shares[False]


def test_noisy_losses_may_be_measured_again():
    noise = np.random.default_rng(0)
    points, _ = run(
        "ehvi",
        {"n": (1, 4)},
        lambda n: [n + noise.normal(0, 0.5), 5 - n + noise.normal(0, 0.5)],
        14,
        noisy=True,
        n_initial_points=4,
    )
    assert len(points) == 14
    assert len(set(points)) == 4


def test_more_than_four_objectives_go_on_as_parego():
    def losses(x, y):
        return [x, y, 1 - x, 1 - y, abs(x - y)]

    with pytest.warns(UserWarning, match=r"up to 4 objectives, got 5; .* engine=\"parego\""):
        points, _ = run("ehvi", SQUARE, losses, 8)
    assert points == run("parego", SQUARE, losses, 8)[0]


def test_four_objectives_by_hypervolume():
    _, found = run("ehvi", SQUARE, lambda x, y: [x, y, 1 - x, 1 - y], 12)
    assert len(found) == 12


def test_initial_design_is_that_of_sobol():
    points, _ = run("ehvi", SQUARE, two_valleys, 8, n_initial_points=8)
    assert points == run("sobol", SQUARE, two_valleys, 8, 3)[0]
    # Balanced: one point in each eighth of each side.
    for column in np.array(points).T:
        assert sorted((column * 8).astype(int)) == list(range(8))
