"""The study of engines, on a budget of seconds, and the time of an ask."""

from __future__ import annotations

import time

import numpy as np
import pytest
import search_engines
from _inputs import named_scene
from _search_problems import PROBLEMS, log_losses, log_rule

from logstar import LoGStarDetector
from logstar.model_selection._engines import make_engine
from logstar.model_selection._spaces import SearchSpace
from logstar.rewards import ErrorRate, QualityCount

#: Greatest processor time of an ask of the default engine in seconds, on an idle machine, and the
#: number of evaluations that the engine was told before.
_SECONDS_AN_ASK = 0.1
_N_TOLD = 100
#: Factor by which a busy machine may be slower.
_SLACK = 3.0


def test_study_runs_and_resumes(tmp_path):
    runs, output = tmp_path / "runs.jsonl", tmp_path / "results.md"
    arguments = ["--smoke", "--runs", str(runs), "--output", str(output)]
    arguments += ["--engines", "ehvi", "NSGA-II", "random", "--problems", "ZDT1", "DTLZ2 3 obj."]
    search_engines.main(arguments)
    finished = runs.read_text()
    assert "| ehvi |" in output.read_text()
    search_engines.main(arguments)
    assert runs.read_text() == finished


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems_give_what_they_declare(name):
    problem = PROBLEMS[name]
    space = SearchSpace(problem.spaces)
    for point in space.sample(np.random.default_rng(0), 3):
        losses = problem.losses(**space.decode(point))
        assert losses is None or losses.shape == (problem.n_objectives,)


def test_losses_are_those_of_a_detection():
    """What the study evaluates is what a user would who detects and scores."""
    image, rule = named_scene("256d").image, log_rule()
    setting = {"threshold": 0.05, "overlap": 0.4, "min_sigma": 1.5, "max_sigma": 4.0}
    estimator = LoGStarDetector(**setting).fit(image)
    scores = [
        QualityCount(rule["n_expected"])(estimator, image),
        ErrorRate(**rule)(estimator, image),
    ]
    np.testing.assert_allclose(log_losses(**setting), -np.array(scores))


def test_seconds_of_an_ask(benchmark, smoke):
    problem = PROBLEMS["ZDT1"]
    space = SearchSpace(problem.spaces)
    engine = make_engine("ehvi", space, n_initial_points=_N_TOLD - 3, seed=0)
    seconds = []

    def ask() -> None:
        start = time.process_time()
        points = engine.ask()
        seconds.append(time.process_time() - start)
        engine.tell(points, [problem.losses(**space.decode(point)) for point in points])

    told = space.sample(np.random.default_rng(0), _N_TOLD - 3)
    engine.tell(told, [problem.losses(**space.decode(point)) for point in told])
    ask()  # the first fit starts from scratch
    benchmark.pedantic(ask, rounds=1 if smoke else 5)
    assert min(seconds[1:]) < _SECONDS_AN_ASK * (_SLACK if smoke else 1.0)
