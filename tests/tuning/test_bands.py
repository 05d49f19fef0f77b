"""Rules of when to tune anew."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logstar.tuning._bands import Bands, FrameRewards


def quiet(n: int, *, qc: float = 0.004, er: float = 0.003, seed: int = 0) -> list[FrameRewards]:
    rng = np.random.default_rng(seed)
    return [FrameRewards(*(rng.standard_normal(2) * (qc, er))) for _ in range(n)]


def test_quiet_frames_stay_within() -> None:
    states = []
    for seed in range(20):
        first, *others = quiet(160, seed=seed)
        bands = Bands(first)
        states += [bands.judge(one) for one in others]
    # Two needless tunings in 160 frames are allowed; here there is one in 800 at most.
    assert states.count("left") <= 4
    assert states.count("outside") / len(states) < 0.01


def test_wider_spreads_are_learnt_from_quiet_frames() -> None:
    first, *others = quiet(100, qc=0.006)
    bands = Bands(first)
    for one in others:
        bands.judge(one)
    assert 0.015 < bands.half_widths.qc < 0.04
    spread = np.std([one.qc for one in (first, *others)[:24]], ddof=1)
    assert bands.half_widths.qc == pytest.approx(4 * spread * math.sqrt(1 + 1 / 24))


def test_a_step_leaves_in_its_second_frame_and_a_flash_does_not() -> None:
    bands = Bands(FrameRewards(0.0, 0.0))
    step = FrameRewards(0.4, 0.0)
    assert [bands.judge(one) for one in (FrameRewards(0.0, 0.0), step, step)] == [
        "within",
        "outside",
        "left",
    ]
    bands = Bands(FrameRewards(0.0, 0.0))
    still = FrameRewards(0.001, 0.0)
    flashes = [step, still, still, step, still, still]
    assert [bands.judge(one) for one in flashes] == ["outside", "within", "within"] * 2


@pytest.mark.parametrize("which", ["qc", "er", "significance"])
def test_each_reward_can_leave(which: str) -> None:
    none = FrameRewards(0.0, 0.0, 0.0)
    bands = Bands(none)
    assert bands.judge(none._replace(**{which: 0.05})) == "outside"


def test_a_slow_change_is_noticed() -> None:
    bands = Bands(FrameRewards(0.0, 0.0))
    states = [bands.judge(FrameRewards(0.0004 * i, 0.0)) for i in range(200)]
    assert states.index("left") < 80


def test_what_was_not_measured_is_not_compared() -> None:
    bands = Bands(FrameRewards(math.nan, 0.0))
    assert bands.judge(FrameRewards(0.5, 0.0, 0.5)) == "within"
    assert bands.is_trusted
    assert bands.judge(FrameRewards(math.nan, 0.5)) == "outside"
    assert bands.judge(FrameRewards(math.nan, math.nan)) == "within"


def test_a_number_that_is_uncertain_may_vary_more() -> None:
    rewards = FrameRewards(0.025, 0.0)
    assert Bands(FrameRewards(0.0, 0.0)).judge(rewards) == "outside"
    assert Bands(FrameRewards(0.0, 0.0), uncertainty=0.03).judge(rewards) == "within"


def test_a_count_that_stays_off_is_not_trusted_and_not_tuned_for_again() -> None:
    off = FrameRewards(0.3, 0.1)
    bands = Bands(off)
    assert not bands.is_trusted
    assert [bands.judge(off) for _ in range(5)] == ["within"] * 5
