"""Which ladders have their candidates found at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.detection._shared_candidates import Request, SharedCandidates


class Finder:
    """Gives the sigmas of a part for its candidates, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, index, ladder, parts):
        self.asked.append((index, ladder.tolist(), list(parts)))
        return [[ladder[first:end]] for first, end in parts]


def shared(ladders, finder, keys=None, n_at_once=100):
    keys = [None] * len(ladders) if keys is None else keys
    requests = [
        None if ladder is None else Request(np.array(ladder, dtype=np.float64), key)
        for ladder, key in zip(ladders, keys, strict=True)
    ]
    return SharedCandidates(requests, finder, n_at_once)


def taken(candidates, index):
    (table,) = candidates.take(index)
    return table.tolist()


def test_overlapping_ladders_are_parts_of_their_union():
    finder = Finder()
    ladders = [[2, 3], [1, 2, 3], [3, 4, 5]]
    candidates = shared(ladders, finder)
    assert [taken(candidates, i) for i in (1, 0, 2)] == [ladders[i] for i in (1, 0, 2)]
    ((index, ladder, parts),) = finder.asked
    assert index == 1
    assert ladder == [1, 2, 3, 4, 5]
    assert sorted(parts) == [(0, 3), (1, 3), (2, 5)]


@pytest.mark.parametrize(
    "ladders",
    [
        # Apart, one between the steps of the other, one of fewer steps.
        [[1, 2], [3, 4]],
        [[1, 2, 3], [1.5, 2.5]],
        [[1, 2, 3], [1, 3]],
        [[1, 2, 3], [2, 2.5, 3, 4]],
        [[2, 2, 2], [2]],
    ],
)
def test_others_are_found_each_alone(ladders):
    finder = Finder()
    candidates = shared(ladders, finder)
    assert [taken(candidates, i) for i in range(2)] == ladders
    assert [asked[1] for asked in finder.asked] == ladders


def test_equal_ladders_are_one():
    finder = Finder()
    candidates = shared([[2, 2], [2, 2]], finder)
    assert [taken(candidates, i) for i in (0, 1)] == [[2, 2], [2, 2]]
    assert finder.asked == [(0, [2, 2], [(0, 2), (0, 2)])]


def test_other_images_and_later_requests_are_not_shared():
    finder = Finder()
    candidates = shared([[1, 2], None, [1], [1, 2], [2]], finder, keys="aabaa", n_at_once=4)
    for index in (0, 2, 3, 4):
        candidates.take(index)
    assert [(index, len(parts)) for index, _, parts in finder.asked] == [(0, 2), (2, 1), (4, 1)]


def test_a_failure_is_not_remembered():
    def find(index, ladder, parts):
        if index == 0:
            raise ValueError("no")
        return Finder()(index, ladder, parts)

    candidates = shared([[1, 2], [2, 3]], find)
    with pytest.raises(ValueError, match="no"):
        candidates.take(0)
    assert taken(candidates, 1) == [2, 3]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 6), st.sampled_from([1, 2])), max_size=9)
)
def test_each_has_its_own_from_any_number_of_threads(ends):
    ladders = [list(range(low, low + step * n, step)) for low, n, step in ends]
    finder = Finder()
    candidates = shared(ladders, finder)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda i: taken(candidates, i), range(len(ladders)))) == ladders
    # No ladder is found twice, and no union holds more than its parts do.
    assert sum(len(parts) for _, _, parts in finder.asked) == len(ladders)
    for _, ladder, parts in finder.asked:
        assert {i for first, end in parts for i in range(first, end)} == set(range(len(ladder)))
