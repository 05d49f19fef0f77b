"""Order statistics of images that are seen block by block, against NumPy's sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from logstar.detection import _block_statistics
from logstar.detection._block_statistics import block_statistics, evenly_placed

KINDS = ["u1", "i1", "?", "u2", "i2", "i4", "u4", "i8", "f2", "f4", "f8"]


def statistics(image, ranks, sample, n_rows=7):
    blocks = [image[start : start + n_rows] for start in range(0, len(image), n_rows)]
    return block_statistics(lambda look: map(look, blocks), image.size, ranks, sample)


def check(image, ranks, sample):
    found = statistics(image, ranks, sample)
    ordered = np.sort(image, axis=None)
    assert (found.low, found.high) == (float(ordered[0]), float(ordered[-1]))
    expected = [float(ordered[min(rank, image.size - 1)]) for rank in ranks]
    assert found.values == expected


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**32 - 1),
    n_levels=st.sampled_from([2, 20, 10**6]),
    ranks=st.lists(st.integers(0, 2500), min_size=1, max_size=5),
    misled=st.booleans(),
)
def test_ranks_are_those_of_the_sorted_pixels(kind, seed, n_levels, ranks, misled):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(-n_levels, n_levels, (40, 60)) / (7 if kind[0] == "f" else 1)
    with np.errstate(over="ignore"):
        image = numbers.astype(kind)
    image[~np.isfinite(image)] = 0
    # A sample of the corner that says nothing of all else.
    sample = np.full((3, 3), image.max()) if misled else image[::3, ::2]
    check(image, ranks, sample)


@pytest.mark.parametrize("kind", ["f4", "f8", "i4"])
def test_what_is_too_much_to_keep_is_counted(monkeypatch, kind):
    monkeypatch.setattr(_block_statistics, "_MOST_KEPT", 50)
    image = np.random.default_rng(1).integers(-3, 4, (30, 30)).astype(kind)
    check(image, [0, 1, 449, 450, 899], image)


def test_zeros_of_either_sign_are_one_number():
    image = np.array([[-0.0, 0.0, 1.0, -1.0]])
    for sample in (image, image[:, 2:3]):
        assert statistics(image, [1, 2], sample).values == [0.0, 0.0]


def test_samples_are_spread_over_the_image():
    places = list(evenly_placed((100, 50), 5, 4))
    assert len(places) == 25
    for rows, cols in places:
        assert 0 <= rows.start < rows.stop <= 100
        assert 0 <= cols.start < cols.stop <= 50
    # One in each cell of the grid.
    assert {(rows.start // 20, cols.start // 10) for rows, cols in places} == {
        (i, j) for i in range(5) for j in range(5)
    }
    assert list(evenly_placed((2, 2), 5, 4))
