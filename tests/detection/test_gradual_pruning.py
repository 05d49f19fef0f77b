"""Candidates that are pruned from the top to the bottom: the same are kept as of all together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, strategies as st

from logstar import _core
from logstar.detection._gradual_pruning import GradualPruning, _overlap
from logstar.detection._tables import pruned


def gradually(table, overlap, bands):
    pruning = GradualPruning(overlap, table[:, 2].max())
    parts, waiting = [], []
    for start, end in pairwise(bands):
        band = table[(table[:, 0] >= start) & (table[:, 0] < end)]
        parts.append(pruning.add(band, end))
        waiting.append(len(pruning._waiting))
    return np.concatenate([*parts, pruning.finish()]), waiting


def in_one_order(table):
    return table[np.lexsort(table.T)]


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 300),
    width=st.sampled_from([3, 20, 60]),
    overlap=st.sampled_from([0.0, 0.05, 0.3, 0.8, 1.0]),
    height=st.sampled_from([7, 31, 90]),
)
def test_the_same_are_kept_as_of_all_together(seed, n, width, overlap, height):
    rng = np.random.default_rng(seed)
    places = np.unique(rng.integers(0, (200, width, 4), (n, 3)), axis=0)
    sigmas = np.array([1.0, 1.5, 2.0, 3.0])[places[:, 2]]
    responses = rng.integers(1, 5, len(places)) / 4
    table = np.column_stack([places[:, :2], sigmas, responses])
    found, _ = gradually(table, overlap, range(0, 200 + height, height))
    expected = pruned(table, overlap, 1)
    np.testing.assert_array_equal(in_one_order(found), in_one_order(expected))


def test_a_chain_over_all_bands_waits_for_its_end():
    rows = np.arange(0.0, 300, 4)
    # A little less each time: the last ones follow from the first one.
    table = np.column_stack([rows, 0 * rows, 0 * rows + 2, np.linspace(2, 1, len(rows))])
    found, waiting = gradually(table, 0.05, range(0, 320, 20))
    np.testing.assert_array_equal(in_one_order(found), in_one_order(pruned(table, 0.05, 1)))
    assert len(found) == (len(table) + 1) // 2
    assert waiting[-2] > len(table) - 10


def test_few_wait_where_atoms_are_apart():
    rows, cols = np.mgrid[0:400:10.0, 0:400:10.0].reshape(2, -1)
    table = np.column_stack([rows, cols, 0 * rows + 2, 0 * rows + 1])
    found, waiting = gradually(table, 0.1, range(0, 500, 100))
    assert len(found) == len(table)
    assert max(waiting) <= 40


def test_overlaps_are_those_that_the_core_goes_by(rng):
    first = np.column_stack([rng.uniform(0, 9, (300, 2)), rng.uniform(1, 3, 300), np.ones(300)])
    second = np.column_stack([rng.uniform(0, 9, (300, 2)), rng.uniform(1, 3, 300), np.ones(300)])
    second[:20] = first[:20]
    for one, other, overlap in zip(first, second, _overlap(first, second), strict=True):
        blobs = np.stack([one, other])[:, [0, 1, 2, 2]]
        for limit, n_kept in ((overlap - 1e-6, 1), (overlap + 1e-6, 2)):
            if limit >= 0:
                assert _core.prune_by_scale(blobs, np.ones(2), limit, 1).sum() == n_kept
