"""How strong the waves of lattices are around each place, against convolutions over all pixels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from logstar.lattice._grain_labels import explained

#: Of two lattices, two waves each, in cycles a pixel.
WAVES = [
    np.array([[0.11, 0.02], [-0.03, 0.09]]),
    np.array([[0.07, -0.08], [0.12, 0.05]]),
]


def image_of(waves, shape):
    rows, cols = np.indices(shape)
    return sum(np.cos(2 * np.pi * (r * rows + c * cols)) for r, c in waves)


@pytest.mark.parametrize("shape", [(150, 190), (97, 300)])
def test_amplitudes_are_those_of_a_gaussian_filter(shape):
    left = np.arange(shape[1]) < shape[1] // 2
    flat = np.where(left, image_of(WAVES[0], shape), image_of(WAVES[1], shape)).astype(np.float32)
    found = explained(flat, WAVES)
    width = 1 / np.linalg.norm(np.concatenate(WAVES), axis=1).min()
    weight = ndimage.gaussian_filter(np.ones(shape), width, mode="constant")
    rows, cols = np.indices(shape)
    for waves, amplitude in zip(WAVES, found, strict=True):
        power = np.zeros(shape)
        for row, col in waves:
            turned = flat * np.exp(-2j * np.pi * (row * rows + col * cols))
            power += np.abs(ndimage.gaussian_filter(turned, width, mode="constant") / weight) ** 2
        np.testing.assert_allclose(amplitude, np.sqrt(power), atol=0.02)
    # A cosine is two waves of half its height.
    inner = found[0][30:-30, 30 : shape[1] // 2 - 50]
    assert np.median(inner) == pytest.approx(np.sqrt(2) / 2, rel=0.02)
    assert np.median(found[1][30:-30, 30 : shape[1] // 2 - 50]) < 0.1
