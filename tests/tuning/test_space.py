"""Ladders that a search tries."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import LoGStarDetector
from logstar.tuning._space import Ladders

RANGES = [(1.0, 3.0), (2**0.5, 18**0.5), (0.31, 0.97), (0.01, 7.3), (11.7, 12.1)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_all_ladders_are_contiguous_parts_of_one(low, high):
    ladders = Ladders.within(low, high)
    assert (ladders.min_sigma[0], ladders.max_sigma[-1]) == pytest.approx((low, high), rel=1e-9)
    image = np.pad(np.ones((1, 1)), 60)
    fitted = {
        ends: LoGStarDetector(*ends, sigma_step=ladders.step).fit(image).sigmas_
        for ends in [(a, b) for a in ladders.min_sigma for b in ladders.max_sigma]
    }
    whole = fitted[ladders.min_sigma[0], ladders.max_sigma[-1]]
    assert len(fitted) == ladders.n_ladders
    for (first, last), sigmas in fitted.items():
        assert (sigmas[0], sigmas[-1]) == (first, last)
        start = whole.tolist().index(first)
        np.testing.assert_array_equal(sigmas, whole[start : start + len(sigmas)])
