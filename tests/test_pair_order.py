"""Replayed orders of sets against real ones, and what happens where they differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_array_equal
from scipy.spatial import cKDTree
from skimage import feature

import logstar._pair_order as module
from logstar import _core, blob_log
from logstar._pair_order import pairs_in_scipy_order

from .conftest import atoms_image


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
