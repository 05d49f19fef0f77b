"""Rewards of masks: values of shapes, and no reward for nothing or everything."""

from __future__ import annotations

import math
from types import SimpleNamespace

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


def test_a_few_pixels_are_as_compact_as_a_disc_at_most():
    """The perimeter's formula is too short for them, and they would be more than a disc."""
    one, two = EMPTY.copy(), EMPTY.copy()
    one[3, 70] = two[3, 70] = two[3, 71] = True
    for mask in (one, two, ~one):
        assert 0 < Compactness().measure(mask) <= 1 / (4 * math.pi)
    assert Compactness().measure(one) == 1 / (4 * math.pi)


@pytest.mark.parametrize(
    ("reward", "greater_is_better", "ideal", "scale"),
    [
        (Compactness(), True, 1 / (4 * math.pi), 1 / (4 * math.pi)),
        (Perimeter(), False, 0.0, 1.0),
        (AmorphousArea(0.3), False, 0.0, 1.0),
        (DisorderSeparation(), True, 1.0, 1.0),
    ],
)
def test_declared_values(reward, greater_is_better, ideal, scale):
    assert reward.greater_is_better is greater_is_better
    assert reward.ideal == ideal
    assert reward.scale == scale


def test_less_area_than_expected_is_negative():
    tenth = COL < 10
    assert AmorphousArea(expected=0.25).measure(tenth) == pytest.approx(-0.15)
    assert AmorphousArea(expected=0.25)(Fixed(tenth), None) == pytest.approx(-0.15)


class Segmenter(Fixed):
    """With a known residual on every other row and column, and contrast 2."""

    def residual(self, _):
        values = np.full((4, 4), 0.2)
        values[1, 2], values[1, 3] = -3.0, 1.0
        return SimpleNamespace(values=values, contrast=2.0, step=2)


def test_separation_of_a_known_residual():
    # Pixels between those of the residual do not count.
    mask = np.zeros((8, 8), dtype=bool)
    mask[2, 4::2] = True
    # In units of the contrast, limited to 1.2, squared: 1.44 and 0.25 inside, 0.01 outside.
    inside, outside = np.array([1.44, 0.25]), np.full(14, 0.01)
    everything = np.concatenate([inside, outside])
    between = (
        2 * (inside.mean() - everything.mean()) ** 2
        + 14 * (outside.mean() - everything.mean()) ** 2
    )
    expected = between / ((everything - everything.mean()) ** 2).sum()
    assert expected == pytest.approx(0.633, abs=1e-3)
    assert DisorderSeparation()(Segmenter(mask), None) == pytest.approx(expected)
    # The transposed mask is elsewhere.
    assert DisorderSeparation()(Segmenter(mask.T), None) < 0.1
    search = SimpleNamespace(predict=Segmenter(mask).predict, best_estimator_=Segmenter(mask))
    assert DisorderSeparation()(search, None) == pytest.approx(expected)


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
