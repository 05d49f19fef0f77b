"""The residual of an image from its crystal."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from logstar.datasets import make_scene
from logstar.segmentation._own_kind import Frames
from logstar.segmentation._residual import _vote, crystal_residual


@pytest.mark.parametrize("n", [0, 1, 40, 300])
def test_votes_are_medians(n):
    rng = np.random.default_rng(n)
    size, shape = 5, (17, 23)
    # Windows that reach beyond the image, several on one place, and values that are equal.
    frames = Frames.of(rng.integers(0, shape, size=(n, 2)).astype(float), size, shape)
    values = rng.integers(-3, 4, size=(n, size**2)).astype(np.float32)
    votes = [[[] for _ in range(shape[1])] for _ in range(shape[0])]
    for (row, col), window in zip(frames.first, values.reshape(n, size, size), strict=True):
        for (i, j), value in np.ndenumerate(window):
            if 0 <= row + i < shape[0] and 0 <= col + j < shape[1]:
                votes[row + i][col + j].append(value)
    expected = [[np.median(own) if own else 0 for own in line] for line in votes]
    assert_array_equal(_vote(values, frames), expected)


def test_a_moved_atom_is_seen_where_it_is_and_nowhere_else():
    scene = make_scene(shape=(256, 256), random_state=0)
    pocket = make_scene(
        shape=(256, 256), amorphous_pockets=[(128, 128, 40)], origin=(3, 4), random_state=0
    )
    spacing = scene.lattice.nearest_distance
    clean = crystal_residual(scene.image, scene.positions, spacing)
    damaged = crystal_residual(pocket.image, pocket.positions, spacing)
    assert np.sqrt(np.mean(clean.values[10:-10, 10:-10] ** 2)) < 0.03 * clean.contrast
    inside = pocket.amorphous_mask[:: damaged.step, :: damaged.step]
    energy = damaged.values**2
    assert energy[inside].mean() > 50 * energy[~inside].mean()


def test_intensity_that_rises_across_the_image_is_no_residual():
    scene = make_scene(shape=(256, 256), gradient=0.5, random_state=0)
    result = crystal_residual(scene.image, scene.positions, scene.lattice.nearest_distance)
    assert np.sqrt(np.mean(result.values[10:-10, 10:-10] ** 2)) < 0.04 * result.contrast


def test_contrast_that_float32_would_lose_is_none_whatever_a_black_frame_has():
    scene = make_scene(shape=(256, 256), random_state=0)
    image = 1e6 + 0.1 * scene.image.astype(np.float64)
    image[:40] = 0.0
    inside = scene.positions[scene.positions[:, 0] > 100]
    with pytest.raises(ValueError, match="no crystal to compare with"):
        crystal_residual(image, inside, scene.lattice.nearest_distance)
