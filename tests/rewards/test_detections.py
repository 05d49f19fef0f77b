"""Rewards against numbers counted by hand."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial import cKDTree
from sklearn.base import BaseEstimator

from logstar import Lattice
from logstar.rewards import ErrorRate, QualityCount, flag_errors

SQUARE = [[0, 0], [0, 10], [10, 0], [10, 10]]
SPURIOUS = [*SQUARE, [1, 1]]
CRYSTAL = Lattice.perovskite(4.0, pixel_size=0.2)


class Finds(BaseEstimator):
    """An estimator that finds what it is told."""

    def __init__(self, positions=None):
        self.positions = positions

    def predict(self, X):
        if isinstance(X, list) or np.ndim(X) == 3:
            return [np.asarray(self.positions[i], dtype=float) for i in range(len(X))]
        return np.asarray(self.positions, dtype=float)


def test_quality_count_has_its_sign_and_scores_by_magnitude():
    image = np.zeros((20, 20))
    for n_expected, expected in [(4, 0.25), (10, -0.5), (5, 0)]:
        reward = QualityCount(n_expected)
        assert reward.measure(SPURIOUS) == expected
        assert reward(Finds(SPURIOUS), image) == -abs(expected)
    assert QualityCount(7).measure(np.empty((0, 3))) == -1


def test_a_count_within_its_uncertainty_scores_as_the_expected_one():
    for n_expected, score in [(4, -0.05), (5, 0), (4.5, 0), (10, -0.3)]:
        reward = QualityCount(n_expected, uncertainty=0.2)
        assert reward(Finds(SPURIOUS), np.zeros((20, 20))) == pytest.approx(score)
        # The measure is QC itself.
        assert reward.measure(SPURIOUS) == (5 - n_expected) / n_expected
    # Of a stack, the mean of what each is off.
    stack = np.zeros((2, 20, 20))
    finds = Finds([SPURIOUS, SQUARE])
    assert QualityCount([4, 8], uncertainty=0.2)(finds, stack) == pytest.approx(-(0.05 + 0.3) / 2)
    with pytest.raises(ValueError, match="uncertainty must be finite and >= 0, got -1"):
        QualityCount(4, uncertainty=-1)(Finds(SPURIOUS), np.zeros((20, 20)))


def test_error_rate_counts_crowded_atoms():
    # The spurious atom and the corner beside it: 1.41 + 3 * 9.06 and 1.41 + 10 + 10 + 14.1.
    sums = [35.556, 48.197, 48.197, 46.870, 32.253]
    reward = ErrorRate(distance_sum=40, n_expected=4)
    assert_array_equal(flag_errors(SPURIOUS, 40), np.array(sums) < 40)
    assert reward.measure(SPURIOUS) == 0.5
    assert reward(Finds(SPURIOUS), np.zeros((20, 20))) == -0.5
    assert ErrorRate(33, n_expected=4).measure(SPURIOUS) == 0.25
    assert reward.measure(np.empty((0, 3))) == 0


@pytest.mark.parametrize("name", ["ybco", b"ybco"])
def test_a_crystals_name_is_no_count(name):
    for reward in (QualityCount(name), ErrorRate(30, n_expected=name)):
        with pytest.raises(TypeError, match=r"got b?'ybco'.*name is no count.*Lattice\.ybco"):
            reward.measure(SQUARE, np.zeros((20, 20)))
        with pytest.raises(TypeError, match="name is no count"):
            reward.criterion([np.zeros((20, 20))])


def test_what_an_error_rate_is_divided_by_is_named():
    with pytest.raises(TypeError, match="positional argument"):
        ErrorRate(30, 4)


def test_a_given_count_beats_the_lattice():
    lattice = Lattice.perovskite(2.0, pixel_size=0.2)
    crowded = [[0, 0], [0, 1], [1, 0], [1, 1], [0, 2]]
    image = np.zeros((20, 20))
    # Positions as y, then their number, then the lattice.
    assert ErrorRate(lattice).measure(crowded, image, SQUARE) == 5 / 4
    assert ErrorRate(lattice).measure(crowded, image, 10) == 5 / 10
    assert ErrorRate(lattice).measure(crowded, image) == 5 / lattice.n_expected((20, 20))
    assert ErrorRate(lattice, n_expected=20).measure(crowded, image, SQUARE) == 5 / 20


def test_the_right_count_at_wrong_places_is_an_error():
    """The hole of QC that ER closes."""
    wrong = [[0, 0], [0, 10], [10, 0], [1, 0]]
    assert QualityCount(4).measure(wrong) == 0
    assert ErrorRate(30, n_expected=4).measure(wrong) > 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.floats(0.1, 50))
def test_error_rate_is_the_definition(seed, n_neighbors, limit):
    points = np.random.default_rng(seed).uniform(0, 30, (40, 2))
    distances, _ = cKDTree(points).query(points, k=n_neighbors + 1)
    expected = np.count_nonzero(distances.sum(axis=1) < limit) / 33
    assert ErrorRate(limit, n_expected=33, n_neighbors=n_neighbors).measure(
        points
    ) == pytest.approx(expected)


def test_expected_counts_per_image_and_from_y():
    stack = np.zeros((2, 20, 20))
    finds = Finds([SQUARE, SPURIOUS])
    assert_allclose(QualityCount([4, 10]).measure([SQUARE, SPURIOUS]), [0, -0.5])
    assert QualityCount([4, 10])(finds, stack) == -0.25
    assert QualityCount()(finds, stack, [4, 10]) == -0.25
    assert QualityCount()(finds, list(stack), [SQUARE, SQUARE + SQUARE + [[5, 5], [6, 6]]]) == -0.25
    assert QualityCount()(Finds(SPURIOUS), stack[0], SQUARE) == -0.25
    assert QualityCount()(Finds(SPURIOUS), stack[0], 4) == -0.25
    # What is given to the constructor counts; y is then for others.
    assert QualityCount(5)(Finds(SPURIOUS), stack[0], SQUARE) == 0


def test_an_oracle_supplies_the_count():
    stack = np.zeros((2, 20, 20))
    oracle = Finds(SQUARE)
    assert QualityCount(oracle).measure([SQUARE, SPURIOUS], stack).tolist() == [0, 0.25]
    assert ErrorRate(40, n_expected=oracle)(Finds(SPURIOUS), stack[0]) == -0.5


def test_a_lattice_supplies_count_and_distance_sum():
    lattice = Lattice.perovskite(a=4.0, pixel_size=0.2)
    image = np.zeros((200, 200))
    positions, _ = lattice.positions(image.shape, origin=(5, 5))
    assert abs(QualityCount(lattice).measure(positions, image)) < 0.03
    for reward in (ErrorRate(lattice), ErrorRate(lattice, n_expected=lattice)):
        assert reward.measure(positions, image) == 0
        inner = positions[(abs(positions - 100) < 30).all(axis=1)][:5]
        crowded = np.vstack([positions, inner + 2])
        assert reward.measure(crowded, image) == 10 / lattice.n_expected(image.shape)


def test_rewards_declare_what_a_search_needs():
    for reward in (QualityCount(4), ErrorRate(30, n_expected=4)):
        assert (reward.greater_is_better, reward.ideal, reward.scale) == (False, 0.0, 1.0)
        copy = pickle.loads(pickle.dumps(reward))
        assert repr(copy) == repr(reward)
        assert copy.measure(SPURIOUS) == reward.measure(SPURIOUS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: QualityCount().measure(SQUARE), "n_expected is None, so the reference y"),
        (lambda: QualityCount(0).measure(SQUARE), "n_expected of image 0 must be finite and > 0"),
        (lambda: QualityCount(np.nan).measure(SQUARE), "must be finite"),
        (lambda: QualityCount([1, 2]).measure([SQUARE]), "give it as y.*2 entries for 1 images"),
        (lambda: QualityCount(Finds(SQUARE)).measure(SQUARE), "an oracle, which needs the images"),
        (
            lambda: ErrorRate(-1, n_expected=4).measure(SQUARE),
            "distance_sum must be finite and > 0, got -1",
        ),
        (
            lambda: ErrorRate(30, n_expected=4, n_neighbors=0).measure(SQUARE),
            "n_neighbors must be at least 1",
        ),
        (lambda: QualityCount(4).measure([[np.nan, 0]]), "not finite"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class TestScorable:
    """What nothing could be scored by is refused before anything is evaluated."""

    @pytest.mark.parametrize(
        ("reward", "error", "message"),
        [
            (QualityCount("ybco"), TypeError, "A crystal's name is no count"),
            (QualityCount(-3), ValueError, "n_expected of image 0 must be"),
            (QualityCount(np.float64("nan")), ValueError, "n_expected of image 0 must be"),
            (QualityCount(9, uncertainty=-0.1), ValueError, "uncertainty must be"),
            (QualityCount(), ValueError, r"the reference y is needed, and there is none \(y=None"),
            (ErrorRate(20.0), ValueError, "the reference y is needed"),
            (ErrorRate(-1, n_expected=9), ValueError, "distance_sum must be"),
            (ErrorRate(20.0, n_expected=9, n_neighbors=0), ValueError, "n_neighbors must be"),
        ],
    )
    def test_refused(self, reward, error, message):
        with pytest.raises(error, match=message):
            reward.check_scorable(has_target=False)

    @pytest.mark.parametrize(
        "reward", [QualityCount(9), QualityCount(CRYSTAL), QualityCount([3, 4]), ErrorRate(CRYSTAL)]
    )
    def test_taken(self, reward):
        reward.check_scorable(has_target=False)
        reward.check_scorable(has_target=True)

    def test_what_y_tells(self):
        for reward in (QualityCount(), ErrorRate(20.0)):
            reward.check_scorable(has_target=True)
