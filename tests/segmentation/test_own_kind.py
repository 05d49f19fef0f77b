"""What surroundings should look like, against a loop over the windows and their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from logstar.datasets import make_scene
from logstar.segmentation import AmorphousGMMSegmenter, _own_kind
from logstar.segmentation._own_kind import Frames, own_kind

SIZE = 7


def windows_of(n, seed=0):
    """Random windows of three kinds in an image of 60 x 50 px, many of them cut by its edge."""
    rng = np.random.default_rng(seed)
    centres = np.argwhere(np.ones((60, 50)))[rng.choice(3000, n, replace=False)]
    frames = Frames.of(centres + rng.uniform(-0.4, 0.4, size=(n, 2)), SIZE, (60, 50))
    kinds = rng.normal(size=(3, SIZE**2))
    windows = kinds[rng.integers(0, 3, n)] * rng.uniform(0.7, 1.4, (n, 1))
    windows += 0.3 * rng.normal(size=windows.shape)
    windows -= windows.mean(axis=1, keepdims=True)
    return windows.astype(np.float32), frames


def inside_of(frames):
    places = frames.first[:, :, None] + np.arange(SIZE)
    rows, cols = np.moveaxis((places >= 0) & (places < np.array(frames.shape)[:, None]), 1, 0)
    return (rows[:, :, None] & cols[:, None, :]).reshape(len(places), -1)


def slow_own_kind(windows, frames, n_similar):
    """One window after the other, as the sentence says."""
    inside = inside_of(frames)
    whole = np.flatnonzero(inside.all(axis=1))
    n_components = min(20, len(whole), SIZE**2)
    places = PCA(n_components, svd_solver="full").fit(windows[whole]).transform(windows)
    kind = np.zeros_like(windows, dtype=np.float64)
    for i, (window, seen) in enumerate(zip(windows.astype(np.float64), inside, strict=True)):
        if seen.all():
            others = whole[whole != i]
            distances = ((places[others] - places[i]) ** 2).sum(axis=1)
        else:
            others = whole
            parts = windows[others][:, seen].astype(np.float64)
            parts -= parts.mean(axis=1, keepdims=True)
            distances = ((parts - window[seen] + window[seen].mean()) ** 2).sum(axis=1)
        mean = windows[others[np.argsort(distances)[:n_similar]]].mean(axis=0, dtype=np.float64)
        mean = np.where(seen, mean - mean[seen].mean(), 0)
        kind[i] = mean * np.clip(mean @ window / (mean @ mean), 0.5, 2)
    return kind


@pytest.mark.parametrize("n", [30, 200])
def test_the_kind_is_that_of_a_loop_over_the_windows(n):
    windows, frames = windows_of(n)
    n_whole = int(frames.is_whole.sum())
    assert 8 < n_whole < n
    expected = slow_own_kind(windows, frames, min(25, n_whole - 1))
    assert_allclose(own_kind(windows, frames), expected, atol=2e-5)


def test_frames_know_what_is_inside():
    _, frames = windows_of(200)
    inside = inside_of(frames)
    assert_array_equal(frames.is_whole, inside.all(axis=1))
    assert_array_equal(frames.cut_inside(), inside[~inside.all(axis=1)])


def test_no_window_may_be_cut():
    frames = Frames.of(np.full((2, 2), 20.0), SIZE, (60, 50))
    assert frames.cut_inside().shape == (0, SIZE**2)


def test_pixels_of_a_window_follow_one_another_wherever_its_centre_is():
    """Halfway between pixels, rounding each to the nearest even one would repeat and skip some."""
    frames = Frames.of(np.array([[3.5, 4.5], [2.5, 5.5]]), 3, (12, 12))
    assert_array_equal(frames.first, [[3, 4], [2, 5]])


def test_a_sample_of_references_does_not_depend_on_the_order_of_the_atoms(monkeypatch):
    monkeypatch.setattr(_own_kind, "_MAX_REFERENCES", 50)
    windows, frames = windows_of(300)
    order = np.random.default_rng(1).permutation(len(windows))
    shuffled = own_kind(windows[order], frames._replace(first=frames.first[order]))
    assert_allclose(shuffled, own_kind(windows, frames)[order], atol=1e-5)


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_a_sample_of_two_thirds_gives_the_regions_of_all(monkeypatch, noise):
    """The bound that is promised beyond `_MAX_REFERENCES` whole windows."""
    scene = make_scene(
        shape=(512, 512),
        amorphous_pockets=[(150, 150, 70), (350, 340, 50)],
        noise=noise,
        random_state=0,
    )

    def masks():
        segmenter = AmorphousGMMSegmenter(random_state=0)
        return segmenter.fit(scene.image, positions=scene.positions).mask_

    def overlap(a, b):
        return (a & b).sum() / (a | b).sum()

    exact = masks()
    monkeypatch.setattr(_own_kind, "_MAX_REFERENCES", 2 * len(scene.positions) // 3)
    sampled = masks()
    assert overlap(sampled, exact) > 0.97
    true = scene.amorphous_mask
    assert overlap(sampled, true) == pytest.approx(overlap(exact, true), abs=0.01)
