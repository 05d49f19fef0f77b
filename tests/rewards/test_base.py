"""What all rewards have in common."""

from __future__ import annotations

import inspect
import pickle
import warnings

import numpy as np
import pytest

from logstar import Lattice, rewards
from logstar.exceptions import NoAtomsWarning
from logstar.lattice import ImageLattice
from logstar.rewards import (
    AmorphousArea,
    Compactness,
    ContrastToNoise,
    CountStability,
    DisorderSeparation,
    ErrorRate,
    FourierSharpness,
    GapShare,
    NormalizedVariance,
    OnLattice,
    Perimeter,
    QualityCount,
    ShortPairs,
    Significance,
    SpacingSpread,
)
from logstar.rewards._base import DetectionReward, Reward

CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)
ALL = [
    (QualityCount(9), "QualityCount(n_expected=9)"),
    (QualityCount([9, 8], uncertainty=0.1), "QualityCount(n_expected=[9, 8], uncertainty=0.1)"),
    (QualityCount(), "QualityCount()"),
    (ErrorRate(30), "ErrorRate(distance_sum=30)"),
    (
        ErrorRate(30, n_expected=9, n_neighbors=3),
        "ErrorRate(distance_sum=30, n_expected=9, n_neighbors=3)",
    ),
    (CountStability(), "CountStability()"),
    (CountStability((0.1, 0.2)), "CountStability(threshold_range=(0.1, 0.2))"),
    (ShortPairs(5), "ShortPairs(min_distance=5)"),
    (GapShare(8), "GapShare(reach=8)"),
    (SpacingSpread(), "SpacingSpread()"),
    (SpacingSpread(CRYSTAL), f"SpacingSpread(lattice={CRYSTAL!r})"),
    (OnLattice(CRYSTAL, 0.3), f"OnLattice(lattice={CRYSTAL!r}, reach=0.3)"),
    (Compactness(), "Compactness()"),
    (Perimeter(), "Perimeter()"),
    (AmorphousArea(0.2), "AmorphousArea(expected=0.2)"),
    (DisorderSeparation(), "DisorderSeparation()"),
    (Significance(), "Significance()"),
    (NormalizedVariance(), "NormalizedVariance()"),
    (FourierSharpness(), "FourierSharpness()"),
    (ContrastToNoise(), "ContrastToNoise()"),
]


def test_every_reward_is_one():
    classes = {
        item
        for name in rewards.__all__
        if inspect.isclass(item := getattr(rewards, name)) and callable(getattr(item, "measure", 0))
    }
    assert classes == {type(reward) for reward, _ in ALL}
    assert all(issubclass(each, Reward) for each in classes)


@pytest.mark.parametrize(("reward", "text"), ALL, ids=[text[:40] for _, text in ALL])
def test_declarations_and_text(reward, text):
    assert repr(reward) == text
    assert repr(pickle.loads(pickle.dumps(reward))) == text
    assert isinstance(reward.greater_is_better, bool)
    # None is the best and the range of what was seen, where a quantity has no bound.
    assert reward.ideal is None or np.isfinite(reward.ideal)
    assert reward.scale is None or reward.scale > 0


class Finds:
    """Warns as a detector does that finds nothing."""

    def __init__(self, found):
        self.found = found

    def predict(self, _):
        warnings.warn("no atom", NoAtomsWarning, stacklevel=1)
        return self.found


class Signed(DetectionReward):
    """The first row of each table, less 5."""

    def __init__(self, greater):
        self.greater_is_better = greater

    def _measure_each(self, tables, X, y):
        assert X is y is None or len(X) == len(y) == len(tables)
        return [np.asarray(table)[0, 0] - 5 for table in tables]


@pytest.mark.parametrize(("greater", "scores"), [(True, (-4.0, -1.5)), (False, (-4.0, -2.5))])
def test_scores_of_one_image_and_of_a_stack(greater, scores):
    reward = Signed(greater)
    one, other = np.array([[1.0, 0]]), np.array([[6.0, 0]])
    assert reward.measure(one) == -4
    np.testing.assert_array_equal(reward.measure([one, other]), [-4, 1])
    # Finding nothing is no reason to warn while a search tries parameters.
    assert reward(Finds(one), np.zeros((9, 9)), 3) == scores[0]
    assert reward(Finds([one, other]), np.zeros((2, 9, 9)), [3, 4]) == scores[1]


def test_a_lattice_of_an_image_is_asked_for():
    with pytest.raises(TypeError, match="lattice must be an ImageLattice"):
        OnLattice(CRYSTAL).measure([[0, 0]])
    assert not isinstance(CRYSTAL, ImageLattice)
