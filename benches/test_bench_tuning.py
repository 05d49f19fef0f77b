"""The whole of tuning beside the paper's loop: times, ratio and hypervolumes."""

from __future__ import annotations

import pytest
from _inputs import named_scene
from _pairs import Contestant
from _tuning import N_EVALUATIONS, expectation, tune_ours, tune_paper

#: Number of evaluations in a smoke run: just enough for the optimiser to start.
SMOKE_EVALUATIONS = 11
#: How far off a tuning may be: the count, as a share of the true one, and the hypervolume up to
#: (1, 1), which is at most 1.
TOLERATED = 0.1
#: Neither may be the faster by being the worse. Half an atom more or less changes the hypervolume
#: by this much.
TOLERATED_LOSS = 1e-3


@pytest.fixture
def tuners(smoke):
    scene = named_scene("256")
    expected = expectation(scene)
    n_evaluations = SMOKE_EVALUATIONS if smoke else N_EVALUATIONS
    return {
        "paper": lambda: tune_paper(scene.image, expected, 0, n_evaluations),
        "ours": lambda: tune_ours(scene.image, expected, 0),
    }


@pytest.mark.parametrize("who", ["paper", "ours"])
def test_tuning(benchmark, tuners, who):
    benchmark.group = "tuning 256 px"
    outcome = benchmark.pedantic(tuners[who], rounds=1, warmup_rounds=0)
    n_atoms = named_scene("256").n_atoms
    assert abs(len(outcome.positions) - n_atoms) < TOLERATED * n_atoms
    assert outcome.hypervolume > 1 - TOLERATED


def test_ratio(tuners, race_of):
    volumes = {}

    def keep(who):
        volumes[who] = tuners[who]().hypervolume

    race_of("tuning 256 px", [Contestant(who, lambda who=who: keep(who)) for who in tuners], 1)
    assert volumes["ours"] > volumes["paper"] - TOLERATED_LOSS
