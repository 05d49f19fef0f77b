"""Matching and detection metrics against brute force and counts by hand."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.metrics import DetectionMetrics, detection_metrics, match_positions

SQUARE = np.array([[0.0, 0], [0, 10], [10, 0], [10, 10]])

# Few places on a coarse grid, so that ties, coincident points and large clusters are common.
points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=6)


def brute_force(found, true, tolerance):
    """Most pairs, and the least sum of squares among the ways to make that many."""
    best = (0, 0.0)
    swap = len(found) > len(true)
    few, many = (true, found) if swap else (found, true)
    for chosen in itertools.permutations(range(len(many)), len(few)):
        squared = [
            (few[i][0] - many[j][0]) ** 2 + (few[i][1] - many[j][1]) ** 2
            for i, j in enumerate(chosen)
        ]
        squared = [s for s in squared if s <= tolerance**2]
        best = min(best, (-len(squared), sum(squared)))
    return -best[0], best[1]


class TestMatch:
    @given(points, points, st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, 9.0]))
    def test_brute_force(self, found, true, tolerance):
        match = match_positions(found, true, tolerance=tolerance)
        n, squared = brute_force(found, true, tolerance)
        assert len(match.distances) == n
        assert (match.distances**2).sum() == pytest.approx(squared)
        assert len(set(match.found_indices)) == len(set(match.true_indices)) == n
        assert (np.diff(match.found_indices) > 0).all()
        for i, j, distance in zip(*match, strict=True):
            assert distance == pytest.approx(math.dist(found[i], true[j]))
            assert distance <= tolerance

    @given(points, points, st.sampled_from([1.0, 2.0]))
    def test_either_side_may_be_the_truth(self, found, true, tolerance):
        one = match_positions(found, true, tolerance=tolerance)
        other = match_positions(true, found, tolerance=tolerance)
        assert len(one.distances) == len(other.distances)
        assert (one.distances**2).sum() == pytest.approx((other.distances**2).sum())

    def test_more_pairs_go_before_closer_pairs(self):
        # Nearest first would pair 1.0 with 1.1 and leave 0 and 3 alone.
        match = match_positions([[0, 0], [0, 1.0]], [[0, 1.1], [0, 3.0]], tolerance=2.0)
        np.testing.assert_array_equal(match.found_indices, [0, 1])
        np.testing.assert_array_equal(match.true_indices, [0, 1])

    def test_a_chain_is_solved_as_a_whole(self):
        n = 400
        true = np.stack([np.zeros(n), np.arange(n, dtype=float)], axis=1)
        match = match_positions(true + np.array([0, 0.6]), true, tolerance=0.7)
        np.testing.assert_array_equal(match.found_indices, match.true_indices)
        assert len(match.distances) == n

    def test_the_tolerance_itself_is_within(self):
        assert len(match_positions([[3, 4]], [[0, 0]], tolerance=5).distances) == 1
        assert len(match_positions([[3, 4]], [[0, 0]], tolerance=4.999).distances) == 0

    @pytest.mark.parametrize("empty", [[], np.empty((0, 3))])
    def test_empty(self, empty):
        for found, true in ((empty, SQUARE), (SQUARE, empty), (empty, empty)):
            match = match_positions(found, true, tolerance=1)
            assert [len(part) for part in match] == [0, 0, 0]

    def test_further_columns_are_ignored(self):
        found = np.column_stack([SQUARE, [9.0, 8, 7, 6]])
        np.testing.assert_array_equal(match_positions(found, SQUARE, tolerance=1).distances, 0)

    def test_a_hundred_thousand(self, rng):
        side = np.arange(317) * 10.0
        true = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
        order = rng.permutation(len(true))
        found = (true + rng.uniform(-1.5, 1.5, true.shape))[order]
        start = time.perf_counter()
        match = match_positions(found, true, tolerance=2.5)
        # 0.12 s when measured; what may not come back is the square of the number.
        assert time.perf_counter() - start < 5
        np.testing.assert_array_equal(match.true_indices, order)

    @pytest.mark.parametrize("tolerance", [0, -1, math.nan, math.inf])
    def test_tolerance_error(self, tolerance):
        with pytest.raises(ValueError, match="tolerance must be finite and > 0"):
            match_positions(SQUARE, SQUARE, tolerance=tolerance)

    def test_table_errors(self):
        with pytest.raises(ValueError, match="found must be a table"):
            match_positions([1, 2, 3], SQUARE, tolerance=1)
        with pytest.raises(ValueError, match=r"true\[1\].*not finite"):
            match_positions(SQUARE, [[0, 0], [0, np.nan]], tolerance=1)


class TestDetectionMetrics:
    def test_by_hand(self):
        found = [[0, 1], [10, 10], [5, 5]]
        metrics = detection_metrics(found, SQUARE, tolerance=2)
        assert metrics == DetectionMetrics(3, 4, 2, 2 / 3, 2 / 4, 4 / 7, math.sqrt(0.5))

    @given(points, points)
    def test_f1_is_the_harmonic_mean(self, found, true):
        metrics = detection_metrics(found, true, tolerance=1)
        assert (metrics.n_found, metrics.n_true) == (len(found), len(true))
        assert 0 <= metrics.f1 <= 1
        if metrics.n_matched:
            harmonic = 2 / (1 / metrics.precision + 1 / metrics.recall)
            assert metrics.f1 == pytest.approx(harmonic)
        else:
            assert math.isnan(metrics.rmse)

    @pytest.mark.parametrize(
        ("found", "true", "scores"),
        [([], [], (1, 1, 1)), ([], SQUARE, (0, 0, 0)), (SQUARE, [], (0, 0, 0))],
    )
    def test_empty(self, found, true, scores):
        metrics = detection_metrics(found, true, tolerance=1)
        assert (metrics.precision, metrics.recall, metrics.f1) == scores
        assert math.isnan(metrics.rmse)

    def test_default_tolerance_is_a_quarter_of_the_spacing(self):
        assert detection_metrics(SQUARE + np.array([0, 2.5]), SQUARE).n_matched == 4
        assert detection_metrics(SQUARE + np.array([0, 2.6]), SQUARE).n_matched == 0

    def test_default_tolerance_needs_a_spacing(self):
        with pytest.raises(ValueError, match="at least 2 true positions"):
            detection_metrics(SQUARE, [[0, 0]])
        with pytest.raises(ValueError, match="same place"):
            detection_metrics(SQUARE, [[0, 0], [0, 0]])

    def test_rmse_of_a_known_spread(self, rng):
        true = np.stack(np.mgrid[0:300, 0:300], axis=-1).reshape(-1, 2) * 20.0
        metrics = detection_metrics(true + rng.normal(0, 0.5, true.shape), true)
        assert metrics.f1 == 1
        assert metrics.rmse == pytest.approx(0.5 * math.sqrt(2), rel=0.01)


class TestMargin:
    SHAPE = (100, 100)

    def count(self, found, true):
        metrics = detection_metrics(found, true, tolerance=3, shape=self.SHAPE, margin=10)
        return metrics.n_found, metrics.n_true, metrics.n_matched

    def test_pairs_go_by_their_true_position(self):
        assert self.count([[9.5, 50]], [[10.5, 50]]) == (1, 1, 1)
        assert self.count([[10.5, 50]], [[9.5, 50]]) == (0, 0, 0)

    def test_the_unmatched_go_by_their_own(self):
        assert self.count([[50, 89.5]], []) == (0, 0, 0)
        assert self.count([[50, 88.5]], []) == (1, 0, 0)
        assert self.count([], [[89.5, 50]]) == (0, 0, 0)
        assert self.count([], [[88.5, 50]]) == (0, 1, 0)

    def test_the_line_itself_counts(self):
        assert self.count([[10, 89]], [[10, 89]]) == (1, 1, 1)

    def test_what_is_perfect_stays_perfect_at_any_margin(self, rng):
        true = rng.permutation(np.stack(np.mgrid[0:20, 0:20], axis=-1).reshape(-1, 2) * 5.0)
        found = true + rng.uniform(-1, 1, true.shape)
        for margin in np.linspace(0, 49, 25):
            metrics = detection_metrics(found, true, shape=self.SHAPE, margin=margin, tolerance=2)
            assert metrics.n_found == metrics.n_true == metrics.n_matched
            assert metrics.f1 == 1

    def test_no_shape_ignores_nothing(self):
        outside = [[-50.0, 0], [500.0, 0]]
        assert detection_metrics(outside, outside).n_matched == 2

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"margin": 5}, "margin=5 needs the shape"),
            ({"margin": -1, "shape": (9, 9)}, "margin must be finite and >= 0"),
            ({"margin": 5, "shape": (9, 90)}, "margin=5 leaves nothing"),
            ({"shape": (9, 9, 3)}, "shape must be"),
            ({"shape": (0, 9)}, "each of shape must be at least 1"),
        ],
    )
    def test_errors(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            detection_metrics(SQUARE, SQUARE, **arguments)
