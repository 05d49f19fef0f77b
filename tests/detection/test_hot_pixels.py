"""Single hot pixels are replaced, and nothing else is."""

from __future__ import annotations

import numpy as np

from logstar.detection import SignificanceMap
from logstar.detection._hot_pixels import despiked
from tests.detection.noises import noise_image


class TestHotPixels:
    def test_are_no_atoms(self):
        image = noise_image("white", (256, 256), 0)
        image[[40, 100, 200], [70, 128, 30]] += 60
        assert not (SignificanceMap.of(image, size=1.4).maxima()[:, 4] > 1).any()

    def test_are_those_that_all_neighbors_are_below(self):
        image = noise_image("white", (64, 64), 1)
        image[20, 30] += 60
        # Two beside one another, one on the edge, and a column of pixels may be anything.
        image[40, 40:42] += 60
        image[0, 10] += 60
        image[50:53, 20] += 60
        assert [tuple(place) for place in np.argwhere(despiked(image) != image)] == [(20, 30)]
        assert despiked(image)[20, 30] == np.median(image[18:23, 28:33])

    def test_the_narrowest_atoms_stay(self):
        rows, cols = np.indices((64, 64))
        image = noise_image("white", (64, 64), 0)
        image += 60 * np.exp(-((rows - 30) ** 2 + (cols - 20) ** 2) / (2 * 0.7**2))
        np.testing.assert_array_equal(despiked(image), image)

    def test_nothing_is_unusual_among_few_electrons(self):
        image = noise_image("poisson-0.3", (64, 64), 0)
        np.testing.assert_array_equal(despiked(image), image)
