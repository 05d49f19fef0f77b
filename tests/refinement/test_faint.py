"""Errors of faint atoms against their scatter about the truth."""

from __future__ import annotations

import numpy as np
import pytest

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.refinement import GaussianRefiner
from logstar.refinement._faint import faintness_factors

LATTICE = Lattice.perovskite(3.905, pixel_size=0.2)
SIGMA = 2.5


def lone_peaks(noise, seed, n=8, pitch=30):
    """Image of round peaks of height 1 in white noise, and where they are."""
    rng = np.random.default_rng(seed)
    places = pitch * (0.5 + np.stack(np.indices((n, n)), axis=-1).reshape(-1, 2))
    truth = places + rng.uniform(-1, 1, places.shape)
    pixels = np.arange(n * pitch)[:, None]
    down, along = (np.exp(-((pixels - truth[:, axis]) ** 2) / (2 * SIGMA**2)) for axis in (0, 1))
    return down @ along.T + rng.normal(0, noise, (n * pitch, n * pitch)), truth


@pytest.mark.parametrize(
    ("options", "noise"),
    [
        ({}, 0.1),
        ({}, 0.5),
        ({}, 0.7),
        ({"model": "elliptical"}, 0.5),
        ({"share_sigma": "all"}, 0.6),
    ],
)
def test_errors_of_lone_peaks_are_their_scatter(options, noise):
    ratios = []
    for seed in range(900, 912):
        image, truth = lone_peaks(noise, seed)
        found = GaussianRefiner(**options).refine(image, truth.round())
        true_intensity = 2 * np.pi * SIGMA**2
        ratios.append(
            np.column_stack([
                (found.atoms[:, :2] - truth) / found.errors[:, :2],
                (found.amplitudes - 1) / found.amplitude_errors,
                (found.intensities - true_intensity) / found.intensity_errors,
            ])[found.converged]
        )  # fmt: skip
    ratios = np.concatenate(ratios)
    assert len(ratios) > 0.95 * 12 * 64
    # The scatter of a scatter of 1500 numbers with wider tails is some 3 %.
    assert np.sqrt((ratios[:, :2] ** 2).mean()) == pytest.approx(1, abs=0.08)
    assert 0.64 < (np.abs(ratios[:, :2]) < 1).mean() < 0.73
    assert 0.92 < (np.abs(ratios[:, :2]) < 1.96).mean() < 0.975
    assert np.sqrt((ratios[:, 2:] ** 2).mean(axis=0)) == pytest.approx([1, 1], abs=0.1)


def test_faint_columns_of_a_crystal_are_within_their_errors():
    ratios = []
    for seed in range(400, 406):
        scene = make_scene(LATTICE, (256, 256), noise=0.3, random_state=seed)
        inner = ((scene.positions > 4) & (scene.positions < 251)).all(axis=1)
        truth, kinds = scene.positions[inner], scene.kinds[inner]
        found = GaussianRefiner().refine(scene.image, truth.round(), kinds=kinds)
        some = found.converged & (kinds == "B")
        ratios.append(((found.atoms[:, :2] - truth) / found.errors[:, :2])[some].ravel())
    ratios = np.concatenate(ratios)
    # By the curvature of the fit alone they would be off by 1.2 of their errors.
    assert ratios.std() == pytest.approx(1, abs=0.08)
    assert 0.65 < (np.abs(ratios) < 1).mean() < 0.73
    assert 0.93 < (np.abs(ratios) < 1.96).mean() < 0.97


def test_a_sigma_that_is_shared_is_known_by_all_who_share_it():
    off, errors = [], []
    for seed in range(700, 740):
        image, truth = lone_peaks(0.2, seed, n=4)
        found = GaussianRefiner(share_sigma="all", edge="ignore").refine(image, truth)
        assert np.ptp(found.atoms[:, 2]) == 0
        assert np.ptp(found.errors[:, 2]) < 0.2 * found.errors[0, 2]
        by_itself = GaussianRefiner(edge="ignore").refine(image, truth)
        # Of 16 atoms a fourth.
        own, shared = by_itself.errors[:, 2].mean(), found.errors[:, 2].mean()
        assert shared == pytest.approx(own / 4, rel=0.2)
        assert (found.amplitude_errors < by_itself.amplitude_errors).all()
        off.append(np.append(found.atoms[0, 2] - SIGMA, found.amplitudes - 1))
        errors.append(np.append(shared, found.amplitude_errors))
    ratios = np.array(off) / np.array(errors)
    assert np.sqrt((ratios[:, 0] ** 2).mean()) == pytest.approx(1, abs=0.3)
    assert np.sqrt((ratios[:, 1:] ** 2).mean()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("model", ["isotropic", "elliptical"])
def test_factors_are_one_where_noise_is_weak_and_never_less(model):
    relative = np.array([0.0, 1e-3, 0.05, 0.2, 0.33, 5.0, np.nan])
    factors, intensity = faintness_factors(relative, model)
    assert factors.shape == (7, 4)
    np.testing.assert_allclose(factors[:2], 1, atol=1e-5)
    assert (np.diff(factors[:6], axis=0) >= 0).all()
    assert (factors[:6] >= 1).all()
    assert np.isnan(factors[6]).all()
    assert np.isnan(intensity[6])
    np.testing.assert_array_equal(intensity[:6], factors[:6, 3])
    # Beyond what any atom has the series says nothing more.
    np.testing.assert_allclose(factors[5], factors[4], rtol=0.03)
