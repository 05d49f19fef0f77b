"""Replayed orders of sets against real ones, and what happens where they differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_array_equal
from scipy.spatial import cKDTree
from skimage import feature

import logstar.detection._skimage._pair_order as module
from logstar import _core, blob_log
from logstar.detection._skimage._pair_order import pairs_in_scipy_order
from logstar.exceptions import PairOrderWarning
from tests.conftest import atoms_image


def as_array(pairs):
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)


def filled(pairs):
    """The set that SciPy's loop makes of an array."""
    result = set()
    for first, second in pairs.tolist():
        result.add((first, second))
    return result


@settings(max_examples=60)
@given(
    size=st.integers(0, 6_000),
    largest=st.sampled_from([120, 5_000, 10**6, 2**32 - 1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_order_is_that_of_a_real_set(size, largest, seed):
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, largest, (size, 2), endpoint=True)
    _, first = np.unique(drawn, axis=0, return_index=True)
    pairs = drawn[np.sort(first)]
    assert_array_equal(_core.set_order(pairs), as_array(filled(pairs)))


@pytest.mark.parametrize("size", [78_642, 78_643, 160_000])
def test_order_holds_where_large_sets_grow(size):
    numbers = np.random.default_rng(size).permutation(size)
    pairs = np.column_stack([numbers // 500, 1000 + numbers % 500])
    real = as_array(filled(pairs))
    assert_array_equal(_core.set_order(pairs), real)
    marked = np.arange(1500) % 3 == 0
    assert_array_equal(_core.set_order(pairs, marked), real[marked[real].all(axis=1)])


@settings(max_examples=40)
@given(
    n=st.integers(0, 400),
    sigmas=st.lists(st.floats(0.5, 30), min_size=1, max_size=6),
    dtype=st.sampled_from([np.float64, np.float32]),
    seed=st.integers(0, 2**32 - 1),
)
def test_pairs_come_as_scikit_image_meets_them(n, sigmas, dtype, seed):
    rng = np.random.default_rng(seed)
    blobs = np.column_stack([rng.integers(0, 200, (n, 2)), rng.choice(sigmas, n)]).astype(dtype)
    if n == 0:
        return
    reach = 2 * blobs[:, -1:].max() * math.sqrt(2)
    expected = as_array(cKDTree(blobs[:, :2]).query_pairs(reach))
    assert_array_equal(pairs_in_scipy_order(blobs), expected)


def test_the_comparison_reaches_the_sizes_at_which_sets_change_their_growth():
    largest = []

    class Spy:
        def set_order(self, pairs, marked=None):
            largest.append(len(pairs))
            return _core.set_order(pairs, marked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_core", Spy())
        assert module._replay_holds.__wrapped__(module._CHECKED_SIZES[1])
    assert max(largest) > 78_643


@pytest.mark.parametrize("wrong_from", [0, 50_000])
def test_a_replay_that_differs_from_real_sets_is_not_used(monkeypatch, wrong_from):
    """As on an interpreter whose sets are others: wrong at once, or only where they are large."""

    class OtherInterpreter:
        def __getattr__(self, name):
            return getattr(_core, name)

        def set_order(self, pairs, marked=None):
            order = _core.set_order(pairs, marked)
            return order[::-1] if len(pairs) > wrong_from else order

    monkeypatch.setattr(module, "_core", OtherInterpreter())
    module._replay_holds.cache_clear()
    try:
        image, _ = atoms_image((112, 112), pitch=7.5, sigma=2.0, noise=0.15, seed=1)
        arguments = {"min_sigma": 0.8, "max_sigma": 20, "threshold": 0.001, "overlap": 0.3}
        expected = feature.blob_log(image, **arguments)
        assert_array_equal(blob_log(image, **arguments), expected)
    finally:
        module._replay_holds.cache_clear()


@settings(max_examples=30)
@given(
    n=st.integers(2, 300),
    size=st.sampled_from([[1, 1], [1, 500], [300, 300], [1e6, 20]]),
    reach=st.floats(0.5, 400),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_number_of_pairs_is_between_its_bounds(n, size, reach, seed):
    places = np.random.default_rng(seed).uniform(0, size, (n, 2))
    n_pairs = len(cKDTree(places).query_pairs(reach, output_type="ndarray"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_PAIRS", 0)
        least, most = module._pair_bounds(places, reach)
    assert least <= n_pairs <= most


def crowded_image():
    """Of its blobs some hundred are decided by the order of pairs."""
    return atoms_image((112, 112), pitch=7.5, sigma=2.0, noise=0.15, seed=1)[0]


CROWDED = {"min_sigma": 0.8, "max_sigma": 20, "threshold": 0.001, "overlap": 0.3}


# Below what shares a cell, and below the count alone.
@pytest.mark.parametrize("max_pairs", [100, 140_000])
def test_beyond_the_limit_the_larger_go_first_with_a_warning(monkeypatch, max_pairs):
    expected = feature.blob_log(crowded_image(), **CROWDED)
    monkeypatch.setattr(module, "MAX_PAIRS", max_pairs)
    with pytest.warns(PairOrderWarning, match=r"\d+ blobs make at least \d+ pairs.*max_sigma"):
        found = blob_log(crowded_image(), **CROWDED)
    rows = {tuple(row) for row in expected.tolist()}, {tuple(row) for row in found.tolist()}
    shared = rows[0] & rows[1]
    assert len(shared) > 0.9 * max(len(expected), len(found))
    # None that is left overlaps another too much.
    table = found[:, [0, 1, 2, 2]]
    assert _core.prune_largest_first(table, 0.3).all()


def test_rules_that_only_the_loop_has_are_refused_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(module, "MAX_PAIRS", 100)
    with pytest.raises(ValueError, match=r"overlap=-0\.1 below 0.*raise threshold"):
        blob_log(crowded_image(), **{**CROWDED, "overlap": -0.1})
