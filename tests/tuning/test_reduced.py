"""Large images made small enough to be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.tuning import _reduced
from logstar.tuning._reduced import reduced, reduced_by


@pytest.mark.parametrize("factor", [1, 3, 7])
def test_blocks_are_averaged(factor, monkeypatch):
    monkeypatch.setattr(_reduced, "TILE", 16)
    image = np.random.default_rng(0).integers(0, 60_000, (40, 53)).astype(np.uint16)
    n_rows, n_cols = 40 // factor, 53 // factor
    inner = image[: n_rows * factor, : n_cols * factor].astype(float)
    expected = inner.reshape(n_rows, factor, n_cols, factor).mean(axis=(1, 3))
    found = reduced(image, image.shape, factor)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_factor_is_the_least_that_does():
    assert reduced_by((100, 300), 300) == 1
    assert reduced_by((100, 301), 300) == 2
    assert reduced_by((8192, 4000), 2048) == 4
