"""Supports, blobs and streaks against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar.datasets import AmorphousSupport, Blob, Streaks
from logstar.datasets._surroundings import as_contamination, smooth_field


def rng(seed=0):
    return np.random.default_rng(seed)


def test_smooth_field_is_filtered_noise():
    fields = np.array([smooth_field((101, 90), 4.0, rng(seed)) for seed in range(60)])
    assert fields.mean() == pytest.approx(0, abs=0.05)
    assert fields.var() == pytest.approx(1, rel=0.05)
    # Correlated as the Gaussian filter says, exp(-d^2 / (4 sigma^2)); across edges not at all.
    for shift in (3, 6):
        correlation = np.mean(fields[:, :, shift:] * fields[:, :, :-shift])
        assert correlation == pytest.approx(np.exp(-(shift**2) / 64), abs=0.06)
    assert np.mean(fields[:, 0] * fields[:, -1]) == pytest.approx(0, abs=0.1)


def test_support():
    film = AmorphousSupport(height=2.0, unevenness=0.1, patch=20, texture=0.2, grain=1.5)
    image = np.array([film.render((200, 200), rng(seed)) for seed in range(5)])
    assert image.mean() == pytest.approx(2, rel=0.05)
    assert image.std() == pytest.approx(np.hypot(0.2, 0.2), rel=0.1)
    assert AmorphousSupport(height=0.1, texture=0.5).render((50, 50), rng()).min() == 0


@pytest.mark.parametrize("seed", range(4))
def test_blob(seed):
    added = Blob((80, 100), radius=30, height=0.7).render((160, 200), rng(seed))
    assert added.max() == pytest.approx(0.7, rel=1e-6)
    assert np.unravel_index(added.argmax(), added.shape) == (80, 100)
    inside = added > 0.7 / np.e
    assert ndimage.label(inside)[1] == 1
    assert inside.sum() == pytest.approx(np.pi * 30**2, rel=0.12)
    assert added[0].max() < 1e-6


def test_blobs_are_placed_inside():
    for seed in range(5):
        added = Blob().render((100, 130), rng(seed))
        row, col = np.unravel_index(added.argmax(), added.shape)
        assert 19 <= row <= 80
        assert 25 <= col <= 105


def test_streaks_run_along_rows_and_fade():
    added = Streaks(1, height=1.0, length=50, width=1.5).render((101, 400), rng(3))
    row, start = np.unravel_index(added.argmax(), added.shape)
    assert 0.45 < added.max() <= 1
    ratio = added[row, start + 50] / added[row, start]
    assert ratio == pytest.approx(np.exp(-1), rel=1e-6)
    assert added[:, :start].max(initial=0.0) == 0
    across = added[:, start] / added[:, start].sum()
    centre = (across * np.arange(101)).sum()
    assert np.sqrt((across * (np.arange(101) - centre) ** 2).sum()) == pytest.approx(1.5, rel=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AmorphousSupport(height=-1), "height must be"),
        (lambda: AmorphousSupport(patch=0), "patch must be"),
        (lambda: Blob(radius=0), "radius must be"),
        (lambda: Blob((1, 2, 3)), "center must be"),
        (lambda: Blob(height=0), "height must be"),
        (lambda: Streaks(0), "n_streaks must be at least 1"),
        (lambda: Streaks(length=0), "length must be"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_contamination_of_a_wrong_type():
    with pytest.raises(TypeError, match=r"contamination\[1\] must be a Blob or Streaks"):
        as_contamination([Blob(), "dirt"])
