"""Thresholds that follow windows: the field itself, what it finds, and what windows say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar import AtomFinder, Lattice
from logstar.datasets import Scene, make_scene
from logstar.metrics import detection_metrics
from logstar.preprocessing import PatchPCADenoiser
from logstar.tuning._windows import Windows, _plateau, _smoothed

CRYSTAL = Lattice.ybco(pixel_size=0.2)
SHAPE = (224, 224)


def _f1(atoms: Any, scene: Scene) -> float:
    return detection_metrics(atoms, scene.positions, shape=SHAPE, margin=3).f1


@pytest.mark.parametrize(("shape", "side"), [((100, 260), 64), ((64, 64), 64), ((50, 90), 64)])
def test_windows_cover_the_image_and_half_overlap(shape: tuple[int, int], side: int) -> None:
    windows = Windows(shape, side)
    counted = np.zeros(shape)
    for _, box in windows:
        counted[box] += 1
        assert counted[box].shape == (min(side, shape[0]), min(side, shape[1]))
    assert counted.min() >= 1
    for starts in windows.starts:
        assert (np.diff(starts) <= side / 2 + 1).all()


def test_a_field_is_linear_between_centres_and_constant_beyond() -> None:
    windows = Windows((128, 192), 64)
    rows, cols = windows.centres
    field = windows.spread(np.add.outer(0.1 * rows, -0.2 * cols))
    row, col = np.indices((128, 192))
    expected = 0.1 * np.clip(row, rows[0], rows[-1]) - 0.2 * np.clip(col, cols[0], cols[-1])
    assert np.allclose(field, expected)
    assert np.allclose(Windows((40, 40), 64).spread(np.array([[3.0]])), 3.0)


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
    assert np.allclose(_smoothed(middles, weights), expected)


def test_the_widest_plateau_of_the_right_number_is_taken() -> None:
    """20 atoms respond with .2, 20 of noise with .02; 20 are expected."""
    from logstar.detection import ScaleSpaceCandidates  # noqa: PLC0415 - of this test alone

    row, col = np.divmod(np.arange(40), 8)
    table = np.column_stack([20.0 * row, 20.0 * col, np.full(40, 2.0), np.repeat([0.2, 0.02], 20)])
    candidates = ScaleSpaceCandidates(table, threshold=0.005)
    finder: Any = SimpleNamespace(expectation_=SimpleNamespace(distance_sum=40.0))
    thresholds = np.geomspace(0.005, 0.4, 128)
    low, high = _plateau(candidates, 0.3, thresholds, 20.0, finder)
    assert low == thresholds[thresholds >= 0.02][0]
    assert high == thresholds[thresholds < 0.2][-1]


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
    assert maps.threshold[:, -1].mean() > 1.2 * maps.threshold[:, 0].mean()
    assert field.params_["window"] == 96
    assert field.params_["threshold"] == pytest.approx(np.median(maps.threshold))
    # The fitted image, and what predict finds in it, agree.
    assert np.array_equal(field.predict(image)[:, :2], positions)


def test_maps_say_where_atoms_are_missing() -> None:
    scene = make_scene(CRYSTAL, SHAPE, rotation=7, noise=0.03, random_state=0)
    image = scene.image.copy()
    image[:80, :80] = np.median(image)
    image[:80, :80] += np.random.default_rng(0).normal(0, 0.01, (80, 80))
    maps = AtomFinder(CRYSTAL, refine=None, window=80).fit(image).windows_
    assert maps.verdict[0, 0] in {"check", "empty"}
    assert (maps.verdict[2:, 2:] == "ok").all()
    inside = maps.expected[2:, 2:] * (1 + maps.qc[2:, 2:])
    assert np.allclose(inside, np.round(inside))
    for name in ("threshold", "verdict"):
        figure = maps.plot(name)
        assert figure.axes[0].get_title() == name
    with pytest.raises(ValueError, match="what='row' must be one of"):
        maps.plot("row")


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
