"""When windows of one type fall into two orientations, on values whose distribution is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from logstar.segmentation._orientations import _split

SIZE = 5
#: An odd pattern, of which one half is given: one pixel against the one across the centre.
DIRECTION = np.zeros(SIZE**2 // 2)
DIRECTION[2] = 1.0


def windows(separation, share=0.5, n=20_000):
    """Two Gaussians of deviation 1 along the pattern, as even as numbers can be."""
    n_low = round(share * n)
    low, high = (norm.ppf((np.arange(k) + 0.5) / k) for k in (n_low, n - n_low))
    return np.concatenate([low - separation / 2, high + separation / 2])[:, None] * DIRECTION


@pytest.mark.parametrize("separation", [0.0, 1.0, 1.9])
def test_means_within_two_deviations_are_one_orientation(separation):
    assert _split(windows(separation), DIRECTION, SIZE) is None


@pytest.mark.parametrize("separation", [2.2, 2.4, 4.0])
def test_means_further_apart_are_two(separation):
    axis = _split(windows(separation), DIRECTION, SIZE)
    assert axis is not None
    # Where the two overlap, the fit stops somewhat before the end.
    assert axis.separation == pytest.approx(separation, rel=0.1)
    np.testing.assert_allclose(np.abs(axis.direction), np.abs(DIRECTION))
    assert axis.middle == pytest.approx(0, abs=0.1)


def test_the_middle_lies_between_the_means():
    axis = _split(windows(6.0) + 1.5 * DIRECTION, DIRECTION, SIZE)
    assert axis is not None
    side = float(axis.direction @ DIRECTION)
    assert axis.middle == pytest.approx(1.5 * side, abs=0.02)


def test_few_atoms_are_no_orientation():
    assert _split(windows(6.0, 0.08), DIRECTION, SIZE) is None
    assert _split(windows(6.0, 0.12), DIRECTION, SIZE) is not None
