"""Drift of frames, by their images and by their atoms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar import Lattice
from logstar.datasets import make_scene
from logstar.tracking import drift_of_atoms, drift_of_images


def test_images_that_were_shifted(rng):
    image = ndimage.gaussian_filter(rng.random((96, 120)), 3, mode="wrap")
    shifts = np.array([(0, 0), (1.3, -0.7), (4, 2), (-3.5, 8.25)])
    frames = [ndimage.shift(image, shift, order=5, mode="grid-wrap") for shift in shifts]
    np.testing.assert_allclose(drift_of_images(iter(frames), upsample=20), shifts, atol=0.06)


def test_a_crystal_is_followed_by_images_and_by_atoms_alike():
    crystal = Lattice.perovskite(4.0, pixel_size=0.2)
    true = np.array([(0, 0), (2, 1), (4, 3), (3, 6)], dtype=float)
    scenes = [
        make_scene(crystal, (160, 160), origin=place, rotation=8, noise=0.2, random_state=i)
        for i, place in enumerate(true + 5)
    ]
    images = drift_of_images(scene.image for scene in scenes)
    np.testing.assert_allclose(images, true, atol=0.3)
    atoms = drift_of_atoms(scene.positions for scene in scenes)
    np.testing.assert_allclose(atoms, true, atol=0.05)


def test_frames_without_content_stand_still(rng):
    image = ndimage.gaussian_filter(rng.random((64, 64)), 2, mode="wrap")
    blank = np.zeros((64, 64))
    frames = [image, blank, np.roll(image, 3, 0)]
    np.testing.assert_allclose(drift_of_images(frames), [(0, 0), (0, 0), (3, 0)], atol=0.01)
    atoms = np.array([(10.0, 10.0), (10.0, 30.0), (30.0, 10.0)])
    found = drift_of_atoms([atoms, np.empty((0, 2)), atoms + 2])
    np.testing.assert_allclose(found, [(0, 0), (0, 0), (2, 2)])


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="frame 1 has shape"):
        drift_of_images([np.eye(8), np.eye(9)])
    with pytest.raises(ValueError, match="upsample must be at least 1"):
        drift_of_images([np.eye(8)], upsample=0)
    with pytest.raises(ValueError, match="search_range must be"):
        drift_of_atoms([np.eye(2)], search_range=-1)
