"""Distorted scans: the inverse, the shifts of rows, and how far windows have to reach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from logstar.datasets import ScanDistortion
from logstar.datasets._scan import Scan

SHAPE = (120, 150)


def draw(seed=0, **parameters):
    return Scan.draw(ScanDistortion(**parameters), SHAPE, np.random.default_rng(seed))


@given(
    st.tuples(st.floats(-15, 15), st.floats(-15, 15)),
    st.floats(-0.1, 0.1),
    st.floats(0, 2),
    st.integers(0, 99),
)
def test_there_and_back(drift, skew, bend, seed):
    scan = draw(seed, drift=drift, affine=((1 + skew, 0), (skew, 1)), bend=bend)
    shown = np.random.default_rng(seed).uniform(-20, 150, size=(50, 2))
    sample = shown + scan.smooth_displacement(shown)
    np.testing.assert_allclose(scan.to_image(sample), shown, atol=1e-8)


def test_steady_drift_by_hand():
    field = draw(drift=(12, -30)).displacement()
    rows, cols = np.indices(SHAPE)
    time = (rows + cols / 150) / 120
    np.testing.assert_allclose(field, np.stack([12 * time, -30 * time], axis=2), atol=1e-12)


def test_affine_is_about_the_middle():
    scan = draw(affine=((1.1, 0.0), (0.05, 1.0)))
    middle = np.array([[59.5, 74.5], [69.5, 74.5]])
    np.testing.assert_allclose(scan.smooth_displacement(middle), [[0, 0], [1, 0.5]], atol=1e-12)


def test_rows_jitter_along_themselves():
    field = draw(row_jitter=0.7).displacement()
    assert np.abs(field[:, :, 0]).max() == 0
    assert np.ptp(field[:, :, 1], axis=1).max() == 0
    assert field[:, 0, 1].std() == pytest.approx(0.7, rel=0.2)


def test_bend_has_its_rms():
    scan = Scan.draw(ScanDistortion(bend=3.0), (400, 5), np.random.default_rng(2))
    field = scan.displacement()
    np.testing.assert_allclose(np.sqrt((field**2).mean(axis=(0, 1))), 3, rtol=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_all_that_shows_a_surrounding_is_within_reach(seed):
    scan = draw(seed, drift=(9, -14), affine=((1, 0.03), (0.05, 0.95)), bend=1.5, row_jitter=0.6)
    place = np.array([[61.0, 80.0]])
    sample = np.indices(SHAPE).transpose(1, 2, 0) + scan.displacement()
    shows_it = np.argwhere(np.hypot(*(sample - place[0]).transpose(2, 0, 1)) <= 10)
    away = np.abs(shows_it - scan.to_image(place)[0]).max(axis=0)
    assert (away <= scan.reach(10.0)).all()
    assert (away > 5).all()


@pytest.mark.parametrize("parameters", [{"drift": (0, 200.0)}, {"bend": 60.0}])
def test_too_strong(parameters):
    with pytest.raises(ValueError, match="scan distorts so strongly"):
        draw(**parameters).reach(3.0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bend": -1}, "bend must be finite and >= 0"),
        ({"row_jitter": -1}, "row_jitter must be"),
        ({"drift": (1,)}, r"drift must be \(row, col\)"),
        ({"affine": ((1, 0),)}, "affine must have two rows"),
        ({"affine": ((1, 0), (0, 1, 2))}, r"affine\[1\] must be"),
    ],
)
def test_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        ScanDistortion(**parameters)
