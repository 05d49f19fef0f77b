"""The residual of an image from its crystal."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.datasets import make_scene
from logstar.segmentation._residual import _vote, crystal_residual


def test_votes_are_medians():
    rng = np.random.default_rng(0)
    pixels, values = rng.integers(0, 20, 300), rng.normal(size=300).astype(np.float32)
    expected = [np.median(values[pixels == i]) if (pixels == i).any() else 0 for i in range(25)]
    assert _vote(values, pixels, 25) == pytest.approx(expected, abs=1e-6)


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
