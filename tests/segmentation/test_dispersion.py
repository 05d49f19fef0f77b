"""The dispersed component is told by its spread, whatever signs, scale and numbering."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from logstar.segmentation._dispersion import are_dispersed, dispersions, fit_mixture

COVARIANCE_TYPES = ["full", "tied", "diag", "spherical"]


def crystal_and_damage(shift=1.0):
    rng = np.random.default_rng(0)
    return np.vstack([rng.normal(0, 1, (900, 3)), rng.normal(shift, 9, (100, 3))])


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
@pytest.mark.parametrize("sign", [1, -1])
def test_dispersed_points_are_told_whatever_the_sign(covariance_type, sign):
    points = sign * crystal_and_damage()
    mixture, is_amorphous = fit_mixture(points, 2, covariance_type, 0)
    assert is_amorphous.sum() == 1
    told = mixture.predict_proba(points)[:, is_amorphous].sum(axis=1)
    assert told[:900].mean() < 0.05
    assert told[900:].mean() > 0.8


def test_with_one_covariance_a_far_mean_tells():
    """Tied components are equally wide, so that only their places differ."""
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal(0, 1, (900, 3)), rng.normal(12, 1, (100, 3))])
    mixture, is_amorphous = fit_mixture(points, 2, "tied", 0)
    assert is_amorphous.sum() == 1
    told = mixture.predict_proba(points)[:, is_amorphous].sum(axis=1)
    assert told[:900].max() < 0.01
    assert told[900:].min() > 0.99


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_intensity_changes_nothing(covariance_type, scale):
    points = crystal_and_damage(shift=15.0)
    mixture, is_amorphous = fit_mixture(points, 2, covariance_type, 0)
    scaled, is_scaled_amorphous = fit_mixture(scale * points, 2, covariance_type, 0)
    assert_array_equal(is_scaled_amorphous, is_amorphous)
    assert scaled.means_ == pytest.approx(scale * mixture.means_, rel=1e-6, abs=1e-9 * scale)
    assert scaled.predict_proba(scale * points) == pytest.approx(
        mixture.predict_proba(points), abs=1e-7
    )
    assert dispersions(scaled) == pytest.approx(scale**2 * dispersions(mixture), rel=1e-6)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_what_is_little_more_dispersed_than_the_crystal_is_crystal(covariance_type):
    """Of spreads 1, 2 and 100 only the last exceeds the geometric mean of the ends, 10."""
    rng = np.random.default_rng(0)
    spreads = (1.0, 2.0, 100.0)
    points = np.vstack([
        rng.normal(middle, spread, (n, 2))
        for middle, spread, n in zip((0, 5, 0), spreads, (1800, 180, 20), strict=True)
    ])  # fmt: skip
    mixture, is_amorphous = fit_mixture(points, 3, covariance_type, 0)
    assert is_amorphous.sum() == 1
    assert np.argmax(is_amorphous) == np.argmax(dispersions(mixture))
    assert mixture.weights_[is_amorphous].item() < 0.05


@pytest.mark.parametrize(
    ("spread", "expected"),
    [
        ([1, 2, 100], [False, False, True]),
        ([100, 11, 1], [True, True, False]),
        ([1e-9, 2e-9], [False, True]),
        ([3, 3], [False, False]),
        ([0, 0, 1], [False, False, True]),
    ],
)
def test_the_geometric_mean_of_the_ends_parts_components(spread, expected):
    assert_array_equal(are_dispersed(np.array(spread, dtype=float)), expected)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_dispersions_agree_with_the_points(covariance_type):
    rng = np.random.default_rng(1)
    points = np.vstack([rng.normal(0, 1, (4000, 2)), rng.normal(0, 10, (4000, 2))])
    mixture, _ = fit_mixture(points, 2, covariance_type, 0)
    assert sorted(dispersions(mixture)) == pytest.approx([2, 200], rel=0.1)


def test_dispersions_count_the_place_of_a_component():
    rng = np.random.default_rng(1)
    points = np.vstack([rng.normal(0, 1, (4000, 2)), rng.normal([3, 4], 1, (400, 2))])
    mixture, _ = fit_mixture(points, 2, "tied", 0)
    assert sorted(dispersions(mixture)) == pytest.approx([2, 2 + 3**2 + 4**2], rel=0.1)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_start_is_made_from_the_points(covariance_type):
    points = crystal_and_damage()
    one, two = (fit_mixture(points, 2, covariance_type, seed)[0] for seed in (0, 77))
    assert_array_equal(one.means_, two.means_)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("n_components", [2, 3])
def test_a_crystal_without_any_residual(covariance_type, n_components):
    """More points are exactly 0 than a component starts from."""
    points = np.zeros((1000, 2))
    points[:50] = np.random.default_rng(0).normal(8, 1, (50, 2))
    mixture, is_amorphous = fit_mixture(points, n_components, covariance_type, 0)
    told = mixture.predict_proba(points)[:, is_amorphous].sum(axis=1)
    assert told[:50].min() > 0.9
    assert told[50:].max() < 0.1


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_one_dimension(covariance_type):
    points = crystal_and_damage()[:, :1]
    mixture, is_amorphous = fit_mixture(points, 2, covariance_type, 0)
    assert mixture.means_.shape == (2, 1)
    assert is_amorphous.sum() == 1 or covariance_type == "tied"
