"""Thresholds that follow windows: the field itself, and what it finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar import AtomFinder, Lattice
from logstar.datasets import Scene, make_scene
from logstar.metrics import detection_metrics
from logstar.preprocessing import PatchPCADenoiser
from logstar.tuning._threshold_field import level_of, smoothed
from logstar.tuning._window_maps import with_detector

CRYSTAL = Lattice.ybco(pixel_size=0.2)
SHAPE = (224, 224)


def _f1(atoms: Any, scene: Scene) -> float:
    return detection_metrics(atoms, scene.positions, shape=SHAPE, margin=3).f1


def test_smoothing_is_the_minimum_of_its_sum() -> None:
    """Against the dense normal equations, assembled pair by pair."""
    rng = np.random.default_rng(0)
    middles, weights = rng.normal(size=(3, 4)), rng.uniform(1, 5, (3, 4))
    weights[1, 2] = 1e-6
    matrix = np.diag(weights.ravel())
    stiffness = np.median(weights[weights > 1e-3])
    number = np.arange(12).reshape(3, 4)
    pairs = [*zip(number[1:].ravel(), number[:-1].ravel(), strict=True)]
    pairs += [*zip(number[:, 1:].ravel(), number[:, :-1].ravel(), strict=True)]
    for i, j in pairs:
        matrix[i, i] += stiffness
        matrix[j, j] += stiffness
        matrix[i, j] -= stiffness
        matrix[j, i] -= stiffness
    expected = np.linalg.solve(matrix, (weights * middles).ravel()).reshape(3, 4)
    assert np.allclose(smoothed(middles, weights), expected)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(CRYSTAL, SHAPE, rotation=7, background=0.05, random_state=0)


@pytest.mark.parametrize("noise", [0.05, 0.25])
def test_uniform_fields_lose_nothing(scene: Scene, noise: float) -> None:
    rng = np.random.default_rng(1)
    image = scene.image + noise * np.ptp(scene.image) * rng.normal(size=SHAPE)
    one = AtomFinder(CRYSTAL, refine=None).fit(image)
    field = AtomFinder(CRYSTAL, refine=None, window="auto").fit(image)
    assert _f1(field.atoms_, scene) >= _f1(one.atoms_, scene) - 0.002


def test_a_field_follows_noise_and_finds_no_atom_twice(scene: Scene) -> None:
    rng = np.random.default_rng(1)
    level = np.ptp(scene.image) * np.geomspace(0.02, 0.6, SHAPE[1])
    image = scene.image + level * rng.normal(size=SHAPE)
    one = AtomFinder(CRYSTAL, refine=None).fit(image)
    field = AtomFinder(CRYSTAL, refine=None, window=96).fit(image)
    assert _f1(field.atoms_, scene) >= _f1(one.atoms_, scene)
    positions = field.atoms_.positions
    nearest = KDTree(positions).query(positions, k=2)[0][:, 1]
    assert nearest.min() > 0.3 * CRYSTAL.nearest_distance
    maps = field.windows_
    # The noisier side asks for the higher threshold.
    assert maps.threshold[:, -1].mean() > 1.1 * maps.threshold[:, 0].mean()
    assert field.params_["window"] == 96
    assert field.params_["threshold"] == pytest.approx(np.median(maps.threshold))
    # The fitted image, and what predict finds in it, agree.
    assert np.array_equal(field.predict(image)[:, :2], positions)


def test_denoised_images_have_fields_too(scene: Scene) -> None:
    rng = np.random.default_rng(1)
    image = scene.image + 0.5 * np.ptp(scene.image) * rng.normal(size=SHAPE)
    told = {"refine": None, "denoise": [PatchPCADenoiser()]}
    one = AtomFinder(CRYSTAL, **told).fit(image)
    field = AtomFinder(CRYSTAL, window="auto", **told).fit(image)
    assert _f1(field.atoms_, scene) >= _f1(one.atoms_, scene) - 0.005
    assert np.array_equal(field.predict(image)[:, :2], field.atoms_.positions)


def test_single_atoms_have_no_field() -> None:
    image = np.random.default_rng(0).normal(size=(96, 96))
    image[40:44, 50:54] += 12
    finder = AtomFinder(None, refine=None, window="auto").fit(image)
    assert finder.windows_ is None


@pytest.mark.parametrize(
    ("window", "error", "message"),
    [
        ("all", ValueError, "window must be a number of pixels, 'auto' or None, got 'all'"),
        (8, ValueError, "window"),
        (64.5, TypeError, "window"),
    ],
)
def test_refuses(scene: Scene, window: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        AtomFinder(CRYSTAL, window=window).fit(scene.image)


def test_the_level_of_a_field_is_that_of_the_whole_image(scene: Scene) -> None:
    rng = np.random.default_rng(1)
    image = scene.image + 0.45 * np.ptp(scene.image) * rng.normal(size=SHAPE)
    one = AtomFinder(CRYSTAL, refine=None).fit(image)
    threshold = one.params_["threshold"]
    table = one.detector_.find_candidates(image, threshold / 4).table
    assert level_of(one, table, np.full(SHAPE, threshold)) == 1.0
    expected = one.expectation_
    limit = abs(one.qc_) + expected.uncertainty / 2 + one.er_
    for factor in (0.6, 1.5):
        field = np.full(SHAPE, factor * threshold)
        level = level_of(one, table, field)
        assert (level - 1) * (factor - 1) < 0
        found = with_detector(one.detector_, threshold=level * field).detect(image)
        before = with_detector(one.detector_, threshold=field).detect(image)
        qc = len(found) / expected.n_expected - 1
        assert abs(qc) <= limit < abs(len(before) / expected.n_expected - 1)
