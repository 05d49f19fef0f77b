"""Windows with ladders of their own: which holds where, and that no atom is found twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial import KDTree

from logstar import AtomFinder, Lattice
from logstar.datasets import Scene, make_scene
from logstar.metrics import detection_metrics
from logstar.tuning import LiveFinder
from logstar.tuning._window_ladders import nearest_window
from logstar.tuning._windows import Windows

CRYSTAL = Lattice.ybco(pixel_size=0.2)
SHAPE = (224, 224)
TOLD: dict[str, Any] = {"refine": None, "window": 96, "window_ladders": True}


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The left part is twice as sharp as the right one."""
    sharp, broad = (
        make_scene(CRYSTAL, SHAPE, rotation=7, sigma=sigma, random_state=0) for sigma in (1.8, 3.4)
    )
    share = np.linspace(0, 1, SHAPE[1])
    noise = 0.05 * np.ptp(sharp.image) * np.random.default_rng(1).normal(size=SHAPE)
    return Scene(
        image=(sharp.image * (1 - share) + broad.image * share + noise).astype(np.float32),
        positions=sharp.positions,
        kinds=sharp.kinds,
        lattice=CRYSTAL,
        description="focus that varies",
    )


@pytest.fixture(scope="module")
def finder(scene: Scene) -> AtomFinder:
    return AtomFinder(CRYSTAL, **TOLD).fit(scene.image)


def test_pixels_belong_to_the_nearest_centre() -> None:
    windows = Windows((100, 170), 64)
    nearest = nearest_window(windows)
    for axis, indices in enumerate(nearest):
        for pixel, index in enumerate(indices.ravel()):
            away = np.abs(windows.centres[axis] - pixel)
            assert away[index] == away.min()
    # A grid of values becomes an image.
    assert np.zeros(windows.grid)[nearest].shape == (100, 170)


def test_no_atom_is_found_twice_and_few_are_missed(finder: AtomFinder, scene: Scene) -> None:
    f1 = detection_metrics(finder.atoms_, scene.positions, shape=SHAPE, margin=3).f1
    assert f1 > 0.96
    nearest = KDTree(finder.atoms_.positions).query(finder.atoms_.positions, k=2)[0][:, 1]
    assert nearest.min() > 0.3 * CRYSTAL.nearest_distance


def test_maps_have_the_ladders(finder: AtomFinder) -> None:
    maps = finder.windows_
    ladders = set(zip(maps.min_sigma.ravel(), maps.max_sigma.ravel(), strict=True))
    assert len(ladders) > 1
    tried = finder.search_.cv_results_
    assert ladders <= set(zip(tried["param_min_sigma"], tried["param_max_sigma"], strict=True))
    # Atoms are of the ladder of the window that is nearest to them.
    rows, cols = np.rint(finder.atoms_.positions).astype(int).T
    windows = Windows(SHAPE, 96)
    nearest = tuple(axis.ravel() for axis in nearest_window(windows))
    place = nearest[0][rows], nearest[1][cols]
    sigma = finder.atoms_["sigma"]
    assert (sigma >= maps.min_sigma[place] - 1e-9).all()
    assert (sigma <= maps.max_sigma[place] + 1e-9).all()
    assert (finder.atoms_["response"] > maps.threshold[place]).all()
    assert maps.plot("min_sigma").axes[0].get_title() == "min_sigma"


def test_predict_finds_the_same_and_frames_of_another_shape_have_one_setting(
    finder: AtomFinder, scene: Scene
) -> None:
    assert np.array_equal(finder.predict(scene.image)[:, :2], finder.atoms_.positions)
    with LiveFinder(finder, retune="never") as live:
        assert len(live.process(scene.image).atoms) == len(finder.atoms_)
        part = live.process(scene.image[:200, :200])
    one = AtomFinder(CRYSTAL, refine=None).fit(scene.image)
    expected = one.detector_.detect(scene.image[:200, :200])
    assert len(part.atoms) == pytest.approx(len(expected), rel=0.05)


def test_denoised_images_have_them_too(scene: Scene) -> None:
    noise = 0.3 * np.ptp(scene.image) * np.random.default_rng(2).normal(size=SHAPE)
    finder = AtomFinder(CRYSTAL, denoise="auto", **TOLD).fit(scene.image + noise)
    assert detection_metrics(finder.atoms_, scene.positions, shape=SHAPE, margin=3).f1 > 0.96
    assert np.array_equal(finder.predict(scene.image + noise)[:, :2], finder.atoms_.positions)
    with LiveFinder(finder, retune="never") as live:
        assert len(live.process((scene.image + noise)[:200, :200]).atoms) > 150


def test_ladders_need_windows(scene: Scene) -> None:
    with pytest.raises(ValueError, match="window_ladders=True needs a window"):
        AtomFinder(CRYSTAL, window_ladders=True).fit(scene.image)
