"""The Cramér-Rao bound against closed forms and the spread of many fits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.refinement import cramer_rao_bound


@given(
    sigma=st.floats(1.2, 4.0),
    amplitude=st.floats(0.2, 50.0),
    noise=st.floats(1e-3, 10.0),
    phase=st.floats(0.0, 1.0),
)
def test_isolated_peaks_in_white_noise_have_the_closed_form(sigma, amplitude, noise, phase):
    place = [[30 + phase, 30 - phase]]
    bound = cramer_rao_bound(place, sigma, amplitude, noise=noise, known_background=True)
    position = math.sqrt(2 / math.pi) * noise / amplitude
    size = noise / amplitude / math.sqrt(math.pi)
    np.testing.assert_allclose(bound, [[position, position, size]], rtol=2e-2)


@given(sigma=st.floats(1.2, 4.0), dose=st.floats(10, 1e5))
def test_counted_electrons_have_the_closed_form(sigma, dose):
    bound = cramer_rao_bound([[30, 30]], sigma, dose=dose, known_background=True)
    n_electrons = 2 * math.pi * sigma**2 * dose
    np.testing.assert_allclose(bound[0, :2], sigma / math.sqrt(n_electrons), rtol=1e-3)


@pytest.mark.parametrize(("background", "expected"), [(0.05, 0.0478), (0.2, 0.0595)])
def test_a_background_costs_information(background, expected):
    bound = cramer_rao_bound([[40, 40]], 2.5, dose=100, background=background)
    assert bound[0, 0] == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize(
    ("apart", "ratio"), [(1.5, 4.4), (2, 2.5), (2.5, 1.64), (3, 1.25), (4, 1.02), (5, 1.0)]
)
def test_overlapping_pairs_along_their_axis(apart, ratio):
    pair = [[40, 40], [40, 40 + 3 * apart]]
    alone = cramer_rao_bound(pair[:1], 3.0, noise=0.1)[0, 1]
    together = cramer_rao_bound(pair, 3.0, noise=0.1)[0, 1]
    assert together / alone == pytest.approx(ratio, rel=0.03)


def test_what_is_known_need_not_be_paid_for():
    pair = [[40, 40], [40, 47]]
    known = cramer_rao_bound(pair, 3.0, noise=0.1, known_sigma=True)
    free = cramer_rao_bound(pair, 3.0, noise=0.1)
    assert (known[:, 1] < free[:, 1]).all()
    assert (known[:, 2] == 0).all()


def test_pixels_outside_the_frame_tell_nothing():
    whole = cramer_rao_bound([[20, 20]], 3.0, noise=0.1, shape=(60, 60))
    cut = cramer_rao_bound([[1, 20]], 3.0, noise=0.1, shape=(60, 60))
    assert cut[0, 0] > 1.3 * whole[0, 0]


def test_without_a_shape_every_pixel_that_tells_something_counts():
    """Off the diagonal, since rows and columns have ranges of their own."""
    atoms = [[30.25, 70.5], [41.0, 62.75]]
    for sigma in (0.7, 2.5):
        endless = cramer_rao_bound(atoms, sigma, noise=0.1, known_background=True)
        framed = cramer_rao_bound(atoms, sigma, noise=0.1, known_background=True, shape=(120, 140))
        assert np.isfinite(endless).all()
        np.testing.assert_allclose(endless, framed, rtol=1e-6)


def test_nothing_is_bounded_by_nothing():
    assert cramer_rao_bound(np.empty((0, 2)), 2.0, noise=0.1).shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise": None}, "either noise or dose"),
        ({"dose": 10.0}, "either noise or dose"),
        ({"noise": 0.0}, "noise must be"),
        ({"sigma": 0.0}, "sigma must be above 0"),
        ({"background": -1.0}, "background must be"),
        ({"positions": np.zeros((501, 2))}, "at most 500"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    arguments = {"positions": [[5, 5]], "sigma": 2.0, "noise": 0.1} | change
    with pytest.raises(ValueError, match=message):
        cramer_rao_bound(arguments.pop("positions"), arguments.pop("sigma"), **arguments)
