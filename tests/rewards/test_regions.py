"""Rewards of masks: values of shapes, and no reward for nothing or everything."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logstar.rewards import AmorphousArea, Compactness, DisorderSeparation, Perimeter

EMPTY, FULL = np.zeros((80, 100), bool), np.ones((80, 100), bool)
ROW, COL = np.indices((80, 100))


def disc(radius, row=40, col=50):
    return np.hypot(ROW - row, COL - col) < radius


class Fixed:
    """Predicts one mask."""

    def __init__(self, mask):
        self.mask = mask

    def predict(self, _):
        return self.mask


def test_compactness_of_shapes():
    measure = Compactness().measure
    assert measure(disc(25)) == pytest.approx(1 / (4 * math.pi), rel=0.02)
    two = disc(15, col=25) | disc(15, col=75)
    assert measure(two) == pytest.approx(1 / (8 * math.pi), rel=0.05)
    assert measure((COL // 2) % 2 == 0) < 0.01


def test_perimeter_of_shapes():
    assert Perimeter().measure(disc(25)) == pytest.approx(2 * math.pi * 25 / 360, rel=0.02)
    assert Perimeter().measure((COL + ROW) % 2 == 0) == 1.0


@pytest.mark.parametrize("seed", range(20))
def test_every_mask_dominates_empty_and_full_ones(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((80, 100)) < rng.random()
    mask[0, 0], mask[0, 1] = True, False
    compactness, perimeter = Compactness(), Perimeter()
    for degenerate in (EMPTY, FULL):
        assert compactness.measure(mask) > compactness.measure(degenerate) == 0
        assert perimeter.measure(mask) <= perimeter.measure(degenerate) == 1
    assert compactness.measure(mask) <= compactness.ideal


def test_masks_near_a_full_one_are_not_compact():
    nearly = FULL.copy()
    nearly[40, 50] = False
    assert Compactness().measure(nearly) < 1e-4


def test_area_against_what_is_expected():
    reward = AmorphousArea(expected=0.25)
    half = COL < 50
    assert reward.measure(half) == pytest.approx(0.25)
    assert reward(Fixed(half), None) == pytest.approx(-0.25)
    assert reward(Fixed(EMPTY), None) == reward(Fixed(FULL), None) == -1
    assert reward(Fixed(COL < 25), None) == 0


@pytest.mark.parametrize("expected", [0, 1, -0.1, 1.5])
def test_an_expected_share_that_tells_nothing_is_refused(expected):
    with pytest.raises(ValueError, match="expected"):
        AmorphousArea(expected).measure(disc(9))


def test_separation_is_best_at_the_true_boundary():
    rng = np.random.default_rng(0)
    disorder = np.where(disc(20), 4.0, 1.0) + rng.normal(0, 0.5, EMPTY.shape)
    measure = DisorderSeparation().measure
    values = {radius: measure(disc(radius), disorder) for radius in (10, 16, 20, 24, 30)}
    assert max(values, key=values.get) == 20
    assert measure(~disc(20), disorder) == 0
    assert measure(EMPTY, disorder) == measure(FULL, disorder) == 0


def test_scores_have_the_sign_of_the_reward():
    mask = disc(20)
    assert Compactness()(Fixed(mask), None) == Compactness().measure(mask)
    assert Perimeter()(Fixed(mask), None) == -Perimeter().measure(mask)


@pytest.mark.parametrize("bad", [np.ones((3, 3)), np.ones(4, bool), np.ones((0, 3), bool)])
def test_anything_but_a_mask_is_refused(bad):
    with pytest.raises(ValueError, match="a mask must be"):
        Compactness().measure(bad)
    with pytest.raises(ValueError, match="must have the shape"):
        DisorderSeparation().measure(disc(5), np.ones((3, 3)))
