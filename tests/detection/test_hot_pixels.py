"""Single hot pixels are replaced, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from logstar.detection import SignificanceMap, _hot_pixels
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

    @pytest.mark.parametrize("height", [0.0, 3.0, 6.0, 7.0, 7.9, 8.0, 8.1, 9.0, 12.0, 60.0])
    @pytest.mark.parametrize("shape", [(64, 64), (7, 300), (3, 3), (400, 400)])
    def test_are_found_whether_the_median_is_needed_or_not(self, shape, height, monkeypatch):
        image = noise_image("white", shape, 2)
        image[shape[0] // 2, shape[1] // 3] += height
        quick = despiked(image)
        monkeypatch.setattr(_hot_pixels, "_below_median", lambda _: 0.0)
        np.testing.assert_array_equal(quick, despiked(image))

    @pytest.mark.parametrize("shape", [(50, 41), (3, 2), (600, 300)])
    def test_a_bound_is_not_above_the_median(self, shape):
        rng = np.random.default_rng(0)
        for steps in (rng.random(shape), np.linspace(0, 1, np.prod(shape)).reshape(shape)):
            single = steps.astype(np.float32)
            bound = _hot_pixels._below_median(single)
            assert 0 <= bound <= np.median(single)
        # In the whole a share of the values is as in every part.
        assert _hot_pixels._below_median(rng.random((600, 300)).astype(np.float32)) > 0.45
