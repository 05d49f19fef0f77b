"""Asking and telling: the same search as MOBOSearchCV's, with whoever evaluates outside of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from logstar.datasets import SimulatedColumn
from logstar.model_selection import MOBOSearchCV, Optimizer
from logstar.pareto import hypervolume, is_non_dominated
from logstar.rewards import FourierSharpness, NormalizedVariance

SPACE = {"x": (-2.0, 2.0), "n": (1, 6)}


def _scores(setting: dict[str, Any]) -> dict[str, float]:
    x, n = setting["x"], setting["n"]
    return {"low": -(x**2) - 0.1 * n, "high": -((x - 1) ** 2) - 0.05 * (n - 3) ** 2}


class _Setting(BaseEstimator):
    """Nothing but its parameters, so that a search evaluates what a script would."""

    def __init__(self, x: float = 0.0, n: int = 1) -> None:
        self.x = x
        self.n = n

    def fit(self, X: Any, y: Any = None) -> _Setting:  # noqa: ARG002
        return self


def _score_of(name: str, estimator: _Setting, X: Any, y: Any = None) -> float:  # noqa: ARG001
    return _scores(estimator.get_params())[name]


def _run(optimizer: Optimizer, n: int) -> list[dict[str, Any]]:
    asked = []
    for _ in range(n):
        (setting,) = optimizer.ask()
        optimizer.tell(setting, _scores(setting))
        asked.append(setting)
    return asked


@pytest.mark.parametrize("engine", ["ehvi", "parego", "random", "sobol", "nsga2", "optuna"])
def test_asks_what_the_search_evaluates(engine: str) -> None:
    common = {"n_initial_points": 5, "engine": engine, "random_state": 3}
    search = MOBOSearchCV(
        _Setting(),
        SPACE,
        scoring={name: partial(_score_of, name) for name in ("low", "high")},
        n_iter=9,
        **common,
    ).fit(np.zeros((2, 2)))
    optimizer = Optimizer(SPACE, ["low", "high"], **common)
    asked = optimizer.ask(5)
    optimizer.tell(asked, [_scores(setting) for setting in asked])
    asked += _run(optimizer, 4)
    assert asked == search.cv_results_["params"]
    assert np.array_equal(optimizer.front_, search.pareto_front_)
    assert optimizer.front_settings_ == search.pareto_params_
    assert np.array_equal(optimizer.ref_point_, search.ref_point_)
    assert np.array_equal(optimizer.hypervolume_trace_, search.hypervolume_trace_)
    assert optimizer.hypervolume_ == search.hypervolume_
    for rule in ("euclidean", "chebyshev", "knee", "low"):
        assert optimizer.compromise(rule) == search.cv_results_["params"][search.select(rule)]


def test_settings_that_are_pending_are_known_and_told_in_any_order() -> None:
    optimizer = Optimizer(SPACE, ["low", "high"], n_initial_points=4, random_state=0)
    asked = optimizer.ask(4) + optimizer.ask(3)
    assert len({tuple(setting.values()) for setting in asked}) == 7
    assert optimizer.pending_ == asked
    order = [5, 0, 6, 2]
    optimizer.tell([asked[i] for i in order], [_scores(asked[i]) for i in order])
    assert optimizer.pending_ == [asked[1], asked[3], asked[4]]
    more = optimizer.ask(2)
    assert all(setting not in asked for setting in more)
    # What is pending counts: without it others are asked for.
    other = Optimizer(SPACE, ["low", "high"], n_initial_points=4, random_state=0)
    other.ask(4)
    other.ask(3)
    for setting in asked:
        other.tell(setting, _scores(setting))
    assert other.ask(2) != more


def test_a_finite_space_runs_out() -> None:
    optimizer = Optimizer({"n": [1, 2, 3]}, ["score"], n_initial_points=2, random_state=0)
    assert sorted(setting["n"] for setting in optimizer.ask(5)) == [1, 2, 3]
    assert optimizer.ask() == []


def test_front_in_the_objectives_own_signs() -> None:
    class Loss:
        greater_is_better = False
        ideal = 0.0

    optimizer = Optimizer({"x": (0.0, 1.0)}, {"gain": None, "loss": Loss()}, random_state=0)
    assert optimizer.front_.shape == (0, 2)
    assert optimizer.hypervolume_ == 0.0
    rows = [(0.1, -0.3), (0.5, -0.9), (0.2, -0.2), (0.4, -1.5)]
    for x, scores in zip((0.1, 0.2, 0.3, 0.4), rows, strict=True):
        optimizer.tell({"x": x}, scores)
    losses = -np.array(rows)
    expected = np.column_stack([-losses[:, 0], losses[:, 1]])[is_non_dominated(losses)]
    assert np.array_equal(optimizer.front_, expected)
    assert optimizer.trials_[0].objectives == {"gain": 0.1, "loss": 0.3}
    corner = optimizer.ref_point_ * [-1, 1]
    assert optimizer.hypervolume_ == pytest.approx(hypervolume(losses, corner))
    assert optimizer.compromise("loss") == {"x": 0.3}


def test_repeats_are_averaged_where_scores_are_noisy() -> None:
    optimizer = Optimizer({"x": (0.0, 1.0)}, ["score"], noisy=True, random_state=0)
    for x, score in ((0.2, 5.0), (0.2, 1.0), (0.7, 4.0)):
        optimizer.tell({"x": x}, score)
    assert optimizer.compromise() == {"x": 0.7}
    assert optimizer.front_.tolist() == [[4.0]]


def _share_allowed(*, told: bool) -> tuple[Optimizer, float]:
    optimizer = Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, ["score"], random_state=0)
    allowed = []
    for _ in range(40):
        (setting,) = optimizer.ask()
        x, y = setting["x"], setting["y"]
        allowed.append(x + y < 1.2)
        score = -((x - 0.9) ** 2) - (y - 0.9) ** 2
        optimizer.tell(setting, score, constraints=[allowed[-1], True] if told else None)
    if told:
        assert [trial.is_feasible for trial in optimizer.trials_] == allowed
    return optimizer, float(np.mean(allowed[20:]))


def test_constraints_keep_off_the_front_and_are_learnt() -> None:
    """The best place is forbidden; the best on the border is found, half of the time allowed."""
    optimizer, share = _share_allowed(told=True)
    best = optimizer.compromise()
    # The best allowed value is at x = y = .6, where the score is -.18.
    assert best["x"] + best["y"] < 1.2
    assert optimizer.front_[0, 0] > -0.2
    free, share_of_free = _share_allowed(told=False)
    assert free.front_[0, 0] > -0.001
    assert share > 0.4
    assert share_of_free < 0.3


@pytest.mark.parametrize("failure", [None, float("nan"), {"low": 1.0, "high": np.inf}])
def test_failures_are_not_on_the_front(failure: Any) -> None:
    optimizer = Optimizer(SPACE, ["low", "high"], n_initial_points=3, random_state=0)
    for setting in optimizer.ask(3):
        told = [failure] * 2 if isinstance(failure, float) else failure
        optimizer.tell(setting, told)
    assert optimizer.front_.shape == (0, 2)
    with pytest.raises(ValueError, match="no feasible setting was told so far \\(3 were told\\)"):
        optimizer.compromise()
    _run(optimizer, 2)
    assert len(optimizer.trials_) == 5
    assert optimizer.trials_[0].objectives == {}
    assert len(optimizer.front_) >= 1


def _talk(optimizer: Optimizer, n_events: int) -> list[Any]:
    """Ask and tell out of order, with failures, an infeasible one and one that nobody asked for.

    What was asked and told so far decides what comes next, so that a talk goes on anywhere.
    """
    said: list[Any] = []
    for _ in range(n_events):
        n_told, pending = len(optimizer.trials_), optimizer.pending_
        if n_told == 3:
            optimizer.tell({"x": 0.25, "n": 2}, _scores({"x": 0.25, "n": 2}))
            said.append("unasked")
        elif len(pending) < 2 or (len(pending) < 4 and n_told % 3 == 1):
            said.append(optimizer.ask(1 + n_told % 2))
        else:
            setting = pending[-1] if n_told % 2 else pending[0]
            scores = None if n_told == 5 else _scores(setting)
            optimizer.tell(setting, scores, constraints=n_told != 7)
            said.append(("told", setting))
    return said


@pytest.mark.parametrize("engine", ["ehvi", "nsga2"])
def test_goes_on_from_a_checkpoint(engine: str, tmp_path: Path) -> None:
    make = partial(
        Optimizer, SPACE, ["low", "high"], n_initial_points=4, engine=engine, random_state=1
    )
    undisturbed = make()
    expected = _talk(undisturbed, 24)
    said: list[Any] = []
    for n_events in (1, 2, 4, 3, 6, 1, 7):
        with make(checkpoint=tmp_path / "log") as optimizer:
            said += _talk(optimizer, n_events)
    assert said == expected
    with make(checkpoint=tmp_path / "log") as optimizer:
        assert optimizer.pending_ == undisturbed.pending_
        assert optimizer.trials_ == undisturbed.trials_
        assert np.array_equal(optimizer.front_, undisturbed.front_)


def test_a_seed_of_its_own_goes_on_too(tmp_path: Path) -> None:
    with Optimizer(SPACE, ["s"], engine="random", checkpoint=tmp_path / "log") as first:
        first.tell({"x": 0.0, "n": 1}, 1.0)
        asked = first.ask()
        seed = first._journal.seed
    with Optimizer(SPACE, ["s"], engine="random", checkpoint=tmp_path / "log") as second:
        assert second._journal.seed == seed
        assert second.pending_ == asked


def test_a_checkpoint_is_locked_and_of_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with Optimizer(SPACE, ["s"], random_state=0, checkpoint=path) as optimizer:
        optimizer.ask()
        with pytest.raises(BlockingIOError, match="is being written by process"):
            Optimizer(SPACE, ["s"], random_state=0, checkpoint=path)
    with pytest.raises(ValueError, match="differs in: engine \\(was 'ehvi', is 'sobol'\\)"):
        Optimizer(SPACE, ["s"], random_state=0, engine="sobol", checkpoint=path)
    # The refusal has released the lock.
    Optimizer(SPACE, ["s"], random_state=0, checkpoint=path).close()
    search = MOBOSearchCV(
        _Setting(), SPACE, scoring=partial(_score_of, "low"), n_iter=2, checkpoint=path
    )
    with pytest.raises(ValueError, match="is of another search"):
        search.fit(np.zeros((2, 2)))


def test_a_torn_line_is_dropped_with_a_warning_at_the_call(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with Optimizer(SPACE, ["s"], random_state=0, checkpoint=path) as optimizer:
        optimizer.ask()
        optimizer.tell({"x": 0.5, "n": 1}, 1.0)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.warns(UserWarning, match="ends with the incomplete line 3") as caught:
        Optimizer(SPACE, ["s"], random_state=0, checkpoint=path).close()
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({"x": 3.0, "n": 1}, 1.0), ValueError, "parameters: x=3.0 "),
        (({"x": 0.0}, 1.0), ValueError, "parameters: \\['n'\\] are missing"),
        ((3, 1.0), TypeError, "not iterable"),
        (([3], [1.0]), TypeError, "parameters must be a dict of parameters, got 3"),
        (({"x": 0.0, "n": 1}, [1.0, 2.0]), ValueError, "must hold a number for each of \\['s'\\]"),
        (({"x": 0.0, "n": 1}, {"t": 1.0}), ValueError, "must name \\['s'\\], got \\['t'\\]"),
        (({"x": 0.0, "n": 1}, {"s": "a"}), TypeError, "s must be a number, got 'a'"),
        (([{"x": 0.0, "n": 1}] * 2, [1.0]), ValueError, "one entry for each of 2 settings, got 1"),
        (([{"x": 0.0, "n": 1}] * 2, 1.0), TypeError, "a list with one entry for each of 2"),
        (([{"x": 0.0, "n": 1}, {"x": 9.0, "n": 1}], [1.0, 1.0]), ValueError, "parameters\\[1\\]"),
    ],
)
def test_refuses_what_does_not_fit_and_tells_nothing(
    arguments: tuple[Any, Any], error: type[Exception], message: str
) -> None:
    optimizer = Optimizer(SPACE, ["s"])
    with pytest.raises(error, match=message):
        optimizer.tell(*arguments)
    assert optimizer.trials_ == []


def test_refuses_constraints_that_are_no_verdicts() -> None:
    optimizer = Optimizer(SPACE, ["s"])
    with pytest.raises(TypeError, match=r"constraints=0\.3 must be True, False"):
        optimizer.tell({"x": 0.0, "n": 1}, 1.0, constraints=0.3)
    with pytest.raises(ValueError, match="rule='best' must be one of"):
        optimizer.compromise("best")


@pytest.mark.parametrize(
    ("objectives", "error", "message"),
    [
        ("score", TypeError, "objectives must be a list of names"),
        ([], ValueError, "at least one"),
        (["a", "a"], ValueError, "must be different names"),
        (["knee"], ValueError, "which are rules of a compromise"),
        ([1], ValueError, "must name at least one score"),
    ],
)
def test_refuses_objectives(objectives: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Optimizer(SPACE, objectives)


def test_tunes_a_column_within_60_frames() -> None:
    """Focus, two components of astigmatism and two of coma, of frames with 300 electrons a pixel.

    The optimum is known: the column less its misalignment, without counting.
    """
    rewards = {"variance": NormalizedVariance(), "sharpness": FourierSharpness()}
    column = SimulatedColumn(dose=300, random_state=0)
    noiseless = SimulatedColumn(random_state=0)
    best = noiseless.acquire({name: -off for name, off in column.misalignment.items()})
    ranges = {"defocus": 12.0, "astigmatism": 6.0, "coma": 300.0}
    space = {name: (-ranges[name.split("_")[0]], ranges[name.split("_")[0]])
             for name in column.aberrations}  # fmt: skip
    optimizer = Optimizer(space, rewards, random_state=0)
    while column.n_frames < 60:
        (setting,) = optimizer.ask()
        frame = column.acquire(setting)
        optimizer.tell(setting, {name: reward(None, frame) for name, reward in rewards.items()})
    found = noiseless.acquire(optimizer.compromise())
    for reward in rewards.values():
        assert reward.measure(found) > 0.95 * reward.measure(best)
